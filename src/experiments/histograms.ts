import type { AugmentationPolicies } from "../augment/policy.js";
import type { Dataset } from "../data/dataset.js";
import type { Device } from "../engine/device.js";
import type { Features } from "../evaluation/embed.js";
import { linearProbe } from "../evaluation/linear-probe.js";
import { pixelsOfViews } from "./views.js";

/** Bins of a channel's histogram in the pair classifier. */
const BINS = 32;
const CHANNELS = 3;

/** How often each of `bins` equal parts of [0, 1] occurs among the values of one channel, or of all. */
export function histogram(pixels: Float32Array, bins: number, channel: number | null): number[] {
  const counts = new Array<number>(bins).fill(0);
  const [start, step] = channel === null ? [0, 1] : [channel, CHANNELS];
  for (let i = start; i < pixels.length; i += step) {
    counts[Math.min(bins - 1, Math.floor(pixels[i] * bins))] += 1;
  }
  return counts;
}

/** The histograms of the three channels of each row of pixels, as shares of the row's pixels. */
function channelHistograms({ values, rows, dimension }: Features): Float32Array[] {
  return Array.from({ length: rows }, (_, row) => {
    const pixels = values.subarray(row * dimension, (row + 1) * dimension);
    const channels = Array.from({ length: CHANNELS }, (_, channel) => histogram(pixels, BINS, channel));
    return Float32Array.from(channels.flat(), (count) => (count * CHANNELS) / dimension);
  });
}

/** How far histograms of crops tell which of them are of one image. */
export interface HistogramShortcut {
  /** Of a linear classifier of pairs of crops, of one image or of two: a half by chance. */
  readonly pairAccuracy: number;
  /** Share of crops whose nearest one among 256 others, by histogram, is the other crop of their image; 1/256 by chance. */
  readonly matchAccuracy: number;
}

/** Of the pair classifier. */
export const PAIR_EPOCHS = 30;

/** Images among which a crop's partner is looked for. */
export const CANDIDATES = 256;

/**
 * How well histograms alone solve the contrastive task. Two views of each image under the policy; pairs of views are
 * described by how far each bin of the three channels differs, and a linear classifier is trained on pairs of the training
 * images and tested on those of the test images.
 */
export async function histogramShortcut(
  device: Device,
  { train, test }: { readonly train: Dataset; readonly test: Dataset },
  policies: AugmentationPolicies,
  seed: number,
): Promise<HistogramShortcut> {
  const options = { policies, views: 2, seed };
  const [trained, tested] = [
    channelHistograms(await pixelsOfViews(device, train, options)),
    channelHistograms(await pixelsOfViews(device, test, options)),
  ];
  const { testAccuracy } = await linearProbe(device, pairsOf(trained), pairsOf(tested), 2, {
    seed,
    epochs: PAIR_EPOCHS,
  });
  return { pairAccuracy: testAccuracy, matchAccuracy: matchAccuracy(tested) };
}

/** For each image the pair of its two views (label 1) and one of its first view with the next image's second view (label 0). */
function pairsOf(histograms: readonly Float32Array[]): { features: Features; labels: Uint32Array } {
  const images = histograms.length / 2;
  const dimension = BINS * CHANNELS;
  const values = new Float32Array(2 * images * dimension);
  const labels = Uint32Array.from({ length: 2 * images }, (_, pair) => (pair < images ? 1 : 0));
  for (let pair = 0; pair < 2 * images; pair++) {
    const image = pair % images;
    const first = histograms[image];
    const second = histograms[images + (pair < images ? image : (image + 1) % images)];
    for (let bin = 0; bin < dimension; bin++) {
      values[pair * dimension + bin] = Math.abs(first[bin] - second[bin]);
    }
  }
  return { features: { values, rows: 2 * images, dimension }, labels };
}

function matchAccuracy(histograms: readonly Float32Array[]): number {
  const images = histograms.length / 2;
  const count = Math.min(CANDIDATES, images);
  const distance = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, i) => sum + Math.abs(value - b[i]), 0);
  let right = 0;
  for (let i = 0; i < count; i++) {
    const distances = Array.from({ length: count }, (_, j) => distance(histograms[i], histograms[images + j]));
    if (distances.indexOf(Math.min(...distances)) === i) right += 1;
  }
  return right / count;
}
