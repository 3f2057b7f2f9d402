import { rowLogSumExp, rowSums } from "./reduction.js";

/** Log-softmax of each row of x[rows, columns]. */
export function logSoftmaxForward(x: Float64Array, rows: number, columns: number): Float64Array {
  const normalizers = rowLogSumExp(x, rows, columns);
  return x.map((value, i) => value - normalizers[Math.floor(i / columns)]);
}

/** Softmax of each row of x[rows, columns]. */
export function softmaxForward(x: Float64Array, rows: number, columns: number): Float64Array {
  return logSoftmaxForward(x, rows, columns).map(Math.exp);
}

/** Gradient of {@link softmaxForward} from its output. */
export function softmaxBackward(y: Float64Array, dy: Float64Array, rows: number, columns: number): Float64Array {
  const along = rowSums(
    y.map((value, i) => value * dy[i]),
    rows,
    columns,
  );
  return y.map((value, i) => value * (dy[i] - along[Math.floor(i / columns)]));
}

/** Gradient of {@link logSoftmaxForward} from its output. */
export function logSoftmaxBackward(y: Float64Array, dy: Float64Array, rows: number, columns: number): Float64Array {
  const sums = rowSums(dy, rows, columns);
  return y.map((value, i) => dy[i] - Math.exp(value) * sums[Math.floor(i / columns)]);
}
