import { basename, relative } from "node:path";

/** How this process was called: what stands before its arguments. */
export interface Call {
  /** As in `process.argv`: the runtime, and the program's path. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Of `process.platform`. */
  readonly platform: string;
}

/** Words that no shell changes. */
const PLAIN = /^[\w@%+=:,./-]+$/;

/** A word as a shell takes it whole: POSIX's, or, on Windows, cmd and PowerShell. */
function quoted(word: string, platform: string): string {
  if (platform === "win32") return /^[\w@+=:,./\\-]+$/.test(word) ? word : `"${word}"`;
  return PLAIN.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** What starts this program again: "npm run simclr --", "npx simclr", "simclr" or "node dist/src/cli/main.js". */
function starter({ argv: [runtime, program], env, cwd, platform }: Call): string {
  const event = env["npm_lifecycle_event"] ?? "";
  if (["simclr", "start"].includes(event) && !program.includes("node_modules")) return "npm run simclr --";
  if (/\.[cm]?[jt]s$/.test(program)) {
    const near = relative(cwd, program);
    const path = near.length < program.length ? near : program;
    return `${basename(runtime).replace(/\.exe$/, "")} ${quoted(path, platform)}`;
  }
  const name = basename(program);
  if (event === "bunx") return `bunx ${name}`;
  return event === "npx" || program.includes("node_modules") ? `npx ${name}` : name;
}

/** A command of this program that can be pasted into a shell as it is: quoted, and called as this process was. */
export function suggested(
  args: readonly string[],
  call: Call = { argv: process.argv, env: process.env, cwd: process.cwd(), platform: process.platform },
): string {
  return [starter(call), ...args.map((word) => quoted(word, call.platform))].join(" ");
}
