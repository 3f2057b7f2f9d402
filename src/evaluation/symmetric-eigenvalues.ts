import { ShapeError } from "../errors.js";

/** Halvings of the interval in which all eigenvalues lie that bring it down to the precision below. */
const HALVINGS = 54;

/**
 * All eigenvalues of a symmetric matrix [size, size], ascending: Householder's reduction to a tridiagonal matrix (Golub and
 * Van Loan 2013, section 8.3.1), then bisection by the signs of the pivots (section 8.4.1). Each is off by about 2^-52 of
 * the largest. Takes 4/3 size^3 operations. Only the lower triangle is read.
 * @throws ShapeError where the matrix is not square.
 */
export function symmetricEigenvalues(matrix: Float64Array, size: number): Float64Array {
  if (matrix.length !== size * size)
    throw new ShapeError(`${matrix.length} elements are no matrix of ${size} x ${size}`);
  const { diagonal, beside } = tridiagonal(Float64Array.from(matrix), size);
  // Gershgorin: no eigenvalue is further from an element of the diagonal than its neighbours' sum.
  let [lowest, highest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let i = 0; i < size; i++) {
    const reach = Math.abs(beside[i]) + Math.abs(i + 1 < size ? beside[i + 1] : 0);
    lowest = Math.min(lowest, diagonal[i] - reach);
    highest = Math.max(highest, diagonal[i] + reach);
  }
  const precision = 2 ** -52 * Math.max(Math.abs(lowest), Math.abs(highest));
  return Float64Array.from({ length: size }, (_, k) => {
    // Fewer than k + 1 eigenvalues lie below `low`, and at least so many not above `high`.
    let [low, high] = [lowest, highest];
    for (let halving = 0; halving < HALVINGS && high - low > precision; halving++) {
      const middle = (low + high) / 2;
      if (countBelow(diagonal, beside, middle) > k) high = middle;
      else low = middle;
    }
    return (low + high) / 2;
  });
}

/** Overwrites `a`, whose lower triangle counts; beside[i] stands between diagonal[i - 1] and diagonal[i]. */
function tridiagonal(a: Float64Array, size: number): { diagonal: Float64Array; beside: Float64Array } {
  const beside = new Float64Array(size);
  const image = new Float64Array(size);
  for (let i = size - 1; i > 0; i--) {
    // The row left of the diagonal, which a reflection turns into (0, ..., 0, beside[i]).
    const v = a.subarray(i * size, i * size + i);
    const last = v[i - 1];
    let squares = 0;
    for (let k = 0; k < i - 1; k++) squares += v[k] * v[k];
    if (squares === 0) {
      beside[i] = last;
      continue;
    }
    const length = Math.sqrt(squares + last * last);
    beside[i] = last > 0 ? -length : length;
    v[i - 1] = last - beside[i];
    // Half the squared length of v.
    const half = length * (length + Math.abs(last));
    image.fill(0, 0, i);
    for (let j = 0; j < i; j++) {
      const row = j * size;
      let sum = a[row + j] * v[j];
      for (let k = 0; k < j; k++) {
        sum += a[row + k] * v[k];
        image[k] += a[row + k] * v[j];
      }
      image[j] += sum;
    }
    let along = 0;
    for (let j = 0; j < i; j++) {
      image[j] /= half;
      along += image[j] * v[j];
    }
    const share = along / (2 * half);
    for (let j = 0; j < i; j++) image[j] -= share * v[j];
    for (let j = 0; j < i; j++) {
      const row = j * size;
      for (let k = 0; k <= j; k++) a[row + k] -= v[j] * image[k] + image[j] * v[k];
    }
  }
  return { diagonal: Float64Array.from({ length: size }, (_, i) => a[i * size + i]), beside };
}

/** Eigenvalues below x: as many as there are negative pivots when x is taken from the diagonal (Sylvester). */
function countBelow(diagonal: Float64Array, beside: Float64Array, x: number): number {
  let count = 0;
  let pivot = 1;
  for (let i = 0; i < diagonal.length; i++) {
    pivot = diagonal[i] - x - (beside[i] * beside[i]) / pivot;
    // A pivot of zero would make the next one infinite or no number at all.
    if (pivot === 0) pivot = Number.MIN_VALUE * 2 ** 52;
    if (pivot < 0) count += 1;
  }
  return count;
}
