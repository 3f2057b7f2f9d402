import type { Dataset } from "../../src/data/dataset.js";
import { datasetFromPixels } from "../../src/data/pixels.js";
import { randomInputs } from "../../src/doctor/random-inputs.js";
import type { TrainingConfig } from "../../src/training/config.js";

/** Pixels; all tests of training share this size and the net below, for compiling takes far longer than training. */
export const IMAGE_SIZE = 16;

/** The smallest net of the library. */
export const SMALL_CONFIG: Partial<TrainingConfig> = {
  encoder: "convnet",
  width: 0.25,
  batch: 8,
  epochs: 2,
  learningRate: 3e-3,
  warmupEpochs: 0,
  checkpointEvery: 1000,
};

/** A labelled set whose images of one class have stripes of one width, in colours and with noise of their own. */
export function stripes(
  length: number,
  options: { width?: number; height?: number } = {},
): Dataset & { labels: Uint32Array } {
  const { width = IMAGE_SIZE, height = IMAGE_SIZE } = options;
  const random = randomInputs(5);
  const pixels = new Uint8Array(length * width * height * 3);
  const labels = Uint32Array.from({ length }, (_, i) => i % 3);
  for (let i = 0; i < length; i++) {
    const period = [2, 5, 11][i % 3];
    const color = random.uniform(3, 80, 160);
    const [phase] = random.uniform(1, 0, period);
    const noise = random.uniform(width * height * 3, -20, 20);
    for (let at = 0; at < noise.length; at++) {
      const row = Math.floor(at / (3 * width));
      const wave = 60 * Math.sin((2 * Math.PI * (row + phase)) / period);
      pixels[i * noise.length + at] = color[at % 3] + wave + noise[at];
    }
  }
  const dataset = datasetFromPixels({ name: "stripes", pixels, channels: 3, width, height, labels });
  return { ...dataset, labels };
}

/** A set with originals of its images that are larger, of a width and height that depend on the image where no size is given: each is its image, again and again. */
export function withOriginals(dataset: Dataset, width?: number, height?: number): Dataset {
  const sizeOf = (index: number) => [height ?? dataset.height + (index % 5), width ?? dataset.width + (index % 7)];
  const extents = Array.from({ length: dataset.length }, (_, index) => sizeOf(index));
  const pixels = Math.max(...extents.map(([rows, columns]) => rows * columns));
  return {
    ...dataset,
    originals: {
      pixels,
      async fetch(indices, out, sizes) {
        const image = new Uint8Array(4 * dataset.width * dataset.height);
        for (let i = 0; i < indices.length; i++) {
          await dataset.fetch([indices[i]], image);
          const [rows, columns] = sizeOf(indices[i]);
          sizes.set([rows, columns], 2 * i);
          const start = (i * out.length) / indices.length;
          for (let at = 0; at < 4 * rows * columns; at++) {
            const [row, column] = [Math.floor(at / 4 / columns), Math.floor(at / 4) % columns];
            out[start + at] = image[4 * ((row % dataset.height) * dataset.width + (column % dataset.width)) + (at % 4)];
          }
        }
      },
    },
  };
}
