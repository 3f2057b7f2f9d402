import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Comparison } from "../../bench/measure/regression.js";
import { withBuild } from "../../bench/regression/builds.js";
import { repository } from "../lib/repository.js";

const run = (...words: string[]) =>
  promisify(execFile)(process.execPath, words, { cwd: `${repository}dist/bench` }).catch((error) => error);

const commands = suite("benchmark commands");

commands("measure the cases that are asked for", async () => {
  const { stdout } = await run("kernels.js", "--only", "transpose", "--rounds", "1", "--json");
  const { adapter, runtime, roofline, rows } = JSON.parse(stdout);
  assert.type(adapter, "string");
  assert.match(runtime, /^Node \d/);
  assert.ok(roofline.fma > 0 && roofline.copy > 0);
  assert.is(rows.length, 1);
  assert.equal(rows[0].launches[0].kernel, "transpose");
  assert.ok(rows[0].milliseconds > 0 && rows[0].share > 0);
});

commands("measure a training step", async () => {
  const { stdout } = await run("step.js", "convnet", "2", "--rounds", "1", "--json");
  const { batch, millisecondsPerStep, dispatches, kernels } = JSON.parse(stdout);
  assert.is(batch, 2);
  assert.ok(millisecondsPerStep > 0 && dispatches > 50);
  assert.ok(kernels.some(({ kernel }: { kernel: string }) => kernel === "conv2d"));
});

commands("measure the steps of the methods beside each other", async () => {
  const { stdout } = await run("methods.js", "convnet", "4", "16", "--rounds", "1", "--json");
  const { rows, lossRate } = JSON.parse(stdout);
  assert.ok(lossRate > 0);
  assert.equal(
    rows.map(({ method }: { method: string }) => method),
    ["simclr", "byol", "moco", "simsiam", "barlow", "vicreg", "lejepa"],
  );
  for (const { milliseconds, ofRates, dispatches, bytes } of rows)
    assert.ok(milliseconds > 0 && ofRates > 0 && dispatches > 50 && bytes > 0);
});

commands("compare batch sizes, and draw the comparison", async () => {
  const folder = await mkdtemp(join(tmpdir(), "batch-size-test-"));
  try {
    const chart = join(folder, "chart.svg");
    const sizes = ["--batches", "2,5", "--micro-batch", "2", "--size", "16", "--rounds", "1"];
    const { stdout } = await run("batch-size.js", ...sizes, "--chart", chart, "--json");
    const { rows, leftOut } = JSON.parse(stdout);
    assert.equal(
      rows.map((row: { batch: number; microBatch: number }) => [row.batch, row.microBatch]),
      [
        [2, 2],
        [5, 2],
      ],
    );
    assert.equal(leftOut, []);
    for (const { imagesPerSecond, peakBytes, lossShare } of rows) {
      // The loss is timed by itself, and on a busy machine that may take longer than the whole step did.
      assert.ok(imagesPerSecond > 0 && peakBytes > 0 && lossShare > 0);
    }
    assert.match(await readFile(chart, "utf8"), /^<svg .*device memory/);
  } finally {
    await rm(folder, { recursive: true });
  }
});

commands("compare attention with one that stores its scores", async () => {
  const { stdout } = await run("attention.js", "--tokens", "5,9", "--depth", "8", "--rounds", "1", "--json");
  const { rows } = JSON.parse(stdout);
  assert.equal(
    rows.map(({ tokens, images }: { tokens: number; images: number }) => [tokens, images]),
    [
      [5, 205],
      [9, 114],
    ],
  );
  for (const { milliseconds, bytes, unfused } of rows)
    assert.ok(milliseconds > 0 && bytes > 0 && unfused.milliseconds > 0 && unfused.bytes > bytes);
});

commands("compare the loss with one that stores its matrix", async () => {
  const { stdout } = await run("loss.js", "--rows", "8,16", "--dimensions", "4", "--rounds", "1", "--json");
  const { rows } = JSON.parse(stdout);
  assert.equal(
    rows.map(({ rows, dimension }: { rows: number; dimension: number }) => [rows, dimension]),
    [
      [8, 4],
      [16, 4],
    ],
  );
  for (const { milliseconds, bytes, unfused } of rows) {
    assert.ok(milliseconds > 0 && bytes > 0 && unfused.milliseconds > 0 && unfused.bytes > 0);
  }
});

commands("climb a matrix product from the naive kernel up, each rung held against the reference", async () => {
  const { stdout } = await run("matmul-ladder.js", "128", "--rounds", "1", "--json");
  const { roofline, rows } = JSON.parse(stdout);
  assert.ok(roofline.fma > 0);
  assert.equal(
    rows.slice(0, 5).map(({ name }: { name: string }) => name),
    ["naive", "registers", "tiles in workgroup memory", "tiles, vector loads", "registers, vector loads"],
  );
  const loads = new Map<string, number>();
  for (const { name, gigaflops, share, perLoad } of rows) {
    assert.ok(gigaflops > 0 && share > 0, name);
    loads.set(name, perLoad);
  }
  const [naive, registers = 0, tiles = 0, vectors] = loads.values();
  assert.is(naive, 1 / 2);
  assert.ok(registers > 1 && tiles > 1);
  assert.is(vectors, 4 * tiles);
});

commands("compare a build with itself, and find nothing worse in what does not depend on chance", async () => {
  const { stdout } = await run("regression.js", "convnet", "2", "16", "--base", repository, "--rounds", "3", "--json");
  const { compared } = JSON.parse(stdout);
  const [time, ...others] = compared;
  assert.ok(time.base > 0 && time.here > 0 && time.noise >= 0.02);
  assert.equal(
    others.map(({ figure, ratio, worse }: Comparison) => [figure, ratio, worse]),
    [
      ["dispatches", 1, false],
      ["device memory", 1, false],
      ["bundle, gzipped", 1, false],
    ],
  );
  assert.ok(others[0].here > 50 && others[1].here > 2 ** 20);
});

commands("end with 1 where a build that was better is the base", async () => {
  const folder = await mkdtemp(join(tmpdir(), "regression-test-"));
  try {
    const ours = JSON.stringify(pathToFileURL(`${repository}dist/src/index.js`).href);
    // A build that takes a quarter of the pixels, and the memory that goes with them. It has no door that could be bundled.
    const source = `export * from ${ours};
import { datasetFromPixels as whole } from ${ours};
export function datasetFromPixels({ pixels, width, height, channels }) {
  return whole({ pixels: pixels.subarray(0, pixels.length / 4), width: width / 2, height: height / 2, channels });
}
`;
    await mkdir(join(folder, "dist/src"), { recursive: true });
    await writeFile(join(folder, "package.json"), '{ "type": "module" }');
    await writeFile(join(folder, "dist/src/index.js"), source);
    const { code, stdout, stderr } = await run(
      "regression.js",
      "convnet",
      "2",
      "32",
      "--base",
      folder,
      "--rounds",
      "3",
    );
    assert.is(code, 1);
    assert.match(stdout, /^device memory .* WORSE$/m);
    assert.not.match(stdout, /^bundle/m);
    assert.match(stderr, /error: worse than .*: .*device memory/);
  } finally {
    await rm(folder, { recursive: true });
  }
});

commands("build a commit to compare with, and leave nothing of it behind", async () => {
  const git = (...words: string[]) => promisify(execFile)("git", words, { cwd: repository });
  // Where the sources have no history there is nothing to build.
  if (!existsSync(join(repository, ".git"))) return;
  const built = await withBuild("HEAD", async (folder) => {
    assert.not.equal(resolve(folder), resolve(repository));
    assert.ok(existsSync(join(folder, "dist/src/index.js")));
    return folder;
  });
  assert.not.ok(existsSync(built));
  assert.not.ok((await git("worktree", "list")).stdout.includes(built));
});

commands("say what is wrong with a setting", async () => {
  for (const [words, message] of [
    [["kernels.js", "--only", "no such case"], "no case matches"],
    [["kernels.js", "--only", "("], "no regular expression"],
    [["host.js", "--rounds", "0"], 'rounds is "0"'],
    [["regression.js", "--rounds", "2"], 'rounds is "2"; it must be a whole number from 3 up'],
    [["matmul-ladder.js", "100"], 'size is "100"'],
    [["matmul-ladder.js", "200"], "size is 200; it must be a multiple of 128"],
    [
      ["regression.js", "--base", "no-such-commit"],
      "no-such-commit is neither a commit nor a folder with dist/src/index.js",
    ],
    [["step.js", "resnet17"], 'no encoder "resnet17"'],
    [["step.js", "convnet", "many"], 'batch is "many"'],
    [["step.js", "--precision", "f16"], 'no precision "f16"'],
  ] as const) {
    const { code, stderr } = await run(...words);
    assert.is(code, 1);
    assert.match(stderr, message);
  }
});

commands.run();
