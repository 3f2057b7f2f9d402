import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { ConfigError, SimclrError } from "../../src/errors.js";
import type { BuildStep } from "../measure/regression.js";
import type { StepShape } from "../measure/training.js";

/** The folder of this build; the module is in dist/bench/regression/. */
export const here = fileURLToPath(new URL("../../../", import.meta.url));

/** What a build exports to pages. */
const ENTRY = "dist/src/index.js";

/** What a program printed. @throws SimclrError with what it said where it fails. */
function output(program: string, words: readonly string[], cwd: string): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(program, words, { cwd, maxBuffer: 2 ** 26 }, (cause, stdout, stderr) => {
      if (cause === null) return resolve(stdout);
      const said = stderr.trim() || stdout.trim() || cause.message;
      reject(new SimclrError(`${program} ${words.join(" ")} failed: ${said}`, { cause }));
    });
  });
}

/** The last tag. @throws ConfigError where there is none. */
export async function lastRelease(): Promise<string> {
  const tag = await output("git", ["describe", "--tags", "--abbrev=0"], here).catch((cause) => {
    throw new ConfigError("there is no tag, and so no last release: say --base <commit, or a build's folder>", {
      cause,
    });
  });
  return tag.trim();
}

/**
 * Does something with the folder of another build: `base` itself where that is one, an installed package as well, and else one
 * made for it of the commit of that name, with this build's packages, in a temporary folder.
 * @throws ConfigError where there is neither; SimclrError where the commit does not compile
 */
export async function withBuild<Result>(base: string, work: (folder: string) => Promise<Result>): Promise<Result> {
  if (existsSync(join(base, ENTRY))) return work(base);
  const commit = await output("git", ["rev-parse", "--verify", `${base}^{commit}`], here).catch((cause) => {
    throw new ConfigError(`${base} is neither a commit nor a folder with ${ENTRY}`, { cause });
  });
  const parent = await mkdtemp(join(tmpdir(), "webgpu-simclr-base-"));
  const folder = join(parent, "base");
  try {
    await output("git", ["worktree", "add", "--detach", folder, commit.trim()], here);
    await symlink(join(here, "node_modules"), join(folder, "node_modules"), "junction");
    const compiler = join(here, "node_modules/typescript/bin/tsc");
    await output(process.execPath, [compiler], folder).catch((error: unknown) => {
      // With packages of another version the types may not fit, and the code all the same.
      if (!existsSync(join(folder, ENTRY))) throw error;
    });
    return await work(folder);
  } finally {
    await rm(parent, { recursive: true, force: true });
    await output("git", ["worktree", "prune"], here).catch(() => {});
  }
}

/** Measures a build's training step in a process of its own. */
export async function measureBuild(
  folder: string,
  { encoder, batch, imageSize, precision = "f32" }: StepShape,
): Promise<BuildStep> {
  const runner = "deno" in process.versions ? ["run", "--allow-all"] : [];
  const worker = fileURLToPath(new URL("worker.js", import.meta.url));
  const shape = [encoder, batch, imageSize, precision].map(String);
  const printed = await output(process.execPath, [...runner, worker, join(folder, ENTRY), ...shape], here);
  // npm `webgpu` itself writes warnings to stdout.
  return JSON.parse(printed.split("\n").findLast((line) => line.startsWith("{")) ?? "null");
}

/** Bytes of a bundle of all that a build exports to pages, minified and gzipped; null where it makes none. */
export async function bundleBytes(folder: string): Promise<number | null> {
  const stdin = { contents: `export * from "./${ENTRY}";`, resolveDir: folder };
  const options = { bundle: true, minify: true, write: false, logLevel: "silent" } as const;
  const made = await build({ stdin, format: "esm", platform: "browser", ...options }).catch(() => null);
  return made === null ? null : gzipSync(made.outputFiles[0].contents, { level: 9 }).length;
}
