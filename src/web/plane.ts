/** Two directions of a space, one after the other. */
type Axes = Float64Array;

const ITERATIONS = 12;
/** The share of points that lie where distances are kept; beyond, towards the edge, they shrink. */
const INSIDE = 0.9;

/**
 * The two directions along which rows of length 1 vary most (principal components, by orthogonal iteration), as a plane that turns
 * slowly: each call starts from the directions of the one before.
 */
export class Plane {
  #axes: Axes | null = null;

  /**
   * Where rows lie on the plane, both directions from -1 to 1.
   * @param values [rows, dimension], row-major
   */
  positions(values: Float32Array, rows: number, dimension: number): Float32Array<ArrayBuffer> {
    const unit = centred(values, rows, dimension);
    let axes = this.#axes?.length === 2 * dimension ? this.#axes : someAxes(dimension);
    for (let i = 0; i < ITERATIONS; i++) axes = orthonormal(turned(unit, rows, dimension, axes), dimension);
    this.#axes = axes;
    const positions = new Float32Array(2 * rows);
    for (let row = 0; row < rows; row++)
      for (let axis = 0; axis < 2; axis++)
        positions[2 * row + axis] = dot(unit, row * dimension, axes, axis * dimension, dimension);
    const reaches = [0, 1].map(
      (axis) => quantile(positions.filter((_, i) => i % 2 === axis).map(Math.abs), INSIDE) || 1,
    );
    return positions.map((value, i) => value / Math.hypot(value, 1.2 * reaches[i % 2]));
  }
}

function dot(a: Float64Array, fromA: number, b: Float64Array, fromB: number, length: number): number {
  let sum = 0;
  for (let i = 0; i < length; i++) sum += a[fromA + i] * b[fromB + i];
  return sum;
}

/** Rows of length 1, less their mean. */
function centred(values: Float32Array, rows: number, dimension: number): Float64Array {
  const unit = Float64Array.from(values);
  const mean = new Float64Array(dimension);
  for (let row = 0; row < rows; row++) {
    const from = row * dimension;
    const length = Math.sqrt(dot(unit, from, unit, from, dimension)) || 1;
    for (let i = 0; i < dimension; i++) {
      unit[from + i] /= length;
      mean[i] += unit[from + i] / rows;
    }
  }
  for (let at = 0; at < unit.length; at++) unit[at] -= mean[at % dimension];
  return unit;
}

function someAxes(dimension: number): Axes {
  return orthonormal(
    Float64Array.from({ length: 2 * dimension }, (_, i) => Math.sin(i + 1) + (i < dimension ? 0.1 : -0.1)),
    dimension,
  );
}

/** X^T X a of each axis a. */
function turned(x: Float64Array, rows: number, dimension: number, axes: Axes): Axes {
  const next = new Float64Array(axes.length);
  for (let row = 0; row < rows; row++) {
    const from = row * dimension;
    for (let axis = 0; axis < axes.length; axis += dimension) {
      const along = dot(x, from, axes, axis, dimension);
      for (let i = 0; i < dimension; i++) next[axis + i] += along * x[from + i];
    }
  }
  return next;
}

/** Gram and Schmidt. */
function orthonormal(axes: Axes, dimension: number): Axes {
  const result = Float64Array.from(axes);
  const scale = (axis: number) => {
    const length = Math.sqrt(dot(result, axis, result, axis, dimension)) || 1;
    for (let i = 0; i < dimension; i++) result[axis + i] /= length;
  };
  scale(0);
  const along = dot(result, 0, result, dimension, dimension);
  for (let i = 0; i < dimension; i++) result[dimension + i] -= along * result[i];
  scale(dimension);
  return result;
}

function quantile(values: Float32Array, share: number): number {
  const sorted = Float32Array.from(values).sort();
  return sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
}
