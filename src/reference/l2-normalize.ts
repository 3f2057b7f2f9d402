import { matmulForward } from "./matmul.js";

/** Smallest norm that a row is divided by, as in PyTorch's `normalize`. */
const epsilon = 1e-12;

/** y = x / max(|x|, 1e-12) for each row of x[rows, columns], with the norms |x|, [rows]. */
export function l2NormalizeForward(
  x: Float64Array,
  rows: number,
  columns: number,
): { y: Float64Array; norms: Float64Array } {
  const norms = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    for (let c = 0; c < columns; c++) norms[row] += x[row * columns + c] ** 2;
    norms[row] = Math.sqrt(norms[row]);
  }
  const y = x.map((value, i) => value / Math.max(norms[Math.floor(i / columns)], epsilon));
  return { y, norms };
}

/** Gradient of {@link l2NormalizeForward}: (dy - y (y . dy)) / |x|; below the smallest norm the divisor is constant. */
export function l2NormalizeBackward(
  { y, norms }: { y: Float64Array; norms: Float64Array },
  dy: Float64Array,
  rows: number,
  columns: number,
): Float64Array {
  const dx = new Float64Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    const start = row * columns;
    let along = 0;
    for (let c = 0; c < columns; c++) along += y[start + c] * dy[start + c];
    for (let c = 0; c < columns; c++) {
      dx[start + c] =
        norms[row] > epsilon ? (dy[start + c] - y[start + c] * along) / norms[row] : dy[start + c] / epsilon;
    }
  }
  return dx;
}

/** Sizes of a cosine similarity matrix: a [rowsA, columns], b [rowsB, columns]. */
export interface CosineSimilarityShape {
  readonly rowsA: number;
  readonly rowsB: number;
  readonly columns: number;
}

/** Cosine of every row of a with every row of b: [rowsA, rowsB]. */
export function cosineSimilarityForward(a: Float64Array, b: Float64Array, shape: CosineSimilarityShape): Float64Array {
  const { rowsA, rowsB, columns } = shape;
  const unitA = l2NormalizeForward(a, rowsA, columns).y;
  const unitB = l2NormalizeForward(b, rowsB, columns).y;
  return matmulForward(unitA, unitB, { m: rowsA, n: rowsB, k: columns, transposeB: true });
}
