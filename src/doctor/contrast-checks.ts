import { type ContrastiveSettings, contrastRows } from "../losses/contrast-rows.js";
import { contrastiveLoss, denseNtXent } from "../losses/contrastive.js";
import {
  type ContrastSettings,
  contrast,
  contrastRows as contrastRowsReference,
  similaritiesOf,
} from "../reference/contrast.js";
import { l2NormalizeForward } from "../reference/l2-normalize.js";
import { matmulForward } from "../reference/matmul.js";
import { type Check, checkOf, evaluate, gradientOf, type Outputs, type Subject } from "./check.js";
import { normalizedError, normalizeGradientError, smallest } from "./loss-checks.js";
import { randomInputs } from "./random-inputs.js";
import { expRoundings, logError, ROUNDINGS, relativeError, UNIT } from "./rounding.js";

/** Similarities [rows, rows] of all pairs of rows, and a contrastive loss of them. */
export interface ContrastRowsInputs {
  readonly rows: number;
  readonly settings: ContrastiveSettings;
  readonly similarities: Float64Array;
}

/** Outputs loss, accuracy and dSimilarities. */
export const contrastRowsSubject: Subject<ContrastRowsInputs> = {
  compute: (device, { rows, settings, similarities: data }) =>
    evaluate(device, (tape, input) => {
      const similarities = input(data, [rows, rows]);
      tape.watch(similarities);
      const { loss, accuracy } = contrastRows(tape, similarities, settings);
      tape.backward(loss);
      return { loss, accuracy, dSimilarities: gradientOf(tape, similarities) };
    }),
  reference({ settings, similarities }) {
    const { losses, accuracy, dSimilarities } = contrastRowsReference(similarities, settings);
    const loss = losses.reduce((sum, value) => sum + value / losses.length, 0);
    return { loss: Float64Array.of(loss), accuracy: Float64Array.of(accuracy), dSimilarities };
  },
  tolerance: ({ settings, similarities }) => rowsTolerance(similarities, settings, 0),
};

/** What a result may be off by, and the result without its sign. */
interface Bounded {
  readonly size: number;
  readonly error: number;
}

/** Errors of the loss of one anchor and of its derivatives by the similarities of the positive and of the negatives that count. */
interface AnchorErrors {
  readonly value: Bounded;
  readonly byPositive: Bounded;
  readonly byNegatives: readonly Bounded[];
}

/** A result with so many roundings on top. */
const rounded = ({ size, error }: Bounded, roundings: number): Bounded => ({
  size,
  error: error + size * relativeError(roundings),
});

/** A sum of at most so many terms, in any order. */
function sumOf(terms: readonly Bounded[], count: number): Bounded {
  const size = terms.reduce((sum, term) => sum + term.size, 0);
  const error = terms.reduce((sum, term) => sum + term.error, 0);
  return rounded({ size, error }, count);
}

/** Roundings of an argument of an exponential: the reciprocal of the temperature, a difference and a product. */
const SCALED = 3;

function xentErrors(positive: number, negatives: readonly number[], temperature: number, off: number): AnchorErrors {
  const largest = negatives.reduce((a, b) => Math.max(a, b), positive);
  const share = (s: number): Bounded => {
    const x = (s - largest) / temperature;
    const size = Math.exp(x);
    return { size, error: size * (relativeError(expRoundings(x) + SCALED * -x) + (2 * off) / temperature) + smallest };
  };
  const shares = negatives.map(share);
  const others = sumOf(shares, negatives.length);
  const total = sumOf([others, share(positive)], 1);
  const behind = (largest - positive) / temperature;
  const logarithm = Math.log(total.size);
  const ratio = ({ size, error }: Bounded): Bounded => {
    const value = size / total.size / temperature;
    // The division, and the reciprocal of the temperature and the product with it.
    const relative = total.error / total.size + relativeError(ROUNDINGS.division + 2);
    return { size: value, error: error / total.size / temperature + value * relative };
  };
  const value = {
    size: behind + logarithm,
    error: total.error / total.size + logError(total.size) + behind * relativeError(SCALED) + (2 * off) / temperature,
  };
  return { value: rounded(value, 1), byPositive: ratio(others), byNegatives: shares.map(ratio) };
}

/** exp(-|x|) of a similarity over the temperature, which is a product with a reciprocal. */
function small(x: number, temperature: number, off: number): Bounded {
  const size = Math.exp(-Math.abs(x));
  return { size, error: size * (relativeError(expRoundings(x) + 2 * Math.abs(x)) + off / temperature) + smallest };
}

function softplusError(similarity: number, temperature: number, off: number): Bounded {
  const x = similarity / temperature;
  const exponential = small(x, temperature, off);
  const size = Math.max(x, 0) + Math.log1p(exponential.size);
  const argument = Math.abs(x) * relativeError(2) + off / temperature;
  return rounded({ size, error: argument + exponential.error + 2 * UNIT + logError(1 + exponential.size) }, 1);
}

/** A sigmoid over the temperature. */
function sigmoidError(similarity: number, temperature: number, off: number): Bounded {
  const x = similarity / temperature;
  const { size: e, error } = small(x, temperature, off);
  const size = (x >= 0 ? 1 : e) / (1 + e) / temperature;
  // Above and below the fraction; below it a sum, then the division, and the product with a reciprocal.
  const relative = (2 * error) / e + relativeError(1 + ROUNDINGS.division + 2);
  return { size, error: e < smallest ? smallest / temperature : size * relative };
}

function logisticErrors(
  positive: number,
  negatives: readonly number[],
  temperature: number,
  off: number,
): AnchorErrors {
  const count = Math.max(negatives.length, 1);
  const mean = ({ size, error }: Bounded): Bounded =>
    rounded({ size: size / count, error: error / count }, ROUNDINGS.division);
  const terms = sumOf(
    negatives.map((s) => softplusError(s, temperature, off)),
    negatives.length,
  );
  return {
    value: sumOf([softplusError(-positive, temperature, off), mean(terms)], 1),
    byPositive: sigmoidError(-positive, temperature, off),
    byNegatives: negatives.map((s) => mean(sigmoidError(s, temperature, off))),
  };
}

function tripletErrors(positive: number, negatives: readonly number[], margin: number, off: number): AnchorErrors {
  const count = Math.max(negatives.length, 1);
  const edge = positive - margin;
  const inside = negatives.map((s) => (s > edge ? 1 : 0));
  const terms = negatives.map((s) => {
    const size = Math.max(s - edge, 0);
    return { size, error: UNIT * (margin + Math.abs(edge) + size) + 2 * off };
  });
  const { size, error } = sumOf(terms, negatives.length);
  // Counts, divided.
  const share = (number: number) => rounded({ size: number / count, error: 0 }, ROUNDINGS.division);
  return {
    value: rounded({ size: size / count, error: error / count }, ROUNDINGS.division),
    byPositive: share(inside.reduce<number>((a, b) => a + b, 0)),
    byNegatives: inside.map(share),
  };
}

/**
 * What the outputs of `contrastRowsSubject` may be off by where each similarity may be off by `off`; no negative may be so
 * near to where it begins or ceases to count.
 */
function rowsTolerance(similarities: Float64Array, settings: ContrastSettings, off: number): Outputs {
  const { loss, temperature, mining, margin } = settings;
  const rows = Math.sqrt(similarities.length);
  const dSimilarities = new Float64Array(similarities.length);
  const values: Bounded[] = [];
  let ties = 0;
  for (let i = 0; i < rows; i++) {
    const other = (i + rows / 2) % rows;
    const positive = similarities[i * rows + other];
    const columns = Array.from({ length: rows }, (_, k) => k).filter((k) => k !== i && k !== other);
    const of = (k: number) => similarities[i * rows + k];
    const counted = columns.filter((k) => mining === "none" || (of(k) < positive && of(k) > positive - margin));
    const negatives = counted.map(of);
    const errors =
      loss === "nt-xent"
        ? xentErrors(positive, negatives, temperature, off)
        : loss === "nt-logistic"
          ? logisticErrors(positive, negatives, temperature, off)
          : tripletErrors(positive, negatives, margin, off);
    values.push(errors.value);
    // A product with the gradient of the loss, and a division.
    const scaled = (bounded: Bounded) => rounded(bounded, 1 + ROUNDINGS.division).error / rows;
    dSimilarities[i * rows + other] = scaled(errors.byPositive);
    counted.forEach((k, n) => {
      dSimilarities[i * rows + k] = scaled(errors.byNegatives[n]);
    });
    if (columns.some((k) => off > 0 && Math.abs(of(k) - positive) <= 2 * off)) ties++;
  }
  const { error } = rounded(sumOf(values, rows), ROUNDINGS.division);
  return {
    loss: Float64Array.of(error / rows),
    // A count, divided; where the best negative comes as near as similarities may be off, either answer is right.
    accuracy: Float64Array.of(ties / rows + relativeError(ROUNDINGS.division)),
    dSimilarities,
  };
}

/** Embeddings z [rows, dimension], and a contrastive loss of them; rows i and i + rows / 2 are a pair. */
export interface ContrastInputs {
  readonly rows: number;
  readonly dimension: number;
  readonly settings: ContrastSettings & { readonly normalize: boolean };
  readonly z: Float64Array;
}

/** Outputs loss, accuracy and dz, by way of the similarities of all pairs. */
export const contrastSubject: Subject<ContrastInputs> = {
  compute: (device, { rows, dimension, settings, z: data }) =>
    evaluate(device, (tape, input) => {
      const z = input(data, [rows, dimension]);
      tape.watch(z);
      const { loss, accuracy } =
        settings.loss === "nt-xent" ? denseNtXent(tape, z, settings) : contrastiveLoss(tape, z, settings);
      tape.backward(loss);
      return { loss, accuracy, dz: gradientOf(tape, z) };
    }),
  reference({ dimension, settings, z }) {
    const { loss, accuracy, dz } = contrast(z, dimension, settings);
    return { loss: Float64Array.of(loss), accuracy: Float64Array.of(accuracy), dz };
  },
  tolerance({ rows, dimension, settings, z }) {
    const { normalize } = settings;
    const similarities = similaritiesOf(z, dimension, normalize);
    const normalization = l2NormalizeForward(z, rows, dimension);
    const compared = normalize ? normalization.y : z;
    const ownError = normalize ? normalizedError(dimension) : 0;
    // A dot product of two rows, each with its error, whose absolute terms add up to at most the product of their lengths
    // (Cauchy and Schwarz).
    const longest = normalize ? 1 : normalization.norms.reduce((a, b) => Math.max(a, b));
    const off = longest ** 2 * (relativeError(dimension + 1) + 2 * ownError);
    const { loss, accuracy, dSimilarities: errors } = rowsTolerance(similarities, settings, off);
    const { dSimilarities: gradients } = contrastRowsReference(similarities, settings);
    // Each gradient is that of a similarity of row i and of row k: two products, and their sum.
    const both = (x: Float64Array) =>
      x.map((value, at) => Math.abs(value) + Math.abs(x[(at % rows) * rows + Math.floor(at / rows)]));
    const times = (matrix: Float64Array, rounding: number) =>
      matmulForward(matrix, compared.map(Math.abs), { m: rows, n: dimension, k: rows }).map((x) => x * rounding);
    const fromRounding = times(both(gradients), relativeError(rows + 1) + ownError);
    const error = times(both(errors), 1).map((value, i) => value + fromRounding[i]);
    if (!normalize) return { loss, accuracy, dz: error };
    const sums = gradients.map((value, at) => value + gradients[(at % rows) * rows + Math.floor(at / rows)]);
    const dCompared = matmulForward(sums, compared, { m: rows, n: dimension, k: rows });
    return { loss, accuracy, dz: normalizeGradientError(normalization, dCompared, dimension, error) };
  },
};

function checkContrast(settings: ContrastiveSettings, rows: number, levels = 0): Check {
  const { loss, temperature, mining, margin } = settings;
  const ties = levels > 0 ? `, only ${levels} values` : "";
  const text = `${loss}, mining ${mining}, 2N = ${rows}, temperature ${temperature}, margin ${margin}${ties}, and gradient`;
  return checkOf(["contrastRows", "contrastRowsGradient", "mean"], text, contrastRowsSubject, () => {
    const random = randomInputs(14);
    const elements = rows * rows;
    // With levels, multiples of an eighth: negatives as similar as the positive, and just at the margin.
    const similarities =
      levels > 0
        ? Float64Array.from(random.below(elements, levels), (level) => level / 8)
        : random.uniform(elements, -1, 1);
    return { rows, settings, similarities };
  });
}

const temperature = 0.05;
const [margin, semiHard] = [0.5, "semi-hard"] as const;

/** Checks of the contrastive losses on similarities of all pairs. */
export const contrastChecks: readonly Check[] = [
  checkContrast({ loss: "nt-xent", temperature: 0.5, mining: "none", margin }, 4),
  checkContrast({ loss: "nt-xent", temperature, mining: "none", margin }, 66),
  checkContrast({ loss: "nt-xent", temperature, mining: semiHard, margin }, 38),
  checkContrast({ loss: "nt-xent", temperature: 0.5, mining: semiHard, margin }, 26, 16),
  checkContrast({ loss: "nt-logistic", temperature: 0.5, mining: "none", margin }, 4),
  checkContrast({ loss: "nt-logistic", temperature, mining: "none", margin }, 66),
  checkContrast({ loss: "nt-logistic", temperature, mining: semiHard, margin }, 38),
  checkContrast({ loss: "nt-logistic", temperature: 0.5, mining: semiHard, margin }, 26, 16),
  checkContrast({ loss: "margin-triplet", temperature: 1, mining: "none", margin }, 4),
  checkContrast({ loss: "margin-triplet", temperature: 1, mining: "none", margin: 0.4 }, 66),
  checkContrast({ loss: "margin-triplet", temperature: 1, mining: semiHard, margin: 0.4 }, 38),
  checkContrast({ loss: "margin-triplet", temperature: 1, mining: semiHard, margin }, 26, 16),
  checkContrast({ loss: "margin-triplet", temperature: 1, mining: "none", margin: 0 }, 26, 16),
];
