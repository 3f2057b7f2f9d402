import { columnSums } from "./reduction.js";

/** Sizes of C = op(A) op(B): op(A) is [m, k], op(B) is [k, n], C is [m, n]. */
export interface MatmulShape {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** A is stored as [k, m]. Default false: [m, k]. */
  readonly transposeA?: boolean;
  /** B is stored as [n, k]. Default false: [k, n]. */
  readonly transposeB?: boolean;
}

/** C[m, n] = op(A) op(B), plus `bias` [n] on every row where given. A linear layer is x[m, k] weight[k, n] + bias. */
export function matmulForward(
  a: Float64Array,
  b: Float64Array,
  { m, n, k, transposeA = false, transposeB = false }: MatmulShape,
  bias?: Float64Array,
): Float64Array {
  const c = new Float64Array(m * n);
  for (let row = 0; row < m; row++) {
    for (let column = 0; column < n; column++) {
      let sum = bias ? bias[column] : 0;
      for (let i = 0; i < k; i++) {
        sum += a[transposeA ? i * m + row : row * k + i] * b[transposeB ? column * k + i : i * n + column];
      }
      c[row * n + column] = sum;
    }
  }
  return c;
}

/** Gradients of {@link matmulForward}, `da` and `db` in the layouts in which A and B are stored; `dBias` is [n]. */
export function matmulBackward(
  a: Float64Array,
  b: Float64Array,
  dc: Float64Array,
  { m, n, k, transposeA = false, transposeB = false }: MatmulShape,
): { da: Float64Array; db: Float64Array; dBias: Float64Array } {
  // dop(A) = dC op(B)^T and dop(B) = op(A)^T dC; where the stored matrix is the transpose, so is its gradient.
  const da = transposeA
    ? matmulForward(b, dc, { m: k, n: m, k: n, transposeA: transposeB, transposeB: true })
    : matmulForward(dc, b, { m, n: k, k: n, transposeB: !transposeB });
  const db = transposeB
    ? matmulForward(dc, a, { m: n, n: k, k: m, transposeA: true, transposeB: transposeA })
    : matmulForward(a, dc, { m: k, n, k: m, transposeA: !transposeA });
  return { da, db, dBias: columnSums(dc, m, n) };
}

/** Splits the matrices of a batch apart, multiplies each pair, and puts the results one after the other. */
function overBatch(batch: number, matrices: readonly Float64Array[], each: (...own: Float64Array[]) => Float64Array) {
  const results = Array.from({ length: batch }, (_, i) =>
    each(...matrices.map((all) => all.subarray((i * all.length) / batch, ((i + 1) * all.length) / batch))),
  );
  return Float64Array.from(results.flatMap((result) => Array.from(result)));
}

/** The product of each matrix of a batch with the one at its place. */
export function batchedMatmulForward(
  a: Float64Array,
  b: Float64Array,
  batch: number,
  shape: MatmulShape,
): Float64Array {
  return overBatch(batch, [a, b], (left, right) => matmulForward(left, right, shape));
}

/** Gradients of {@link batchedMatmulForward}. */
export function batchedMatmulBackward(
  a: Float64Array,
  b: Float64Array,
  dc: Float64Array,
  batch: number,
  shape: MatmulShape,
): { da: Float64Array; db: Float64Array } {
  return {
    da: overBatch(batch, [a, b, dc], (left, right, own) => matmulBackward(left, right, own, shape).da),
    db: overBatch(batch, [a, b, dc], (left, right, own) => matmulBackward(left, right, own, shape).db),
  };
}
