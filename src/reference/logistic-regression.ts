import { softmaxCrossEntropy } from "./cross-entropy.js";
import { matmulBackward, matmulForward } from "./matmul.js";

/** Rows with labels, in the layouts of {@link logisticRegression}. */
export interface LogisticProblem {
  /** [rows, dimension]. */
  readonly x: Float64Array;
  /** [rows]. */
  readonly labels: Uint32Array;
  readonly dimension: number;
  readonly classes: number;
  readonly l2: number;
}

/** Result of {@link logisticRegression}. */
export interface LogisticResult {
  readonly objective: number;
  /** [dimension, classes]. */
  readonly dWeight: Float64Array;
  /** [classes]. */
  readonly dBias: Float64Array;
}

/** Mean softmax cross-entropy of x weight + bias, plus l2 / 2 |weight|^2, and its gradient. */
export function logisticRegression(
  { x, labels, dimension, classes, l2 }: LogisticProblem,
  weight: Float64Array,
  bias: Float64Array,
): LogisticResult {
  const shape = { m: labels.length, n: classes, k: dimension };
  const { loss, dLogits } = softmaxCrossEntropy(matmulForward(x, weight, shape, bias), labels, classes);
  const { db, dBias } = matmulBackward(x, weight, dLogits, shape);
  return {
    objective: loss + weight.reduce((sum, value) => sum + (l2 / 2) * value * value, 0),
    dWeight: db.map((value, i) => value + l2 * weight[i]),
    dBias,
  };
}

/** Columns of x[rows, dimension] less their means, by the root of their biased variances plus 1e-5. */
export function standardizeColumns(x: Float64Array, dimension: number): Float64Array {
  const rows = x.length / dimension;
  const y = new Float64Array(x.length);
  for (let c = 0; c < dimension; c++) {
    let mean = 0;
    for (let row = 0; row < rows; row++) mean += x[row * dimension + c] / rows;
    let variance = 0;
    for (let row = 0; row < rows; row++) variance += (x[row * dimension + c] - mean) ** 2 / rows;
    for (let row = 0; row < rows; row++) {
      y[row * dimension + c] = (x[row * dimension + c] - mean) / Math.sqrt(variance + 1e-5);
    }
  }
  return y;
}
