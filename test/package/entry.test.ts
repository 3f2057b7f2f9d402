import { suite } from "uvu";
import * as assert from "uvu/assert";
// The built file as it is, as a page without a bundler imports it.
import { datasetFromImages, datasetFromPixels, decodeEncoder, Embedder, openDevice, Trainer } from "../../src/index.js";
import type { Answer, Question } from "./worker.js";

const entry = suite("the library's entry");

entry("trains on pixels in memory and embeds them, in a browser as everywhere", async () => {
  const pixels = Uint8Array.from({ length: 8 * 16 * 16 * 3 }, (_, i) => (i * i * 31 + i) % 251);
  const dataset = datasetFromPixels({ pixels, channels: 3, width: 16, height: 16 });
  const device = await openDevice();
  const trainer = await Trainer.create(device, dataset, { width: 0.25, batch: 4, epochs: 2, warmupEpochs: 0 });
  const losses: number[] = [];
  assert.ok(await trainer.train({ onStep: ({ loss }) => void losses.push(loss) }));
  // Two views of four images: chance is log 7, and nothing can cost more than two temperatures' worth above it.
  assert.is(losses.length, 4);
  assert.ok(losses.every((loss) => loss > 0 && loss < Math.log(7) + 2 / Number(trainer.config.options["temperature"])));
  const { values, rows, dimension } = await (await Embedder.create(device, trainer.model, { batch: 4 })).embed(dataset);
  assert.equal([rows, dimension], [8, 64]);
  assert.ok(values.every(Number.isFinite) && new Set(values).size > 100);
  device.close();
});

// Node has none, and in Bun the GPU comes from a package that is made for one thread.
if (typeof Worker !== "undefined" && !("Bun" in globalThis)) {
  entry("trains in a worker, which takes one line and nothing else", async () => {
    const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });

    const images = Array.from({ length: 8 }, (_, image) => ({
      ...{ width: 20, height: 16 },
      data: Uint8ClampedArray.from({ length: 20 * 16 * 4 }, (_, i) =>
        i % 4 === 3 ? 255 : (i * i * (image + 3)) % 251,
      ),
    }));
    const question: Question = { images, imageSize: 16, config: { width: 0.25, epochs: 3 } };
    const steps: number[] = [];
    const encoder = await new Promise<Uint8Array>((resolve, reject) => {
      worker.addEventListener("error", ({ message }) => reject(new Error(message)));
      worker.addEventListener("message", ({ data }: MessageEvent<Answer>) => {
        if ("encoder" in data) resolve(data.encoder);
        else steps.push(data.step);
      });
      worker.postMessage(question);
    });
    assert.equal(steps, [1, 2, 3]);
    const failed = new Promise<string>((resolve) => {
      worker.addEventListener("error", (event) => {
        event.preventDefault();
        resolve(event.message);
      });
    });
    worker.postMessage({ ...question, imageSize: 0 });
    assert.match(await failed, "The image size has to be a whole number of pixels from 1; got 0.");
    worker.terminate();
    const device = await openDevice();
    const model = decodeEncoder(device, encoder);
    const embedder = await Embedder.create(device, model);
    const { rows, values } = await embedder.embed(await datasetFromImages(images, { imageSize: 16 }));
    assert.is(rows, 8);
    assert.ok(values.every(Number.isFinite) && new Set(values).size > 100);
    device.close();
  });
}

entry.run();
