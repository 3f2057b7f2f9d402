import type { NdArray } from "./broadcast.js";

/** The array of this shape whose element at each place `at` gives. */
export function filled(shape: readonly number[], at: (place: readonly number[]) => number): NdArray {
  const size = shape.reduce((a, b) => a * b, 1);
  const data = Float64Array.from({ length: size }, (_, index) => {
    let rest = index;
    const place = shape.toReversed().map((extent) => {
      const own = rest % extent;
      rest = Math.floor(rest / extent);
      return own;
    });
    return at(place.toReversed());
  });
  return { shape, data };
}

/** The element of an array at a place. */
export function elementAt({ shape, data }: NdArray, place: readonly number[]): number {
  return data[place.reduce((index, own, i) => index * shape[i] + own, 0)];
}

/** Places `start` to `end` (not included) of an axis. */
export function sliceForward(x: NdArray, axis: number, start: number, end: number): NdArray {
  return filled(x.shape.with(axis, end - start), (place) => elementAt(x, place.with(axis, place[axis] + start)));
}

/** Gradient of {@link sliceForward}: 0 for all other places of x, which has this shape. */
export function sliceBackward(dy: NdArray, shape: readonly number[], axis: number, start: number): NdArray {
  return filled(shape, (place) => {
    const own = place[axis] - start;
    return own >= 0 && own < dy.shape[axis] ? elementAt(dy, place.with(axis, own)) : 0;
  });
}

/** Arrays one after the other along an axis. */
export function concatenateForward(arrays: readonly NdArray[], axis: number): NdArray {
  const extent = arrays.reduce((sum, { shape }) => sum + shape[axis], 0);
  return filled(arrays[0].shape.with(axis, extent), (place) => {
    let own = place[axis];
    let i = 0;
    while (own >= arrays[i].shape[axis]) own -= arrays[i++].shape[axis];
    return elementAt(arrays[i], place.with(axis, own));
  });
}

/** Dimensions in another order: dimension d of the result is dimension order[d] of x. */
export function permuteForward(x: NdArray, order: readonly number[]): NdArray {
  return filled(
    order.map((d) => x.shape[d]),
    (place) =>
      elementAt(
        x,
        x.shape.map((_, d) => place[order.indexOf(d)]),
      ),
  );
}

/** Rows of x[..., columns]: row i of the result is row indices[i] of x. */
export function gatherRowsForward(x: Float64Array, indices: ArrayLike<number>, columns: number): Float64Array {
  return Float64Array.from(
    { length: indices.length * columns },
    (_, i) => x[indices[Math.floor(i / columns)] * columns + (i % columns)],
  );
}

/** Rows added up where they belong: row r of the result [rows, columns] is the sum of the rows i of x with indices[i] = r. */
export function scatterAddRowsForward(
  x: Float64Array,
  indices: ArrayLike<number>,
  rows: number,
  columns: number,
): Float64Array {
  const y = new Float64Array(rows * columns);
  x.forEach((value, i) => {
    y[indices[Math.floor(i / columns)] * columns + (i % columns)] += value;
  });
  return y;
}
