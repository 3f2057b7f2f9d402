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

/** What starts this program again: "npm run simclr --", "npx simclr", "simclr" or "node dist/src/cli/simclr.cjs". */
function starter({ argv: [runtime, program], env, cwd, platform }: Call): string {
  const event = env["npm_lifecycle_event"] ?? "";
  const installed = /[\\/]node_modules[\\/]/.test(program);
  if (["simclr", "start"].includes(event) && !installed) return "npm run simclr --";
  const name = basename(program).replace(/\.cjs$/, "");
  const engine = basename(runtime).replace(/\.exe$/, "");
  if (engine === "deno" && /[\\/]npm[\\/]/.test(program)) return "deno run -A npm:webgpu-simclr/simclr";
  if (event === "bunx") return `bunx ${name}`;
  if (event === "npx" || installed) return `npx ${name}`;
  if (!/\.[cm]?[jt]s$/.test(program)) return name;
  const near = relative(cwd, program);
  const path = quoted(near.length < program.length ? near : program, platform);
  return engine === "deno" ? `deno run -A ${path}` : `${engine} ${path}`;
}

/** A command of this program that can be pasted into a shell as it is: quoted, and called as this process was. */
export function suggested(
  args: readonly string[],
  call: Call = { argv: process.argv, env: process.env, cwd: process.cwd(), platform: process.platform },
): string {
  return [starter(call), ...args.map((word) => quoted(word, call.platform))].join(" ");
}
