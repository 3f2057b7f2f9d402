import { l2NormalizeBackward, l2NormalizeForward } from "./l2-normalize.js";
import { matmulForward } from "./matmul.js";

/** Which contrastive loss of an anchor, and which negatives count. */
export interface ContrastSettings {
  readonly loss: "nt-xent" | "nt-logistic" | "margin-triplet";
  /** What similarities are divided by; not used by the margin triplet. */
  readonly temperature: number;
  /** Semi-hard negatives are less similar to the anchor than the positive, by less than the margin. */
  readonly mining: "none" | "semi-hard";
  readonly margin: number;
}

/** Result of {@link contrastRows}. */
export interface ContrastRowsResult {
  /** Loss of each anchor, [rows]. */
  readonly losses: Float64Array;
  /** Share of anchors that are more similar to their positive than to every negative; a tie counts as a miss. */
  readonly accuracy: number;
  /** Gradient of the mean loss, [rows, rows]. */
  readonly dSimilarities: Float64Array;
}

const logSigmoid = (x: number) => Math.min(x, 0) - Math.log1p(Math.exp(-Math.abs(x)));
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

/** Loss of one anchor and its derivatives, of the similarity to its positive and of those to the negatives that count. */
function lossOfAnchor({ loss, temperature, margin }: ContrastSettings, positive: number, negatives: readonly number[]) {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value / values.length, 0);
  switch (loss) {
    case "nt-xent": {
      const largest = negatives.reduce((a, b) => Math.max(a, b), positive);
      const [own, ...others] = [positive, ...negatives].map((s) => Math.exp((s - largest) / temperature));
      const sum = others.reduce((a, b) => a + b, 0);
      return {
        value: (largest - positive) / temperature + Math.log(own + sum),
        byPositive: -sum / (own + sum) / temperature,
        byNegatives: others.map((share) => share / (own + sum) / temperature),
      };
    }
    case "nt-logistic":
      return {
        value: -logSigmoid(positive / temperature) - mean(negatives.map((s) => logSigmoid(-s / temperature))),
        byPositive: -sigmoid(-positive / temperature) / temperature,
        byNegatives: negatives.map((s) => sigmoid(s / temperature) / temperature / negatives.length),
      };
    case "margin-triplet": {
      const inside = negatives.map((s) => (s > positive - margin ? 1 : 0));
      return {
        value: mean(negatives.map((s) => Math.max(s - positive + margin, 0))),
        byPositive: -mean(inside),
        byNegatives: inside.map((one) => one / negatives.length),
      };
    }
  }
}

/**
 * Contrastive losses (Chen et al. 2020, table 2) of the similarities [rows, rows] of all pairs of rows; rows i and
 * i + rows / 2 are the two views of one image. NT-Xent sums over the negatives of an anchor, the others take their mean.
 */
export function contrastRows(similarities: Float64Array, settings: ContrastSettings): ContrastRowsResult {
  const rows = Math.sqrt(similarities.length);
  const losses = new Float64Array(rows);
  const dSimilarities = new Float64Array(rows * rows);
  let hits = 0;
  for (let i = 0; i < rows; i++) {
    const own = similarities.subarray(i * rows, (i + 1) * rows);
    const other = (i + rows / 2) % rows;
    const positive = own[other];
    const negatives = Array.from(own.keys()).filter((k) => k !== i && k !== other);
    const counted = negatives.filter(
      (k) => settings.mining === "none" || (own[k] < positive && own[k] > positive - settings.margin),
    );
    const { value, byPositive, byNegatives } = lossOfAnchor(
      settings,
      positive,
      counted.map((k) => own[k]),
    );
    losses[i] = value;
    dSimilarities[i * rows + other] = byPositive / rows;
    counted.forEach((k, n) => {
      dSimilarities[i * rows + k] = byNegatives[n] / rows;
    });
    if (negatives.every((k) => own[k] < positive)) hits++;
  }
  return { losses, accuracy: hits / rows, dSimilarities };
}

/** Result of {@link contrast}. */
export interface ContrastResult {
  /** Mean over the anchors. */
  readonly loss: number;
  readonly accuracy: number;
  /** Gradient of the loss, [rows, dimension]. */
  readonly dz: Float64Array;
}

/** Similarities of all pairs of rows of z[rows, dimension]: cosines, or dot products without `normalize`. */
export function similaritiesOf(z: Float64Array, dimension: number, normalize: boolean): Float64Array {
  const rows = z.length / dimension;
  const compared = normalize ? l2NormalizeForward(z, rows, dimension).y : z;
  return matmulForward(compared, compared, { m: rows, n: rows, k: dimension, transposeB: true });
}

/** {@link contrastRows} of the similarities of all pairs of rows of z[rows, dimension]. */
export function contrast(
  z: Float64Array,
  dimension: number,
  { normalize, ...settings }: ContrastSettings & { readonly normalize: boolean },
): ContrastResult {
  const rows = z.length / dimension;
  const { losses, accuracy, dSimilarities } = contrastRows(similaritiesOf(z, dimension, normalize), settings);
  const normalization = l2NormalizeForward(z, rows, dimension);
  const compared = normalize ? normalization.y : z;
  // A similarity is one of row i and one of row k.
  const both = dSimilarities.map((value, at) => value + dSimilarities[(at % rows) * rows + Math.floor(at / rows)]);
  const dCompared = matmulForward(both, compared, { m: rows, n: dimension, k: rows });
  const dz = normalize ? l2NormalizeBackward(normalization, dCompared, rows, dimension) : dCompared;
  return { loss: losses.reduce((sum, value) => sum + value / rows, 0), accuracy, dz };
}
