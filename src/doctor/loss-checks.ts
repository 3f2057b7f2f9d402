import { ntXent } from "../losses/nt-xent.js";
import { softmaxCrossEntropy } from "../losses/softmax-cross-entropy.js";
import { normalizeRows } from "../ops/normalize-rows.js";
import { softmaxCrossEntropy as softmaxCrossEntropyReference } from "../reference/cross-entropy.js";
import { l2NormalizeBackward, l2NormalizeForward } from "../reference/l2-normalize.js";
import { ntXent as ntXentReference } from "../reference/nt-xent.js";
import { type Check, checkOf, evaluate, gradientOf, type Outputs, type Subject } from "./check.js";
import { randomInputs } from "./random-inputs.js";
import { expRoundings, logError, ROUNDINGS, relativeError, UNIT } from "./rounding.js";

/** Rows x [rows, columns] to be made of length 1, and the gradient of the result. */
export interface NormalizeInputs {
  readonly rows: number;
  readonly columns: number;
  readonly x: Float64Array;
  readonly dy: Float64Array;
}

/** Smallest normal number of f32: products below it may become 0. */
export const smallest = 2 ** -126;

/** Relative error of a row of length 1: the sum of squares, whose root halves errors, the root and the division. */
export function normalizedError(columns: number): number {
  return relativeError((columns + 1) / 2 + ROUNDINGS.sqrt + ROUNDINGS.division);
}

/** Error of (dy - y (y . dy)) / norm, from that of y and, where it has one, that of dy. */
export function normalizeGradientError(
  { y, norms }: { y: Float64Array; norms: Float64Array },
  dy: Float64Array,
  columns: number,
  dyError: Float64Array = new Float64Array(dy.length),
): Float64Array {
  const result = new Float64Array(dy.length);
  norms.forEach((norm, row) => {
    const start = row * columns;
    let along = 0;
    let alongError = 0;
    for (let i = start; i < start + columns; i++) {
      along += Math.abs(y[i] * dy[i]);
      alongError += Math.abs(y[i]) * dyError[i];
    }
    // The dot product has a rounding for each column and the errors of y, of which another comes in as its factor; then a
    // product, a difference, and the division by a norm with half the error of its squares.
    const rounding = relativeError(columns + 4 + ROUNDINGS.division + ROUNDINGS.sqrt + (columns + 1) / 2);
    for (let i = start; i < start + columns; i++) {
      const terms = Math.abs(dy[i]) + Math.abs(y[i]) * along;
      const error = terms * rounding + 2 * Math.abs(y[i]) * along * normalizedError(columns);
      result[i] = (error + dyError[i] + Math.abs(y[i]) * alongError) / Math.max(norm, 1e-12);
    }
  });
  return result;
}

/** Outputs y and dx. */
export const normalizeSubject: Subject<NormalizeInputs> = {
  compute: (device, { rows, columns, x: data, dy }) =>
    evaluate(device, (tape, input) => {
      const x = input(data, [rows, columns]);
      tape.watch(x);
      const y = normalizeRows(tape, x);
      tape.backward(y, input(dy, [rows, columns]));
      return { y, dx: gradientOf(tape, x) };
    }),
  reference({ rows, columns, x, dy }) {
    const result = l2NormalizeForward(x, rows, columns);
    return { y: result.y, dx: l2NormalizeBackward(result, dy, rows, columns) };
  },
  tolerance({ rows, columns, x, dy }) {
    const result = l2NormalizeForward(x, rows, columns);
    return {
      y: result.y.map((value) => Math.abs(value) * normalizedError(columns)),
      dx: normalizeGradientError(result, dy, columns),
    };
  },
};

/** Logits [labels.length, classes] and their labels. */
export interface CrossEntropyInputs {
  readonly classes: number;
  readonly logits: Float64Array;
  readonly labels: Uint32Array<ArrayBuffer>;
}

/**
 * The exponentials of a row relative to the largest: their sum, and its relative error. Each argument is a difference,
 * rounded once; `scalings` exponentials and products come on top, whose arguments add up to no more than that difference.
 * A value of -Infinity does not count.
 */
function exponentialSum(row: Float64Array, scalings = 0): { largest: number; sum: number; error: number } {
  let largest = Number.NEGATIVE_INFINITY;
  for (const value of row) largest = Math.max(largest, value);
  let sum = 0;
  let roundings = 0;
  for (const value of row) {
    const share = Math.exp(value - largest);
    if (share === 0) continue;
    sum += share;
    roundings += share * (expRoundings(value - largest) + Math.abs(value - largest) + 7 * scalings);
  }
  return { largest, sum, error: relativeError(roundings / sum + row.length) };
}

/** Outputs loss, accuracy and dLogits. */
export const crossEntropySubject: Subject<CrossEntropyInputs> = {
  compute: (device, { classes, logits: data, labels }) =>
    evaluate(device, (tape, input) => {
      const logits = input(data, [labels.length, classes]);
      tape.watch(logits);
      const { loss, accuracy } = softmaxCrossEntropy(tape, logits, input(labels, [labels.length]));
      tape.backward(loss);
      return { loss, accuracy, dLogits: gradientOf(tape, logits) };
    }),
  reference({ classes, logits, labels }) {
    const { loss, dLogits } = softmaxCrossEntropyReference(logits, labels, classes);
    const hits = Array.from(labels).filter((label, row) => {
      const own = logits.subarray(row * classes, (row + 1) * classes);
      return own.indexOf(own.reduce((a, b) => Math.max(a, b))) === label;
    });
    return { loss: Float64Array.of(loss), accuracy: Float64Array.of(hits.length / labels.length), dLogits };
  },
  tolerance({ classes, logits, labels }) {
    const rows = labels.length;
    const dLogits = new Float64Array(logits.length);
    let losses = 0;
    let lossErrors = 0;
    for (let row = 0; row < rows; row++) {
      const own = logits.subarray(row * classes, (row + 1) * classes);
      const { largest, sum, error } = exponentialSum(own);
      const behind = largest - own[labels[row]];
      const logarithmError = error + logError(sum);
      losses += Math.log(sum) + behind;
      // The logarithm, the difference and their sum.
      lossErrors += logarithmError + UNIT * behind + UNIT * (Math.log(sum) + behind);
      const lse = largest + Math.log(sum);
      own.forEach((logit, c) => {
        const argument = logit - lse;
        const probability = Math.exp(argument);
        // An error of the argument is a relative error of its exponential; then a difference, a product and a division.
        const argumentError = logarithmError + UNIT * (Math.abs(lse) + Math.abs(argument));
        const factor = Math.abs(probability - (c === labels[row] ? 1 : 0));
        dLogits[row * classes + c] =
          (probability * (argumentError + relativeError(expRoundings(argument))) +
            factor * relativeError(2 + ROUNDINGS.division) +
            smallest) /
          rows;
      });
    }
    const mean = relativeError(rows + ROUNDINGS.division);
    return {
      loss: Float64Array.of((lossErrors + mean * losses) / rows),
      // A count, divided.
      accuracy: Float64Array.of(relativeError(ROUNDINGS.division)),
      dLogits,
    };
  },
};

/** Embeddings z [rows, dimension]; rows i and i + rows / 2 are a pair. */
export interface NtXentInputs {
  readonly rows: number;
  readonly dimension: number;
  readonly temperature: number;
  readonly z: Float64Array;
}

/** Outputs loss, accuracy, normalized and dz. */
export const ntXentSubject: Subject<NtXentInputs> = {
  compute: (device, { rows, dimension, temperature, z: data }) =>
    evaluate(device, (tape, input) => {
      const z = input(data, [rows, dimension]);
      tape.watch(z);
      const { loss, accuracy, normalized } = ntXent(tape, z, temperature);
      tape.backward(loss);
      return { loss, accuracy, normalized, dz: gradientOf(tape, z) };
    }),
  reference({ rows, dimension, temperature, z }) {
    const { loss, accuracy, dz } = ntXentReference(z, dimension, temperature);
    const normalized = l2NormalizeForward(z, rows, dimension).y;
    return { loss: Float64Array.of(loss), accuracy: Float64Array.of(accuracy), normalized, dz };
  },
  tolerance: (inputs) => ntXentTolerance(inputs, 64),
};

/** What the outputs of `ntXentSubject` may be off by where a tile has this many columns or more. */
export function ntXentTolerance({ rows, dimension, temperature, z }: NtXentInputs, tileColumns: number): Outputs {
  const normalization = l2NormalizeForward(z, rows, dimension);
  const unit = normalization.y;
  // A logit: a dot product of two rows, each with its error, whose absolute terms add up to at most 1 (Cauchy and
  // Schwarz); then a product with the reciprocal of the temperature, which is rounded too.
  const logitError = (relativeError(dimension + 1) + 2 * normalizedError(dimension) + 2 * UNIT) / temperature;
  // Sums of exponentials are scaled when the maximum moves: at most once a tile, once over the lanes of a workgroup, and once
  // over the runs of columns.
  const scalings = Math.ceil(rows / tileColumns) + 2;
  const positiveOf = (i: number) => (i + rows / 2) % rows;
  const logits = new Float64Array(rows);
  const setLogits = (i: number) => {
    for (let k = 0; k < rows; k++) {
      let dot = 0;
      for (let d = 0; d < dimension; d++) dot += unit[i * dimension + d] * unit[k * dimension + d];
      logits[k] = k === i ? Number.NEGATIVE_INFINITY : dot / temperature;
    }
  };
  const lse = new Float64Array(rows);
  const lseError = new Float64Array(rows);
  let losses = 0;
  let lossErrors = 0;
  let ties = 0;
  for (let i = 0; i < rows; i++) {
    setLogits(i);
    const { largest, sum, error } = exponentialSum(logits, scalings);
    const positive = logits[positiveOf(i)];
    lse[i] = largest + Math.log(sum);
    // The log-sum-exp moves no further than the logits do.
    lseError[i] = logitError + error + logError(sum) + UNIT * Math.abs(lse[i]);
    losses += lse[i] - positive;
    lossErrors +=
      2 * logitError + error + logError(sum) + UNIT * (Math.abs(largest - positive) + Math.abs(lse[i] - positive));
    logits[positiveOf(i)] = Number.NEGATIVE_INFINITY;
    const negative = logits.reduce((a, b) => Math.max(a, b));
    if (Math.abs(positive - negative) <= 2 * logitError) ties++;
  }

  const gradient = new Float64Array(z.length);
  const gradientError = new Float64Array(z.length);
  const sumError = relativeError(rows + 1) + normalizedError(dimension) + UNIT;
  // A probability: the errors of the logit and of the log-sum-exp, their difference, the exponential, and the sum and
  // the difference that it goes into.
  const probabilityError = (argument: number, anchor: number) =>
    logitError + lseError[anchor] + relativeError(expRoundings(argument) + Math.abs(argument) + 2);
  for (let i = 0; i < rows; i++) {
    setLogits(i);
    // What k is to i, i is to k.
    for (let k = i + 1; k < rows; k++) {
      const [own, other] = [logits[k] - lse[i], logits[k] - lse[k]];
      const [ownShare, otherShare] = [Math.exp(own), Math.exp(other)];
      const factor = ownShare + otherShare - (k === positiveOf(i) ? 2 : 0);
      const error =
        ownShare * probabilityError(own, i) + otherShare * probabilityError(other, k) + Math.abs(factor) * sumError;
      for (let d = 0; d < dimension; d++) {
        const [atI, atK] = [i * dimension + d, k * dimension + d];
        gradient[atI] += factor * unit[atK];
        gradient[atK] += factor * unit[atI];
        gradientError[atI] += Math.abs(unit[atK]) * error;
        gradientError[atK] += Math.abs(unit[atI]) * error;
      }
    }
  }
  const scale = 1 / (rows * temperature);
  const scaled = gradient.map((value) => value * scale);
  // Two products, a division, and the reciprocal of the temperature.
  const scaledError = gradientError.map(
    (value, i) => value * scale + Math.abs(scaled[i]) * relativeError(3 + ROUNDINGS.division),
  );
  return {
    loss: Float64Array.of((lossErrors + relativeError(rows + ROUNDINGS.division) * losses) / rows),
    // A count, divided; where the best negative comes as near as logits may be off, either answer is right.
    accuracy: Float64Array.of(ties / rows + relativeError(ROUNDINGS.division)),
    normalized: unit.map((value) => Math.abs(value) * normalizedError(dimension)),
    dz: normalizeGradientError(normalization, scaled, dimension, scaledError),
  };
}

function checkNormalize(rows: number, columns: number, scale: number): Check {
  const text = `${rows} rows of ${columns} of size ${scale} to length 1, and gradient`;
  return checkOf(["normalizeRows", "normalizeRowsGradient"], text, normalizeSubject, () => {
    const random = randomInputs(7);
    return { rows, columns, x: random.normal(rows * columns, scale), dy: random.normal(rows * columns) };
  });
}

function checkCrossEntropy(rows: number, classes: number, scale: number, levels = 0): Check {
  const ties = levels > 0 ? `, only ${levels} values` : "";
  const text = `${rows} rows of ${classes} logits of size ${scale}${ties}, and gradient`;
  const used = ["softmaxCrossEntropy", "softmaxCrossEntropyGradient", "mean"] as const;
  return checkOf(used, text, crossEntropySubject, (): CrossEntropyInputs => {
    const random = randomInputs(8);
    const elements = rows * classes;
    const logits = levels > 0 ? Float64Array.from(random.below(elements, levels)) : random.normal(elements, scale);
    return { classes, logits, labels: random.below(rows, classes) };
  });
}

/** Pairs of related embeddings, with elements of this size. */
export function ntXentInputs(rows: number, dimension: number, temperature: number, scale = 1): NtXentInputs {
  const random = randomInputs(9);
  const first = random.normal((rows / 2) * dimension, scale);
  const noise = random.normal((rows / 2) * dimension, 0.7 * scale);
  const second = first.map((value, i) => Math.fround(value + noise[i]));
  return { rows, dimension, temperature, z: Float64Array.of(...first, ...second) };
}

/**
 * A check of NT-Xent on pairs of related embeddings.
 * @param scale size of their elements
 */
export function checkNtXent(rows: number, dimension: number, temperature: number, scale = 1): Check {
  const text = `2N = ${rows}, dimension ${dimension}, temperature ${temperature}, size ${scale}, and gradient`;
  const used = ["ntXentPartials", "ntXentCombine", "ntXentGradient", "normalizeRows", "transpose", "mean"] as const;
  return checkOf(used, text, ntXentSubject, () => ntXentInputs(rows, dimension, temperature, scale));
}

/** Checks of row normalisation and of the two losses. */
export const lossChecks: readonly Check[] = [
  checkNormalize(5, 3, 1),
  checkNormalize(3, 131, 1),
  checkNormalize(7, 9, 1000),
  checkNormalize(3, 1, 1),
  checkCrossEntropy(37, 10, 2),
  checkCrossEntropy(1, 131, 1),
  checkCrossEntropy(9, 11, 300),
  checkCrossEntropy(67, 3, 1, 2),
  checkNtXent(4, 3, 0.5),
  checkNtXent(66, 21, 0.2),
  checkNtXent(190, 13, 0.05),
  checkNtXent(14, 131, 0.05, 1000),
];
