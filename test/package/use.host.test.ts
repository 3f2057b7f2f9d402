import { suite } from "uvu";
import * as assert from "uvu/assert";
import { classFolders } from "../cli/pictures.js";
import { inTemporaryFolder, writeFiles } from "../data/make-files.js";
import { repository } from "../lib/repository.js";

const use = suite("the package, by its name");

use("the engine alone: a gradient through two operations", async () => {
  const { openDevice, Tape, matmul, relu } = await import("webgpu-simclr/engine");
  const device = await openDevice();
  const x = device.tensor([1, 2], [1, 2]);
  const w = device.tensor([2, 2], [1, -1, 1, -1]);
  const tape = new Tape(device);
  tape.watch(w);
  const y = relu(tape, matmul(tape, x, w));
  tape.backward(y, device.tensor([1, 2], [1, 1]));
  const gradient = tape.gradient(w);
  if (!gradient) throw new RangeError("no gradient reached the weight");
  const program = await tape.compile({ keep: [y, gradient] });
  program.run();
  assert.equal([...(await device.read(y))], [3, 0]);
  assert.equal([...(await device.read(gradient))], [1, 0, 2, 0]);
  device.close();
});

use("ten lines train on a folder and give embeddings", () =>
  inTemporaryFolder(async (folder) => {
    await writeFiles(`${folder}/photos`, await classFolders(40));

    const { Embedder, decodeEncoder, openDevice, openImages, startRun } = await import("webgpu-simclr/node");
    const { readFile } = await import("node:fs/promises");
    const device = await openDevice();
    const images = await openImages(`${folder}/photos`);
    const config = { encoder: "convnet", width: 0.25, batch: 16, epochs: 2 } as const;
    const run = await startRun(device, images, config, { parent: `${folder}/runs` });
    const model = decodeEncoder(device, await readFile(`${run.folder}/encoder.safetensors`));
    const embedder = await Embedder.create(device, model);
    const { values, rows, dimension } = await embedder.embed(images.train);
    device.close();

    assert.equal([rows, dimension, values.length], [40, 64, 40 * 64]);
    assert.ok(values.every(Number.isFinite) && new Set(values).size > 1000);
    assert.equal([run.finished, run.steps, run.skipped], [true, 4, []]);
    for (const accuracies of [run.before, run.after]) {
      assert.ok(accuracies && accuracies.knn >= 0 && accuracies.knn <= 1 && accuracies.probe <= 1);
    }
    assert.match(await readFile(run.report ?? "", "utf8"), /<\/html>\s*$/);
  }),
);

use("the worker that the documents show is the one that is tested", async () => {
  const { readFile } = await import("node:fs/promises");
  const [document, worker, page] = await Promise.all(
    ["src/README.md", "test/package/worker.ts", "test/package/entry.test.ts"].map((path) =>
      readFile(repository + path, "utf8"),
    ),
  );
  assert.ok(document.includes(`\`\`\`ts\n${worker.replace("../../src/index.js", "webgpu-simclr")}\`\`\``));
  const [, line] = /```ts\n(.*new Worker.*)\n```/.exec(document) ?? [];
  assert.ok(line && page.includes(line));
});

use.run();
