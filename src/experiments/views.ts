import { drawViews, renderViews } from "../augment/augment.js";
import type { AugmentationPolicies } from "../augment/policy.js";
import type { Dataset } from "../data/dataset.js";
import type { Device } from "../engine/device.js";
import { Tape } from "../engine/tape.js";
import type { Tensor } from "../engine/tensor.js";
import { withPrograms } from "../engine/with-programs.js";
import type { Features } from "../evaluation/embed.js";
import type { Model } from "../nn/model.js";

/** Which views are made. */
export interface ViewOptions {
  readonly policies: AugmentationPolicies;
  /** Views of each image. */
  readonly views: number;
  /** What is drawn depends on it. */
  readonly seed: number;
}

/** Images that are on the device at once. */
const BATCH = 64;

/**
 * Makes views of all images of a set and reads the tensors that `record` makes of a batch of them, a row for each view:
 * view v of image i is row v * length + i.
 * @param record is given the views [rows, size, size, 3] and the table of how each was made [rows, VIEW_FIELDS]
 */
async function overViews(
  device: Device,
  dataset: Dataset,
  { policies, views, seed }: ViewOptions,
  record: (tape: Tape, images: Tensor, table: Tensor) => readonly Tensor[],
): Promise<Features[]> {
  const size = dataset.width;
  const batch = Math.min(BATCH, dataset.length);
  const recordBatch = () => {
    const bytes = device.indices([batch, size, size], "images");
    const images = device.indices([batch], "image numbers");
    const counter = device.tensor([2], Uint32Array.of(seed, 0), "seed and epoch");
    const tape = new Tape(device);
    const table = drawViews(tape, { bytes, images, counter }, policies, { views });
    const wanted = record(tape, renderViews(tape, bytes, table, size, policies), table);
    return { bytes, images, wanted, tapes: [{ tape, keep: wanted }] };
  };
  return withPrograms(device, "views", recordBatch, async ({ bytes, images, wanted }, [program]) => {
    const rows = views * dataset.length;
    const found = wanted.map((tensor) => {
      const dimension = tensor.size / (views * batch);
      return { values: new Float32Array(rows * dimension), rows, dimension };
    });
    const pixels = new Uint32Array(bytes.size);
    for (let start = 0; start < dataset.length; start += batch) {
      const count = Math.min(batch, dataset.length - start);
      // The last batch is filled up with images that are not read.
      const indices = Uint32Array.from({ length: batch }, (_, i) => start + (i % count));
      await dataset.fetch(indices, new Uint8Array(pixels.buffer));
      device.write(bytes, pixels);
      device.write(images, indices);
      program.run();
      for (const [i, tensor] of wanted.entries()) {
        const { values, dimension } = found[i];
        const read = await device.read(tensor);
        for (let v = 0; v < views; v++) {
          const from = v * batch * dimension;
          values.set(read.subarray(from, from + count * dimension), (v * dataset.length + start) * dimension);
        }
      }
    }
    return found;
  });
}

/** The pixels of views, [rows, size * size * 3], in [0, 1]. */
export async function pixelsOfViews(device: Device, dataset: Dataset, options: ViewOptions): Promise<Features> {
  const [pixels] = await overViews(device, dataset, options, (_, views) => [views]);
  return pixels;
}

/** What an encoder and its head make of views, and how the views were made: see `VIEW_FIELDS`. */
export interface EmbeddedViews {
  readonly h: Features;
  readonly z: Features;
  readonly table: Features;
}

/** Representations h and embeddings z of views, with the running statistics. */
export async function embedViews(
  device: Device,
  model: Model,
  dataset: Dataset,
  options: ViewOptions,
): Promise<EmbeddedViews> {
  const [h, z, table] = await overViews(device, dataset, options, (tape, views, drawn) => {
    const pass = model.tensors.pass(tape, { training: false });
    const representations = model.encoder.forward(pass, views);
    return [representations, model.head.forward(pass, representations), drawn];
  });
  return { h, z, table };
}
