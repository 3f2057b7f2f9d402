import { readdirSync, statSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { classFolders } from "../cli/pictures.js";
import { writeFiles } from "../data/make-files.js";
import { newApp, succeed } from "./app.js";

const install = suite("the package, installed");

function filesBelow(folder: string): { path: string; bytes: number }[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((file) => ({ path: file.replaceAll("\\", "/"), file: statSync(join(folder, file)) }))
    .flatMap(({ path, file }) => (file.isFile() ? [{ path, bytes: file.size }] : []));
}

/** What a program of these lines prints. */
async function run(app: string, ...lines: readonly string[]): Promise<string> {
  await writeFile(join(app, "program.js"), lines.join("\n"));
  return (await succeed(process.execPath, ["program.js"], app)).stdout;
}

install("without its optional dependencies brings itself alone, and nothing that it does not need", async () => {
  const app = await newApp();
  const packages = readdirSync(join(app, "node_modules")).filter((name) => !name.startsWith("."));
  assert.equal(packages, ["webgpu-simclr"]);
  const files = filesBelow(join(app, "node_modules"));
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  console.log(`${files.length} files, ${(bytes / 1e6).toFixed(1)} MB`);
  assert.ok(bytes < 12.5e6, `${bytes} bytes`);
  assert.equal(
    files.filter(({ path }) => /\.map$|\.test\.|\.ts$/.test(path) && !/\.d\.ts$|src\/examples/.test(path)),
    [],
  );
  const scripts = files.filter(({ path }) => path.endsWith(".js"));
  for (const { path } of scripts) {
    const text = await readFile(join(app, "node_modules", path), "utf8");
    assert.not.match(text, /sourceMappingURL/, path);
  }
  const licences = await readFile(join(app, "node_modules/webgpu-simclr/dist/src/vendor/LICENSES.txt"), "utf8");
  for (const name of [
    "commander",
    "@observablehq/plot",
    "d3-array",
    "linkedom",
    "pbf",
    "tar-stream",
    "umap-js",
    "yauzl",
  ])
    assert.match(licences, new RegExp(`^${name} [0-9.]+ \\(`, "m"));
});

install("without `webgpu` and `sharp` says which is missing, and where", async () => {
  const app = await newApp();
  await writeFiles(join(app, "photos"), await classFolders(4));
  const said = await run(
    app,
    'import { openDevice } from "webgpu-simclr";',
    'import { openImages } from "webgpu-simclr/node";',
    "await openDevice().catch((error) => console.log(error.name, error.message));",
    'await openImages("photos").catch((error) => console.log(error.name, error.message));',
  );
  assert.match(said, /^AdapterError .*npm install webgpu/m);
  assert.match(said, /^DataError .*npm install sharp/m);
});

install("without `sharp` trains on pixels, and refuses a run that would end in a report", async () => {
  const app = await newApp(["webgpu"]);
  const said = await run(
    app,
    'import { datasetFromPixels, openDevice, startRun } from "webgpu-simclr/node";',
    "const pixels = Uint8Array.from({ length: 8 * 16 * 16 * 3 }, (_, i) => (i * i * 31 + i) % 251);",
    "const train = datasetFromPixels({ pixels, channels: 3, width: 16, height: 16 });",
    "const device = await openDevice();",
    "const run = (options) => startRun(device, { train, test: null }, { width: 0.25, batch: 4, epochs: 1 }, options);",
    "await run({}).catch((error) => console.log(error.name, error.message));",
    "const { finished, report } = await run({ brief: true });",
    "console.log(finished, report);",
    "device.close();",
  );
  assert.match(said, /^DataError .*npm install sharp/m);
  assert.match(said, /^true null$/m);
  assert.equal(readdirSync(join(app, "runs")).length, 1, "the refused run leaves no folder");
});

install("is a command line that trains on a folder and reports, and the benchmark of batch sizes", async () => {
  const app = await newApp(["webgpu", "sharp"]);
  const simclr = (name: string, ...args: readonly string[]) => succeed(join(app, "node_modules/.bin", name), args, app);
  await writeFiles(join(app, "photos"), await classFolders(40));
  assert.match((await simclr("webgpu-simclr", "--version")).stdout, /^\d+\.\d+\.\d+/);
  const small = ["--encoder", "convnet", "--width", "0.25", "--batch", "16", "--epochs", "1"];
  await simclr("simclr", "train", "photos", ...small);
  const [folder] = readdirSync(join(app, "runs"));
  const report = await readFile(join(app, "runs", folder, "report.html"), "utf8");
  // Charts and the map come from libraries that are part of the package.
  assert.ok((report.match(/<svg/g) ?? []).length >= 3, report.slice(0, 500));
  await simclr("simclr-batch-size", "--batches", "4,8", "--size", "16", "--rounds", "1", "--csv", "sizes.csv");
  assert.equal((await readFile(join(app, "sizes.csv"), "utf8")).trim().split("\n").length, 3);
});

install.run();
