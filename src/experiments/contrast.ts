import type { Device } from "../engine/device.js";
import { Tape } from "../engine/tape.js";
import { withPrograms } from "../engine/with-programs.js";
import type { Features } from "../evaluation/embed.js";
import { evenly } from "../evaluation/evaluation.js";
import { matmul } from "../ops/matmul.js";
import { normalizeRows } from "../ops/normalize-rows.js";
import { policyOf } from "../training/config.js";
import { numberOption } from "./setting.js";
import type { Measurement } from "./training.js";
import { embedViews } from "./views.js";

/** How sharply the contrastive prediction distinguishes images. */
export interface Contrast {
  /** Mean entropy of the distribution over images, in nats; that of an even one is ln(images). */
  readonly entropy: number;
  /** Share of first views whose most likely image is their own. */
  readonly accuracy: number;
}

/**
 * The products of the first views with the second ones, [N, N], of embeddings z [2N, dimension] of two views of N images.
 * @param normalize whether they are cosines or dot products
 */
export async function productsOfViews(device: Device, z: Features, normalize: boolean): Promise<Float32Array> {
  const { values, rows, dimension } = z;
  const images = rows / 2;
  const record = () => {
    const parts = [0, 1].map((v) => {
      const half = values.slice(v * images * dimension, (v + 1) * images * dimension);
      return device.tensor([images, dimension], half, "embeddings");
    });
    const tape = new Tape(device);
    const [first, second] = normalize ? parts.map((part) => normalizeRows(tape, part)) : parts;
    const product = matmul(tape, first, second, { transposeB: true });
    return { product, tapes: [{ tape, keep: [product] }] };
  };
  return withPrograms(device, "embeddings", record, ({ product }, [program]) => program.runAndRead(product));
}

/**
 * The contrastive distributions of embeddings z [2N, dimension] of two views of N images: softmax over the second views of
 * the logits of a first view, as in table 5 of Chen et al. 2020, with N = 4,096 there.
 * @param normalize whether logits are cosines or dot products, divided by the temperature
 */
export async function contrastOf(
  device: Device,
  z: Features,
  temperature: number,
  normalize: boolean,
): Promise<Contrast> {
  const images = z.rows / 2;
  const logits = await productsOfViews(device, z, normalize);
  let entropy = 0;
  let right = 0;
  for (let i = 0; i < images; i++) {
    const row = logits.subarray(i * images, (i + 1) * images);
    const largest = row.reduce((a, b) => Math.max(a, b));
    if (row[i] === largest) right += 1;
    let sum = 0;
    let weighted = 0;
    for (const logit of row) {
      const shifted = (logit - largest) / temperature;
      sum += Math.exp(shifted);
      weighted += shifted * Math.exp(shifted);
    }
    entropy += Math.log(sum) - weighted / sum;
  }
  return { entropy: entropy / images, accuracy: right / images };
}

/** Measures entropy and accuracy of the contrastive prediction over at most `most` test images, with the training's policy. */
export function contrastMeasurement(most: number): Measurement {
  return {
    settings: { contrast: most },
    embedded: 2 * most,
    probeSteps: 0,
    async measure({ device, images }, model, config) {
      const dataset = evenly(images.test ?? images.train, most);
      const policies = policyOf(config, model.imageSize);
      const { z } = await embedViews(device, model, dataset, { policies, views: 2, seed: 1 });
      const { entropy, accuracy } = await contrastOf(
        device,
        z,
        numberOption(config, "temperature"),
        config.options["normalize"] !== false,
      );
      return { values: { entropy, contrastiveTestAccuracy: accuracy } };
    },
  };
}
