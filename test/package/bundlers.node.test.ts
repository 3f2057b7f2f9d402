import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openPage } from "../lib/browser.js";
import { repository } from "../lib/repository.js";
import { newApp, succeed, tools } from "./app.js";

const bundlers = suite("the package in bundlers");

const TRAINS = `
import { datasetFromPixels, openDevice, Trainer } from "webgpu-simclr";
const pixels = Uint8Array.from({ length: 8 * 16 * 16 * 3 }, (_, i) => (i * i * 31 + i) % 251);
const images = datasetFromPixels({ pixels, channels: 3, width: 16, height: 16 });
const device = await openDevice();
const config = { width: 0.25, batch: 4, epochs: 1, warmupEpochs: 0 };
const trainer = await Trainer.create(device, images, config);
const losses = [];
await trainer.train({ onStep: ({ loss }) => void losses.push(loss) });
device.close();
await globalThis.done(losses);
`;

const app = await newApp();

function program(name: string): string {
  return join(repository, "node_modules/.bin", name);
}

/** How each of them makes a module of a program. Their warnings go to stdout or stderr. */
const BUNDLERS: Readonly<Record<string, (entry: string, file: string) => readonly [string, readonly string[]]>> = {
  esbuild: (entry, file) => [
    program("esbuild"),
    [entry, "--bundle", "--minify", "--format=esm", "--log-level=warning", `--outfile=${file}`],
  ],
  bun: (entry, file) => [program("bun"), ["build", entry, "--minify", "--target=browser", `--outfile=${file}`]],
  rollup: (...paths) => [process.execPath, [join(tools, "bundle.mjs"), "rollup", ...paths]],
  vite: (...paths) => [process.execPath, [join(tools, "bundle.mjs"), "vite", ...paths]],
  webpack: (...paths) => [process.execPath, [join(tools, "bundle.mjs"), "webpack", ...paths]],
};

/** Bundles a program, and gives what the bundler printed and the path of the module. */
async function bundle(bundler: string, name: string, source: string): Promise<{ printed: string; file: string }> {
  const entry = join(app, `${name}.js`);
  const file = join(app, "out", bundler, `${name}.js`);
  await writeFile(entry, source);
  const { stdout, stderr } = await succeed(...BUNDLERS[bundler](entry, file), app);
  return { printed: stdout + stderr, file };
}

/** The losses that a page's `done` is given. */
async function lossesOf(page: string): Promise<unknown> {
  let losses: unknown;
  const lines: string[] = [];
  const ended = await openPage({
    script: page,
    root: `${app}/`,
    print: (line) => lines.push(line),
    functions: (end) => ({
      done(given: unknown) {
        losses = given;
        end();
      },
    }),
  });
  assert.is(ended, "ended", lines.join("\n"));
  assert.equal(lines, [], "the page's console");
  return losses;
}

async function trainsIn(name: string, script: string): Promise<void> {
  const page = join(app, `${name}.html`);
  await writeFile(page, `<!doctype html><link rel="icon" href="data:," /><script type="module">${script}</script>`);
  const losses = await lossesOf(`/${name}.html`);
  await rm(page);
  assert.ok(Array.isArray(losses) && losses.length === 2, `losses: ${losses}`);
  assert.ok(losses.every((loss) => loss > 0 && loss < Math.log(7) + 4));
}

for (const bundler of Object.keys(BUNDLERS)) {
  bundlers(`${bundler} makes a program of it without a warning, which trains in a page`, async () => {
    const { printed, file } = await bundle(bundler, "main", TRAINS);
    // What Bun prints is the list of what it wrote.
    assert.equal(bundler === "bun" ? printed.match(/warn|error/gi) : printed, bundler === "bun" ? null : "");
    await trainsIn(bundler, `import "${file.slice(app.length)}";`);
  });
}

bundlers("the minified file trains in a page without any", async () => {
  const file = "/node_modules/webgpu-simclr/dist/webgpu-simclr.min.js";
  await trainsIn("script", TRAINS.replace('"webgpu-simclr"', `"${file}"`));
});

/** The most that programs may weigh, in kB (1,000 bytes) after gzip: a few percent above what they do. */
const SIZES: Readonly<Record<string, readonly [source: string, most: number]>> = {
  everything: ['export * from "webgpu-simclr";', 190],
  "the engine": ['export * from "webgpu-simclr/engine";', 126],
  "a training": [TRAINS, 138],
  "ntXent with its tape": ['export { ntXent, openDevice, Tape } from "webgpu-simclr/engine";', 45],
  "decodeSafetensors alone": ['export { decodeSafetensors } from "webgpu-simclr";', 3],
};

for (const [name, [source, most]] of Object.entries(SIZES)) {
  bundlers(`the weight of ${name}`, async () => {
    const { file } = await bundle("esbuild", "weight", source);
    const weight = gzipSync(await readFile(file), { level: 9 }).length / 1000;
    console.log(`${name}: ${weight.toFixed(1)} kB after esbuild and gzip`);
    assert.ok(weight <= most, `${weight} kB, and ${most} at the most`);
  });
}

bundlers.run();
