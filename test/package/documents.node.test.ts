import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { simclr } from "../cli/command.js";
import { repository } from "../lib/repository.js";

const documents = suite("documents");

const read = (path: string): string => readFileSync(join(repository, path), "utf8");

/** Every document of the project. */
function documentPaths(): string[] {
  const below = ["src", "kernels", "bench", "test"].flatMap((folder) =>
    readdirSync(join(repository, folder), { recursive: true, encoding: "utf8" }).map((path) => join(folder, path)),
  );
  const own = below.filter((path) => !path.includes("node_modules") && path.endsWith(".md"));
  return ["README.md", "CHANGELOG.md", ...own];
}

/** What a heading is called in a link, as GitHub does it. */
function anchorsOf(text: string): string[] {
  return Array.from(text.matchAll(/^#+ (.+)$/gm), ([, heading]) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

documents("lead to files and headings that are there", () => {
  const paths = documentPaths();
  assert.ok(paths.includes("bench/README.md") && paths.includes("src/engine/README.md"));
  for (const path of paths) {
    for (const [, target] of read(path).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target)) continue;
      const [file, anchor] = target.split("#");
      const there = file === "" ? path : join(dirname(path), file);
      assert.ok(existsSync(join(repository, there)), `${path} leads to ${target}`);
      if (anchor === undefined) continue;
      assert.ok(anchorsOf(read(there)).includes(anchor), `${path} leads to ${target}, and there is no such heading`);
    }
  }
});

documents("name programs of the benchmarks that are there", () => {
  for (const path of documentPaths()) {
    for (const [, name] of read(path).matchAll(/dist\/bench\/([\w-]+)\.js/g)) {
      assert.ok(existsSync(join(repository, `bench/${name}.ts`)), `${path} names dist/bench/${name}.js`);
    }
  }
});

documents("of the front page: short, and every command of simclr with options that it has", async () => {
  const readme = read("README.md");
  assert.ok(readme.split("\n").length <= 200, "lines");
  const { stdout } = await simclr(["--help"], { cwd: repository });
  const commands = Array.from(stdout.matchAll(/^ {2}([a-z]+) .*[[<]/gm), ([, name]) => name);
  assert.ok(commands.includes("train") && commands.includes("kernels"));
  for (const command of commands.filter((name) => name !== "help")) {
    const lines = Array.from(
      readme.matchAll(new RegExp(`npx (?:webgpu-)?simclr ${command}\\b(.*)`, "g")),
      ([line]) => line,
    );
    assert.ok(lines.length > 0, `the README shows ${command}`);
    const help = (await simclr([command, "--help"], { cwd: repository })).stdout;
    for (const option of lines.join("\n").matchAll(/--[a-z-]+/g)) {
      assert.ok(option[0] === "--help" || help.includes(`${option[0]} `), `${command} ${option[0]}`);
    }
  }
});

documents.run();
