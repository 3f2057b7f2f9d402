import { l2NormalizeBackward, l2NormalizeForward } from "./l2-normalize.js";

/** Embeddings and settings of {@link debiasedLoss}. */
export interface DebiasedSettings {
  /** [views * images, dimension], of which rows i, i + images and so on are the views of image i. */
  readonly z: Float64Array;
  readonly images: number;
  readonly dimension: number;
  readonly temperature: number;
  readonly classPrior: number;
  readonly hardness: number;
}

/** An anchor, as {@link debiasedAnchors} finds it; logits are cosines over the temperature. */
export interface DebiasedAnchor {
  /** Rows of the other views of its image, and of all views of other images. */
  readonly positives: readonly number[];
  readonly negatives: readonly number[];
  /** Logit with each row. */
  readonly logits: Float64Array;
  /** log R, the part of R that is of the anchor's class, and log G. */
  readonly all: number;
  readonly ofClass: number;
  readonly rest: number;
  readonly clamped: boolean;
  /** Logarithm of the denominator. */
  readonly lse: number;
  readonly loss: number;
  /** Derivative of its loss by the logit with each row, and what its terms add up to without their signs. */
  readonly slopes: Float64Array;
  readonly sizes: Float64Array;
}

/** log sum exp. */
export function logSum(values: readonly number[]): number {
  const largest = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  return largest + Math.log(values.reduce((sum, value) => sum + Math.exp(value - largest), 0));
}

/** The anchors of the debiased contrastive loss, and of that with hard negatives: see src/losses/debiased.ts. */
export function debiasedAnchors(settings: DebiasedSettings): DebiasedAnchor[] {
  const { z, images, dimension, temperature, classPrior, hardness } = settings;
  const rows = z.length / dimension;
  const { y } = l2NormalizeForward(z, rows, dimension);
  return Array.from({ length: rows }, (_, row) => {
    const logits = Float64Array.from({ length: rows }, (_, other) => {
      let dot = 0;
      for (let d = 0; d < dimension; d++) dot += y[row * dimension + d] * y[other * dimension + d];
      return dot / temperature;
    });
    const others = Array.from(logits.keys()).filter((other) => other !== row);
    const positives = others.filter((other) => other % images === row % images);
    const negatives = others.filter((other) => other % images !== row % images);
    const sumOf = (places: readonly number[], factor: number) => logSum(places.map((other) => factor * logits[other]));
    const hard = sumOf(negatives, 1 + hardness);
    const soft = sumOf(negatives, hardness);
    const all = hard + Math.log(negatives.length) - soft;
    const ofClass = (classPrior * negatives.length * Math.exp(sumOf(positives, 1) - all)) / positives.length;
    const estimate = ofClass < 1 ? all + Math.log(1 - ofClass) - Math.log(1 - classPrior) : Number.NEGATIVE_INFINITY;
    const least = Math.log(negatives.length) - 1 / temperature;
    const clamped = estimate < least;
    const rest = Math.max(estimate, least);
    const lse = logSum([sumOf(positives, 1), rest]);
    const mean = positives.reduce((sum, other) => sum + logits[other] / positives.length, 0);
    const [slopes, sizes] = [new Float64Array(rows), new Float64Array(rows)];
    const corrected = clamped ? 0 : (classPrior * negatives.length) / (positives.length * (1 - classPrior));
    for (const other of positives) {
      const probability = Math.exp(logits[other] - lse);
      // What a single positive lacks, which a difference from 1 loses.
      const single = positives.length === 1 ? Math.exp(rest - lse) : null;
      slopes[other] = -(single ?? 1 / positives.length - probability) - corrected * probability;
      sizes[other] = (single ?? 1 / positives.length + probability) + corrected * probability;
    }
    for (const other of clamped ? [] : negatives) {
      const scale = Math.exp(all - lse) / (1 - classPrior);
      const harder = (1 + hardness) * Math.exp((1 + hardness) * logits[other] - hard);
      const softer = hardness * Math.exp(hardness * logits[other] - soft);
      slopes[other] = scale * (harder - softer);
      sizes[other] = scale * (harder + softer);
    }
    const loss = positives.length === 1 ? Math.log1p(Math.exp(rest - mean)) : lse - mean;
    return { positives, negatives, logits, all, ofClass, rest, clamped, lse, loss, slopes, sizes };
  });
}

/** The loss, the mean over all anchors, and its gradient by the embeddings. */
export function debiasedLoss(settings: DebiasedSettings): { loss: number; gradient: Float64Array } {
  const { z, dimension, temperature } = settings;
  const rows = z.length / dimension;
  const normalization = l2NormalizeForward(z, rows, dimension);
  const sums = new Float64Array(z.length);
  const anchors = debiasedAnchors(settings);
  anchors.forEach(({ slopes }, row) => {
    slopes.forEach((slope, other) => {
      for (let d = 0; d < dimension; d++) {
        sums[row * dimension + d] += (slope / (rows * temperature)) * normalization.y[other * dimension + d];
        sums[other * dimension + d] += (slope / (rows * temperature)) * normalization.y[row * dimension + d];
      }
    });
  });
  return {
    loss: anchors.reduce((sum, { loss }) => sum + loss / rows, 0),
    gradient: l2NormalizeBackward(normalization, sums, rows, dimension),
  };
}
