import { datasetFromPixels } from "../data/pixels.js";
import type { Device } from "../engine/device.js";
import type { Embedder } from "../evaluation/embed.js";
import { qualityIndicators } from "../evaluation/indicators.js";
import { REPORTED } from "../evaluation/reported.js";
import type { ReportData } from "../report/report-data.js";
import type { Trainer } from "../training/trainer.js";
import { readViewed, recordPictures, writeViewed } from "../training/training-step.js";

/**
 * What tells without labels whether representations are of use, measured on two views of some of the training images, made as in the
 * first epoch; null where a step sees no two views of an image, or there are fewer than two images.
 */
export async function viewIndicators(
  device: Device,
  { config, dataset, parts }: Trainer,
  embedder: Embedder,
): Promise<ReportData["indicators"]> {
  // As many at once as the report shows with their views: its plan counts the memory for these.
  const count = Math.min(REPORTED.views, dataset.length);
  const rounds = Math.min(Math.floor(REPORTED.indicated / count), Math.floor(dataset.length / count));
  const { views, size } = parts.learner.views[0];
  const images = rounds * count;
  if (views < 2 || images < 2) return null;
  const pixels = [0, 1].map(() => new Uint8Array(images * size * size * 3));
  const { inputs, groups, tape } = recordPictures(parts, count);
  const program = await tape.compile({ keep: groups });
  for (let round = 0; round < rounds; round++) {
    // Spread over the set, which may be sorted.
    const indices = Uint32Array.from({ length: count }, (_, i) =>
      Math.floor(((round * count + i) * dataset.length) / images),
    );
    writeViewed(device, inputs, await readViewed(dataset, indices), config.seed, 0);
    program.run();
    const values = await device.read(groups[0]);
    const part = count * size * size * 3;
    for (const [view, bytes] of pixels.entries())
      for (let i = 0; i < part; i++) bytes[round * part + i] = Math.round(255 * values[view * part + i]);
  }
  program.dispose();
  for (const tensor of Object.values(inputs)) device.free(tensor);
  const [first, second] = [
    await embedder.embed(datasetFromPixels({ pixels: pixels[0], channels: 3, width: size, height: size })),
    await embedder.embed(datasetFromPixels({ pixels: pixels[1], channels: 3, width: size, height: size })),
  ];
  return { ...(await qualityIndicators(device, first, second)), dimension: first.dimension, images };
}
