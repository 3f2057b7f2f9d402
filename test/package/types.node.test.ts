import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { VERSION } from "../../src/version.js";
import { startProcess } from "../cli/command.js";
import { repository } from "../lib/repository.js";
import { newApp, sources, succeed, tarball, tools } from "./app.js";

const types = suite("the package's declarations");

const PROGRAM = `
import { type Dataset, datasetFromPixels, kernels, matmul, openDevice, Tape, Trainer } from "webgpu-simclr";
import * as engine from "webgpu-simclr/engine";
import { loadChoices, openImages, startRun } from "webgpu-simclr/node";

const device: engine.Device = await openDevice({ powerPreference: "low-power" });
const plain: Float32Array = new Float32Array(4);
const x = device.tensor([2, 2], plain);
const tape = new Tape(device);
const y = matmul(tape, x, x);
tape.launch(kernels.relu, { x, y }, { elements: 4 });
const values: Float32Array = await device.read(y);
const images: Dataset = datasetFromPixels({ pixels: new Uint8Array(24), channels: 3, width: 2, height: 2 });
const trainer = await Trainer.create(device, images, { method: "byol", batch: 2 });
let sum: number = values[0] ?? 0;
await trainer.train({ onStep: ({ loss, step }) => void (sum += loss + step) });
const run = await startRun(device, await openImages("photos"), { batch: 16 }, { parent: "runs" });
const folder: string = run.folder;
await loadChoices(device);
export const all = { sum, folder };
`;

/** Each is a mistake that the declarations find, and the position that tells it from the others. */
const MISTAKES = `
import { openDevice, Tape, Trainer, kernels } from "webgpu-simclr";
const device = await openDevice({ powerPreference: "fast" });
const x = device.tensor([2, 2], ["1"]);
new Tape(device).launch(kernels.relu, { x }, { elements: 4 });
const trainer = await Trainer.create(device, device, { encoder: "vgg" });
`;

const COMPILERS: Readonly<Record<string, string>> = {
  "TypeScript 5.6": join(tools, "node_modules/typescript-5.6/bin/tsc"),
  "TypeScript 6": join(tools, "node_modules/typescript/bin/tsc"),
  "TypeScript 7": join(repository, "node_modules/typescript/bin/tsc"),
};

const NODE = ["--lib", "es2022", "--module", "nodenext"];
const BROWSER = ["--lib", "es2022,dom", "--module", "esnext", "--moduleResolution", "bundler"];
/** What a program's compiler knows besides the language: of a browser, or nothing. */
const SETTINGS: Readonly<Record<string, readonly (readonly string[])[]>> = {
  // It has no WebGPU of its own, later ones have.
  "TypeScript 5.6": [NODE, BROWSER, [...BROWSER, "--types", "@webgpu/types"]],
  "TypeScript 6": [NODE, BROWSER],
  "TypeScript 7": [NODE, BROWSER],
};
const STRICT = ["--noEmit", "--strict", "--skipLibCheck", "false", "--target", "es2022"];

const app = await newApp(["@webgpu"]);
await writeFile(join(app, "program.ts"), PROGRAM);
await writeFile(join(app, "mistakes.ts"), MISTAKES);

for (const [name, compiler] of Object.entries(COMPILERS)) {
  types(`are clean in ${name}, whatever else it knows, and find mistakes`, async () => {
    for (const setting of SETTINGS[name]) {
      await succeed(process.execPath, [compiler, ...STRICT, ...setting, "program.ts"], app);
    }
    const options = [compiler, ...STRICT, ...BROWSER, "mistakes.ts"];
    const { stdout } = await startProcess(process.execPath, options, { cwd: app }).ended;
    const lines = [...stdout.matchAll(/^mistakes\.ts\((\d+),/gm)].map(([, line]) => Number(line));
    assert.equal([...new Set(lines)], [3, 4, 5, 6], stdout);
  });
}

types("and the package are as npm's checkers want them", async () => {
  const { stdout } = await succeed(process.execPath, [join(tools, "check.mjs"), await tarball()], app);
  assert.is(stdout, "");
});

types("are those that jsr.io would take", async () => {
  await tarball();
  const json = JSON.parse(await readFile(join(repository, "jsr.json"), "utf8"));
  assert.is(json.version, VERSION);
  // "Slow" are all types that come from declarations.
  const flags = ["--dry-run", "--allow-dirty", "--allow-slow-types"];
  const { stderr } = await succeed(join(repository, "node_modules/.bin/deno"), ["publish", ...flags], sources);
  assert.match(stderr, /Dry run complete/);
});

types.run();
