import { augment } from "../augment/augment.js";
import type { AugmentationPolicy } from "../augment/policy.js";
import type { Dataset } from "../data/dataset.js";
import type { Device } from "../engine/device.js";
import { Tape } from "../engine/tape.js";
import { withPrograms } from "../engine/with-programs.js";
import { readViewed, writeViewed } from "../training/training-step.js";

/**
 * Two views of each image under a policy, by the kernels that a training draws them with: RGBA bytes, the first views of all images
 * before the second ones.
 * @param draw another one gives other views
 */
export function viewPairs(
  device: Device,
  dataset: Dataset,
  images: readonly number[],
  policy: AugmentationPolicy,
  draw: number,
): Promise<Uint8ClampedArray<ArrayBuffer>> {
  const { width: size } = dataset;
  const count = images.length;
  const record = () => {
    const inputs = {
      bytes: device.indices([count, size, size], "images"),
      images: device.indices([count], "image numbers"),
      counter: device.indices([2], "seed and epoch"),
    };
    const tape = new Tape(device);
    const views = augment(tape, inputs, policy, size);
    return { inputs, views, tapes: [{ tape, keep: [views] }] };
  };
  return withPrograms(device, "views", record, async ({ inputs, views }, [program]) => {
    writeViewed(device, inputs, await readViewed(dataset, Uint32Array.from(images)), 1, draw);
    const values = await program.runAndRead(views);
    const pixels = new Uint8ClampedArray(2 * count * size * size * 4).fill(255);
    for (let i = 0; i < values.length; i++) pixels[4 * Math.floor(i / 3) + (i % 3)] = 255 * values[i];
    return pixels;
  });
}
