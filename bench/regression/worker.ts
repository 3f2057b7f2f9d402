/**
 * A training step of any build of this library, through what it exports: `worker.js <index.js> <encoder> <batch> <size> <precision>`.
 * Prints what it saw as JSON. It has a process of its own, for two builds are not to share one.
 */
import { pathToFileURL } from "node:url";
import { noiseBytes } from "../measure/inputs.js";
import type { BuildStep } from "../measure/regression.js";
import { median } from "../measure/statistics.js";

/** Steps before those that count, in which kernels are compiled and memory is laid out. */
const WARM = 3;
const COUNTED = 7;

const [index, encoder, batch, size, precision] = process.argv.slice(2);
const library = await import(pathToFileURL(index).href);
const device = await library.openDevice();

let dispatches = 0;
const { dispatchWorkgroups } = GPUComputePassEncoder.prototype;
GPUComputePassEncoder.prototype.dispatchWorkgroups = function (...grid) {
  dispatches += 1;
  return dispatchWorkgroups.apply(this, grid);
};

const [images, pixels] = [Number(batch), Number(size)];
const dataset = library.datasetFromPixels({
  pixels: noiseBytes(images * pixels * pixels * 4),
  channels: 4,
  width: pixels,
  height: pixels,
});
const config = { encoder, batch: images, microBatch: images, precision, epochs: 10_000 };
const trainer = await library.Trainer.create(device, dataset, config);

const ends: { readonly at: number; readonly dispatches: number }[] = [];
const controller = new AbortController();
await trainer.train({
  signal: controller.signal,
  onStep: () => {
    ends.push({ at: performance.now(), dispatches });
    if (ends.length > WARM + COUNTED) controller.abort();
  },
});
const pairs = ends.slice(WARM, WARM + COUNTED).map((end, i) => ({ end, next: ends[WARM + i + 1] }));
const step: BuildStep = {
  adapter: device.adapter.name,
  // What else the machine does only adds to a time.
  milliseconds: Math.min(...pairs.map(({ end, next }) => next.at - end.at)),
  dispatches: median(pairs.map(({ end, next }) => next.dispatches - end.dispatches)),
  bytes: device.memory.peakBytes,
};
console.log(JSON.stringify(step));
device.close();
