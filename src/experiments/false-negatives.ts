import { evenly } from "../evaluation/evaluation.js";
import type { NEGATIVES } from "../methods/negatives.js";
import { policyOf } from "../training/config.js";
import { productsOfViews } from "./contrast.js";
import { numberOption } from "./setting.js";
import type { Measurement } from "./training.js";
import { embedViews } from "./views.js";

/** How negatives count in the gradient of a loss, as far as they differ from each other. */
export interface NegativeWeights {
  readonly negatives: (typeof NEGATIVES)[number];
  readonly temperature: number;
  /** Of hard negatives. */
  readonly hardness: number;
  /** Of semi-hard ones, a difference of similarities. */
  readonly margin: number;
}

/** Of the negatives, those of the anchor's class: shares of 1, means over the anchors. */
export interface FalseNegatives {
  /** Of all negatives. */
  readonly falseShare: number;
  /** Of the ten most similar ones. */
  readonly falseNearest: number;
  /** Of the pull that the loss gives to all negatives, theirs. */
  readonly falsePull: number;
}

/** Negatives that are looked at as the most similar ones. */
const NEAREST = 10;

/**
 * The share of false negatives among those of the first views, which are the second views of the other images.
 * @param similarities cosines of first with second views, [images, images]
 * @param labels classes of the images
 */
export function falseNegatives(
  similarities: Float32Array,
  labels: Uint32Array,
  { negatives, temperature, hardness, margin }: NegativeWeights,
): FalseNegatives {
  const images = labels.length;
  const sharpness = (negatives === "hard" ? 1 + hardness : 1) / temperature;
  const [shares, nearest, pulls]: number[][] = [[], [], []];
  for (let anchor = 0; anchor < images; anchor++) {
    const row = similarities.subarray(anchor * images, (anchor + 1) * images);
    const others = Array.from(labels.keys()).filter((image) => image !== anchor);
    const share = (of: readonly number[], weight: (image: number) => number) => {
      const sum = (some: readonly number[]) => some.reduce((total, image) => total + weight(image), 0);
      return sum(of.filter((image) => labels[image] === labels[anchor])) / sum(of);
    };
    const positive = row[anchor];
    const chosen =
      negatives === "semi-hard"
        ? others.filter((image) => row[image] < positive && row[image] > positive - margin)
        : others;
    shares.push(share(others, () => 1));
    nearest.push(share(others.toSorted((a, b) => row[b] - row[a]).slice(0, NEAREST), () => 1));
    // Cosines are at most 1: what is taken off keeps the exponent in range.
    if (chosen.length > 0) pulls.push(share(chosen, (image) => Math.exp((row[image] - 1) * sharpness)));
  }
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  return { falseShare: mean(shares), falseNearest: mean(nearest), falsePull: pulls.length === 0 ? 0 : mean(pulls) };
}

/** Measures the false negatives among at most so many test images, with views, temperature and weights of the training. */
export function falseNegativesMeasurement(
  most: number,
  { negatives, temperature }: Pick<NegativeWeights, "negatives" | "temperature">,
): Measurement {
  return {
    settings: { falseNegatives: most },
    embedded: 2 * most,
    probeSteps: 0,
    async measure({ device, images }, model, config) {
      const dataset = evenly(images.test ?? images.train, most);
      const policies = policyOf(config, model.imageSize);
      const { z } = await embedViews(device, model, dataset, { policies, views: 2, seed: 1 });
      const [hardness, margin] = ["hardness", "margin"].map((name) => numberOption(config, name));
      const similarities = await productsOfViews(device, z, true);
      const labels = dataset.labels ?? new Uint32Array(dataset.length);
      return { values: { ...falseNegatives(similarities, labels, { negatives, temperature, hardness, margin }) } };
    },
  };
}
