import { panelColumns } from "../losses/contrast-panels.js";
import { ntXent, ntXentInPanels } from "../losses/nt-xent.js";
import { softmaxCrossEntropy } from "../losses/softmax-cross-entropy.js";
import { normalizeRows } from "../ops/normalize-rows.js";
import { FUSED_GRADIENT_DIMENSIONS } from "../ops/variants.js";
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

/** Error of (dy - y (y . dy)) / norm, from that of y and, where it has one, that of dy, with so many more products. */
export function normalizeGradientError(
  { y, norms }: { y: Float64Array; norms: Float64Array },
  dy: Float64Array,
  columns: number,
  dyError: Float64Array = new Float64Array(dy.length),
  products = 0,
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
    const rounding = relativeError(columns + 4 + products + ROUNDINGS.division + ROUNDINGS.sqrt + (columns + 1) / 2);
    for (let i = start; i < start + columns; i++) {
      const terms = Math.abs(dy[i]) + Math.abs(y[i]) * along;
      const error = terms * rounding + 2 * Math.abs(y[i]) * along * (normalizedError(columns) + products * UNIT);
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
export function exponentialSum(row: Float64Array, scalings = 0): { largest: number; sum: number; error: number } {
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
  /** How the device gets them: rows of each block, all in one without; and the columns of a panel. */
  readonly cut?: { readonly blocks: readonly number[]; readonly panel: number };
}

/** The rows of the undivided embeddings that the rows of the blocks are, block after block. */
function rowsOfBlocks(blocks: readonly number[]): number[] {
  const pairs = blocks.reduce((sum, rows) => sum + rows, 0) / 2;
  let before = 0;
  return blocks.flatMap((rows) => {
    const own = Array.from({ length: rows / 2 }, (_, i) => before + i);
    before += rows / 2;
    return [...own, ...own.map((row) => row + pairs)];
  });
}

/** Outputs loss, accuracy, spread and dz. */
export const ntXentSubject: Subject<NtXentInputs> = {
  async compute(device, { rows, dimension, temperature, z, cut }) {
    const blocks = cut?.blocks ?? [rows];
    const places = rowsOfBlocks(blocks);
    const data = new Float64Array(z.length);
    places.forEach((row, i) => {
      data.set(z.subarray(row * dimension, (row + 1) * dimension), i * dimension);
    });
    const { loss, accuracy, spread, ...gradients } = await evaluate(device, (tape, input) => {
      let start = 0;
      const tensors = blocks.map((count) => {
        const block = input(data.subarray(start, start + count * dimension), [count, dimension]);
        start += count * dimension;
        return block;
      });
      tape.watch(...tensors);
      const { loss, accuracy, spread } = cut
        ? ntXentInPanels(tape, tensors, temperature, cut.panel)
        : ntXent(tape, tensors[0], temperature);
      tape.backward(loss);
      const gradients = tensors.map((tensor, i) => [`block ${i}`, gradientOf(tape, tensor)]);
      return { loss, accuracy, spread, ...Object.fromEntries(gradients) };
    });
    const dz = new Float64Array(z.length);
    const found = blocks.flatMap((_, i) => Array.from(gradients[`block ${i}`]));
    places.forEach((row, i) => {
      dz.set(found.slice(i * dimension, (i + 1) * dimension), row * dimension);
    });
    return { loss, accuracy, spread, dz };
  },
  reference({ dimension, temperature, z }) {
    const { loss, accuracy, spread, dz } = ntXentReference(z, dimension, temperature);
    return {
      ...{ loss: Float64Array.of(loss), accuracy: Float64Array.of(accuracy), spread: Float64Array.of(spread) },
      dz,
    };
  },
  tolerance: (inputs) => ntXentTolerance(inputs, 64),
};

/** Relative error of the reciprocal of a row's length, from its sum of squares, whose root halves errors. */
function inverseNormError(columns: number): number {
  return relativeError((columns + 1) / 2 + ROUNDINGS.sqrt + ROUNDINGS.division);
}

/** Error of the mean over the columns of the standard deviation of rows that are off by so much, put together from so many panels. */
export function spreadError(unit: Float64Array, columns: number, error: number, panels: number): number {
  const rows = unit.length / columns;
  let result = 0;
  for (let c = 0; c < columns; c++) {
    let [sum, absolute, squares] = [0, 0, 0];
    for (let row = 0; row < rows; row++) {
      sum += unit[row * columns + c];
      absolute += Math.abs(unit[row * columns + c]);
      squares += unit[row * columns + c] ** 2;
    }
    const deviation = Math.sqrt(Math.max(0, squares / rows - (sum / rows) ** 2));
    // A standard deviation moves no further than the root mean square of what its elements are off by, and than the mean they are
    // measured from. Then differences, squares and their sum; a few operations a panel; the root. Squares may become 0.
    result +=
      error * Math.sqrt(squares / rows) +
      (relativeError(rows + ROUNDINGS.division * (1 + 2 * panels)) * absolute) / rows +
      deviation * relativeError(rows / 2 + 2 + (ROUNDINGS.division + 3) * panels + ROUNDINGS.sqrt + columns) +
      Math.sqrt(smallest);
  }
  return result / columns;
}

/** What the outputs of `ntXentSubject` may be off by where a tile has this many columns or more. */
export function ntXentTolerance({ rows, dimension, temperature, z, cut }: NtXentInputs, tileColumns: number): Outputs {
  const normalization = l2NormalizeForward(z, rows, dimension);
  const unit = normalization.y;
  const { blocks, panel } = cut ?? { blocks: [rows], panel: panelColumns(rows, rows, dimension) };
  const widths = blocks.flatMap((count) =>
    Array.from({ length: Math.ceil(count / panel) }, (_, i) => Math.min(panel, count - i * panel)),
  );
  const panels = widths.length;
  // A row times the reciprocal of its norm.
  const unitError = inverseNormError(dimension) + UNIT;
  // A logit: a dot product of two rows, each with its error, whose absolute terms add up to at most 1 (Cauchy and
  // Schwarz); then a product with the reciprocal of the temperature, which is rounded too.
  const logitError = (relativeError(dimension + 1) + 2 * unitError + 2 * UNIT) / temperature;
  // Sums of exponentials are scaled when the maximum moves: at most once a tile, once over the lanes of a workgroup, once a panel,
  // and once over the runs of columns.
  const scalings = widths.reduce((sum, width) => sum + Math.ceil(width / tileColumns) + 1, 2);
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
  /** 1 - p[i, positive], and its error. */
  const rest = new Float64Array(rows);
  const restError = new Float64Array(rows);
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
    // The negatives' share: what they and the positive are off by, both sums, the quotient.
    rest[i] = logits.reduce((share, logit) => share + Math.exp(logit - lse[i]), 0);
    restError[i] = rest[i] * (2 * logitError + 2 * error + relativeError(ROUNDINGS.division + 2)) + smallest;
  }

  const gradient = new Float64Array(z.length);
  const gradientError = new Float64Array(z.length);
  // Sums over the columns and the panels, the factor, and the row that it comes before.
  const sumError = relativeError(rows + panels + 1) + unitError + UNIT;
  // A probability: the errors of the logit and of the log-sum-exp, their difference, the exponential, and the sum and
  // the product that it goes into.
  const probabilityError = (argument: number, anchor: number) =>
    logitError + lseError[anchor] + relativeError(expRoundings(argument) + Math.abs(argument) + 2);
  for (let i = 0; i < rows; i++) {
    setLogits(i);
    // What k is to i, i is to k.
    for (let k = i + 1; k < rows; k++) {
      const [own, other] = [logits[k] - lse[i], logits[k] - lse[k]];
      const [ownShare, otherShare] = [Math.exp(own), Math.exp(other)];
      const isPositive = k === positiveOf(i);
      const factor = isPositive ? -rest[i] - rest[k] : ownShare + otherShare;
      const factorError = isPositive
        ? restError[i] + restError[k]
        : ownShare * probabilityError(own, i) + otherShare * probabilityError(other, k);
      const error = factorError + Math.abs(factor) * sumError;
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
    spread: Float64Array.of(spreadError(unit, dimension, unitError, panels)),
    // A product more than in the gradient of normalised rows: with the reciprocal of the norm.
    dz: normalizeGradientError(normalization, scaled, dimension, scaledError, 1),
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

/** What the two ways to the gradient launch. */
const FUSED = ["contrastGradient"] as const;
const IN_PRODUCTS = ["scaledRows", "transpose", "matmul", "contrastFactors", "addRows"] as const;

/**
 * A check of NT-Xent on pairs of related embeddings.
 * @param scale size of their elements
 * @param cut blocks that they are handed over in, and columns of a panel; without it, one block
 */
export function checkNtXent(
  rows: number,
  dimension: number,
  temperature: number,
  scale = 1,
  cut?: NtXentInputs["cut"],
): Check {
  const pieces = cut ? `, in blocks of ${cut.blocks.join(", ")} and panels of ${cut.panel}` : "";
  const text = `2N = ${rows}, dimension ${dimension}, temperature ${temperature}, size ${scale}${pieces}, and gradient`;
  const used = [
    ...(["viewGroups", "inverseNorms", "contrastColumns", "contrastStatistics", "contrastPartials"] as const),
    ...(["ntXentCombine", "meanStandardDeviation", "mean", "contrastEmbeddingGradient"] as const),
    ...(dimension > FUSED_GRADIENT_DIMENSIONS ? IN_PRODUCTS : FUSED),
  ];
  return checkOf(used, text, ntXentSubject, () => ({ ...ntXentInputs(rows, dimension, temperature, scale), cut }));
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
  checkNtXent(70, 12, 0.1, 1, { blocks: [70], panel: 24 }),
  checkNtXent(70, 13, 0.05, 0.001, { blocks: [2, 40, 6, 22], panel: 9 }),
  checkNtXent(70, 132, 0.1, 1, { blocks: [48, 22], panel: 10 }),
];
