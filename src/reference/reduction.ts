/** Sum over the rows of x[rows, columns]: [columns]. This is also the gradient of a bias that was added to each row. */
export function columnSums(x: Float64Array, rows: number, columns: number): Float64Array {
  const sums = new Float64Array(columns);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) sums[column] += x[row * columns + column];
  }
  return sums;
}

/** Largest value of each row of x[rows, columns]: [rows]. */
export function rowMaxima(x: Float64Array, rows: number, columns: number): Float64Array {
  const maxima = new Float64Array(rows).fill(-Infinity);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      maxima[row] = Math.max(maxima[row], x[row * columns + column]);
    }
  }
  return maxima;
}
