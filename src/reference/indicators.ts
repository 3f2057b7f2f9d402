import { l2NormalizeForward } from "./l2-normalize.js";

/** Squared distances of the rows of a to those of b at the same place, [rows]. */
export function squaredDistances(a: Float64Array, b: Float64Array, columns: number): Float64Array {
  const distances = new Float64Array(a.length / columns);
  a.forEach((value, i) => {
    distances[Math.floor(i / columns)] += (value - b[i]) ** 2;
  });
  return distances;
}

/** Mean squared distance of the rows of a to those of b, all normalised first (Wang and Isola 2020, alpha = 2). */
export function alignment(a: Float64Array, b: Float64Array, columns: number): number {
  const rows = a.length / columns;
  const unit = (x: Float64Array) => l2NormalizeForward(x, rows, columns).y;
  return squaredDistances(unit(a), unit(b), columns).reduce((sum, value) => sum + value, 0) / rows;
}

/** log of the mean of exp(-2 |x_i - x_j|^2) over all pairs i != j of normalised rows (Wang and Isola 2020, t = 2). */
export function uniformity(x: Float64Array, columns: number): number {
  const rows = x.length / columns;
  const { y } = l2NormalizeForward(x, rows, columns);
  let sum = 0;
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < i; j++) {
      let square = 0;
      for (let c = 0; c < columns; c++) square += (y[i * columns + c] - y[j * columns + c]) ** 2;
      sum += Math.exp(-2 * square);
    }
  }
  return Math.log((2 * sum) / (rows * (rows - 1)));
}

/** Singular values of x[rows, columns] with its columns centred, in no order: one-sided Jacobi rotations (Hestenes 1958). */
export function centredSingularValues(x: Float64Array, columns: number): Float64Array {
  const rows = x.length / columns;
  const vectors = Array.from({ length: columns }, (_, c) => {
    const column = Float64Array.from({ length: rows }, (_, row) => x[row * columns + c]);
    const mean = column.reduce((sum, value) => sum + value, 0) / rows;
    return column.map((value) => value - mean);
  });
  const dot = (a: Float64Array, b: Float64Array) => a.reduce((sum, value, i) => sum + value * b[i], 0);
  for (let rotated = true; rotated; ) {
    rotated = false;
    for (let i = 1; i < columns; i++) {
      for (let j = 0; j < i; j++) {
        const [a, b] = [vectors[i], vectors[j]];
        const [aa, bb, ab] = [dot(a, a), dot(b, b), dot(a, b)];
        // Angles are left that turn no length by more than float64 rounds.
        if (Math.abs(ab) <= 1e-15 * Math.sqrt(aa * bb) || aa + bb + ab === aa + bb) continue;
        rotated = true;
        const zeta = (bb - aa) / (2 * ab);
        const tangent = (zeta < 0 ? -1 : 1) / (Math.abs(zeta) + Math.hypot(1, zeta));
        const cosine = 1 / Math.hypot(1, tangent);
        const sine = cosine * tangent;
        for (let row = 0; row < rows; row++) {
          const value = a[row];
          a[row] = cosine * value - sine * b[row];
          b[row] = sine * value + cosine * b[row];
        }
      }
    }
  }
  return Float64Array.from(vectors, (vector) => Math.sqrt(dot(vector, vector)));
}

/** exp of the entropy of singular values that are scaled to a sum of 1 (Roy and Vetterli 2007); 0 where all are zero. */
export function effectiveRankOf(singularValues: Float64Array): number {
  const sum = singularValues.reduce((total, value) => total + value, 0);
  if (sum === 0) return 0;
  const entropy = singularValues.reduce((total, value) => {
    const share = value / sum;
    return share > 0 ? total - share * Math.log(share) : total;
  }, 0);
  return Math.exp(entropy);
}
