import { suite } from "uvu";
import * as assert from "uvu/assert";
// The built file as it is, as a page without a bundler imports it.
import { datasetFromPixels, Embedder, openDevice, Trainer } from "../../src/index.js";

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

entry.run();
