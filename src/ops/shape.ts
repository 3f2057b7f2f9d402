import * as kernels from "../../kernels/generated.js";
import type { Tape } from "../engine/tape.js";
import { elementsOf, expectType, type Tensor } from "../engine/tensor.js";
import { ShapeError } from "../errors.js";

/** The same elements in another shape: no copy, and no launch. @throws ShapeError where that has another number of elements. */
export function reshape(tape: Tape, x: Tensor, shape: readonly number[]): Tensor {
  const y = x.view(shape);
  tape.differentiate([x], y, (dy) => [dy.view(x.shape)]);
  return y;
}

/** The place of an axis, counted from the end where it is negative. @throws ShapeError where x has no such axis. */
function axisOf(x: Tensor, axis: number): number {
  const place = axis < 0 ? axis + x.shape.length : axis;
  if (!Number.isInteger(axis) || place < 0 || place >= x.shape.length)
    throw new ShapeError(`${x} has ${x.shape.length} dimensions and no axis ${axis}`);
  return place;
}

/** A tensor seen as a matrix that the places of an axis are runs of columns of. */
function alongAxis(shape: readonly number[], axis: number) {
  const step = elementsOf(shape.slice(axis + 1));
  return { rows: elementsOf(shape.slice(0, axis)), cols: shape[axis] * step, step };
}

/**
 * Places `start` to `end` (not included; all that follow by default) of an axis, which counts from the end where it is negative.
 * @throws ShapeError where x has no such axis, or no such places.
 */
export function slice(tape: Tape, x: Tensor, axis: number, start: number, end?: number): Tensor {
  const place = axisOf(x, axis);
  const extent = x.shape[place];
  const until = end ?? extent;
  if (![start, until].every(Number.isInteger) || start < 0 || start >= until || until > extent) {
    throw new ShapeError(
      `places ${start} to ${until} of axis ${axis} of ${x}: it has 0 to ${extent}, and one is the least`,
    );
  }
  const { rows, cols, step } = alongAxis(x.shape, place);
  const y = tape.tensor(x.shape.with(place, until - start), `part of ${x.label}`, x.type);
  tape.launch(kernels.slice, { x, y }, { rows, cols, first: start * step, count: (until - start) * step });
  tape.differentiate([x], y, (dy) => [surround(tape, dy, x, place, start)]);
  return y;
}

/** The gradient of x from that of its places from `start` on: 0 elsewhere. Not differentiable. */
export function surround(tape: Tape, dy: Tensor, x: Tensor, axis: number, start: number): Tensor {
  const { rows, cols, step } = alongAxis(x.shape, axis);
  const dx = tape.tensor(x.shape, `gradient of ${x.label}`, x.type);
  const params = { rows, cols, first: start * step, count: dy.size / rows };
  tape.launch(kernels.insert, { x: dy, y: dx }, params, { FILL: true });
  return dx;
}

/**
 * Tensors one after the other along an axis, which counts from the end where it is negative; a launch each.
 * @throws ShapeError where there is none, or where other extents than those of the axis differ.
 */
export function concatenate(tape: Tape, tensors: readonly Tensor[], axis: number): Tensor {
  const [first] = tensors;
  if (!first) throw new ShapeError("there is nothing to concatenate: give one tensor or more");
  const place = axisOf(first, axis);
  for (const tensor of tensors) {
    expectType(tensor, first.type, `to be concatenated with ${first}`);
    const fits = tensor.shape.length === first.shape.length;
    if (!fits || tensor.shape.some((extent, i) => i !== place && extent !== first.shape[i]))
      throw new ShapeError(`${tensor} cannot follow ${first} along axis ${axis}: their other extents differ`);
  }
  const starts: number[] = [];
  let extent = 0;
  for (const { shape } of tensors) {
    starts.push(extent);
    extent += shape[place];
  }
  const y = tape.tensor(first.shape.with(place, extent), tensors.map(({ label }) => label).join(" | "), first.type);
  const { rows, cols, step } = alongAxis(y.shape, place);
  tensors.forEach((x, i) => {
    tape.launch(kernels.insert, { x, y }, { rows, cols, first: starts[i] * step, count: x.size / rows });
  });
  tape.differentiate(tensors, y, (dy) =>
    tensors.map((x, i) =>
      tape.needsGradient(x) ? slice(tape, dy, place, starts[i], starts[i] + x.shape[place]) : null,
    ),
  );
  return y;
}

/** Dimensions that `permute` takes. */
const MOST_DIMENSIONS = 4;

/**
 * Dimensions in another order: dimension d of the result is dimension order[d] of x, of which there are up to four.
 * @throws ShapeError unless `order` names each of them once.
 */
export function permute(tape: Tape, x: Tensor, order: readonly number[]): Tensor {
  const rank = x.shape.length;
  const complete = order.length === rank && x.shape.every((_, i) => order.includes(i));
  if (rank > MOST_DIMENSIONS || !complete) {
    throw new ShapeError(
      `${x} cannot take the order [${order.join(", ")}]: it must name each of up to ${MOST_DIMENSIONS} dimensions once`,
    );
  }
  const y = tape.tensor(
    order.map((i) => x.shape[i]),
    `${x.label} permuted`,
    x.type,
  );
  const steps = x.shape.map((_, i) => elementsOf(x.shape.slice(i + 1)));
  // Dimensions of one place come before those that there are.
  const missing = Array.from({ length: MOST_DIMENSIONS - rank }, () => 1);
  const [e_0, e_1, e_2, e_3] = [...missing, ...y.shape];
  const [s_0, s_1, s_2, s_3] = [...missing, ...order.map((i) => steps[i])];
  tape.launch(kernels.permute, { x, y }, { e_0, e_1, e_2, e_3, s_0, s_1, s_2, s_3 });
  tape.differentiate([x], y, (dy) => [
    permute(
      tape,
      dy,
      x.shape.map((_, i) => order.indexOf(i)),
    ),
  ]);
  return y;
}
