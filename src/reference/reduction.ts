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

/** Sum of each row of x[rows, columns]: [rows]. */
export function rowSums(x: Float64Array, rows: number, columns: number): Float64Array {
  return new Float64Array(rows).map((_, row) => x.subarray(row * columns, (row + 1) * columns).reduce((a, b) => a + b));
}

/** Log-sum-exp of each row of x[rows, columns]: [rows]. */
export function rowLogSumExp(x: Float64Array, rows: number, columns: number): Float64Array {
  const maxima = rowMaxima(x, rows, columns);
  const exponentials = x.map((value, i) => Math.exp(value - maxima[Math.floor(i / columns)]));
  return rowSums(exponentials, rows, columns).map((sum, row) => maxima[row] + Math.log(sum));
}

/** Gradient of {@link rowMaxima}: to the first of the largest elements of each row. */
export function rowMaximaBackward(x: Float64Array, dy: Float64Array, rows: number, columns: number): Float64Array {
  const dx = new Float64Array(x.length);
  const maxima = rowMaxima(x, rows, columns);
  for (let row = 0; row < rows; row++) dx[x.indexOf(maxima[row], row * columns)] = dy[row];
  return dx;
}

/** Gradient of {@link rowLogSumExp}. */
export function rowLogSumExpBackward(x: Float64Array, dy: Float64Array, rows: number, columns: number): Float64Array {
  const results = rowLogSumExp(x, rows, columns);
  return x.map((value, i) => {
    const row = Math.floor(i / columns);
    return dy[row] * Math.exp(value - results[row]);
  });
}
