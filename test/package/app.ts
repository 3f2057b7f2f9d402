import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { type Ended, startProcess } from "../cli/command.js";
import { repository } from "../lib/repository.js";

/** What `npm pack` needs of the repository. */
const SOURCES = [
  ".ci",
  "bench",
  "kernels",
  "src",
  "CHANGELOG.md",
  "LICENSE",
  "README.md",
  "jsr.json",
  "package.json",
  "tsconfig.json",
];

/** What the tests of the package are done with; the library needs none of it. */
export const tools = join(repository, "test/package/tools");

/** What the tests of the package leave on disk, until the process ends. */
const folder = mkdtempSync(join(tmpdir(), "simclr-package-"));
process.on("exit", () => rmSync(folder, { recursive: true }));

/** Runs a program to its end. Fails where it fails. */
export async function succeed(program: string, args: readonly string[], cwd: string): Promise<Ended> {
  const ended = await startProcess(program, args, { cwd }).ended;
  assert.is(ended.code, 0, `${program} ${args.join(" ")}\n${ended.stdout}${ended.stderr}`);
  return ended;
}

/** A copy of the repository, which `npm pack` leaves as it is packed. */
export const sources = join(folder, "sources");

async function pack(): Promise<string> {
  for (const name of SOURCES) {
    const filter = (path: string) => !path.includes("node_modules");
    cpSync(join(repository, name), join(sources, name), { recursive: true, filter });
  }
  symlinkSync(join(repository, "node_modules"), join(sources, "node_modules"));
  const { stdout } = await succeed("npm", ["pack", "--silent", "--pack-destination", folder], sources);
  return join(folder, stdout.trim());
}

let packed: Promise<string> | null = null;

/** The path of the package as `npm pack` makes it. Made once a process. */
export function tarball(): Promise<string> {
  packed ??= pack();
  return packed;
}

/**
 * A new folder that has nothing but the package, installed from the tarball without its optional dependencies.
 * @param dependencies names of packages that are there besides, as the repository has them
 */
export async function newApp(dependencies: readonly string[] = []): Promise<string> {
  const app = mkdtempSync(join(folder, "app-"));
  writeFileSync(join(app, "package.json"), '{ "name": "app", "private": true, "type": "module" }\n');
  const quiet = ["--no-audit", "--no-fund", "--offline"];
  await succeed("npm", ["install", "--omit=optional", ...quiet, await tarball()], app);
  for (const name of dependencies) symlinkSync(join(repository, "node_modules", name), join(app, "node_modules", name));
  return app;
}
