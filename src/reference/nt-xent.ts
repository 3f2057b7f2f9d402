import { l2NormalizeBackward, l2NormalizeForward } from "./l2-normalize.js";
import { columnSums } from "./reduction.js";

/** Result of {@link ntXent}. */
export interface NtXentResult {
  /** Mean over the 2N anchors of -s_i,positive + log sum_{k != i} exp(s_ik), with s = cosine / temperature. */
  readonly loss: number;
  /** log sum_{k != i} exp(s_ik) of each anchor i, [2N]. */
  readonly logSumExp: Float64Array;
  /** Gradient of the loss with respect to z as given, through the normalisation, [2N, dimension]. */
  readonly dz: Float64Array;
  /** Gradient of the loss with respect to the normalised rows of z, [2N, dimension]. */
  readonly dNormalized: Float64Array;
  /** Share of anchors that are more similar to their positive than to every negative; a tie counts as a miss. */
  readonly accuracy: number;
  /** Mean over the dimensions of the standard deviation of the normalised rows. */
  readonly spread: number;
}

/**
 * NT-Xent (Chen et al. 2020, equation 1) on z[2N, dimension]; rows i and i + N are the two views of one image. Rows are
 * normalised first. The mean is over all 2N anchors.
 * @param gradientOf the anchors whose gradients are computed, in time proportional to their number; the others' stay 0
 */
export function ntXent(
  z: Float64Array,
  dimension: number,
  temperature: number,
  gradientOf: Iterable<number> = Array(z.length / dimension).keys(),
): NtXentResult {
  const anchors = z.length / dimension;
  const normalization = l2NormalizeForward(z, anchors, dimension);
  const unit = normalization.y;
  const positiveOf = (i: number) => (i + anchors / 2) % anchors;
  const similarity = (i: number, k: number) => {
    let sum = 0;
    for (let d = 0; d < dimension; d++) sum += unit[i * dimension + d] * unit[k * dimension + d];
    return sum / temperature;
  };

  const logSumExp = new Float64Array(anchors);
  const row = new Float64Array(anchors);
  let loss = 0;
  let hits = 0;
  for (let i = 0; i < anchors; i++) {
    for (let k = 0; k < anchors; k++) row[k] = k === i ? -Infinity : similarity(i, k);
    const maximum = row.reduce((a, b) => Math.max(a, b));
    logSumExp[i] = maximum + Math.log(row.reduce((sum, s) => sum + Math.exp(s - maximum), 0));
    const positive = row[positiveOf(i)];
    loss += (logSumExp[i] - positive) / anchors;
    if (row.every((s, k) => s < positive || k === positiveOf(i))) hits++;
  }

  // s_ik is a logit of anchor i and, as s_ki, one of anchor k; both are positives of each other or neither is.
  const dNormalized = new Float64Array(z.length);
  for (const i of gradientOf) {
    for (let k = 0; k < anchors; k++) {
      if (k === i) continue;
      const s = similarity(i, k);
      const target = k === positiveOf(i) ? 1 : 0;
      const dLogit = (Math.exp(s - logSumExp[i]) - target + (Math.exp(s - logSumExp[k]) - target)) / anchors;
      const dCosine = dLogit / temperature;
      for (let d = 0; d < dimension; d++) dNormalized[i * dimension + d] += dCosine * unit[k * dimension + d];
    }
  }
  const dz = l2NormalizeBackward(normalization, dNormalized, anchors, dimension);
  const means = columnSums(unit, anchors, dimension).map((sum) => sum / anchors);
  const variances = columnSums(
    unit.map((value, i) => (value - means[i % dimension]) ** 2),
    anchors,
    dimension,
  ).map((sum) => sum / anchors);
  const spread = variances.reduce((sum, variance) => sum + Math.sqrt(variance), 0) / dimension;
  return { loss, logSumExp, dz, dNormalized, accuracy: hits / anchors, spread };
}
