import * as kernels from "../../kernels/generated.js";
import type { Tape } from "../engine/tape.js";
import { expectShape, type Tensor } from "../engine/tensor.js";
import { addRepeated } from "./binary.js";
import { repeat } from "./broadcast.js";

/** max(x, 0). */
export function relu(tape: Tape, x: Tensor): Tensor {
  const y = tape.tensor(x.shape, `relu of ${x.label}`, x.type);
  tape.launch(kernels.relu, { x, y }, { elements: x.size });
  tape.differentiate([x], y, (dy) => [reluGradient(tape, y, dy)]);
  return y;
}

/** The part of `dy` that passes a rectifier whose output was `y`. Not differentiable. */
export function reluGradient(tape: Tape, y: Tensor, dy: Tensor): Tensor {
  const dx = tape.tensor(y.shape, `gradient through ${y.label}`, y.type);
  tape.launch(kernels.reluGradient, { y, dy, dx }, { elements: y.size });
  return dx;
}

/** a + b; shapes that differ go together as in `subtract`. @throws ShapeError where they do not. */
export function add(tape: Tape, a: Tensor, b: Tensor): Tensor {
  if (a.shape.length !== b.shape.length || a.shape.some((extent, i) => extent !== b.shape[i]))
    return addRepeated(tape, a, b);
  const y = tape.tensor(a.shape, `${a.label} + ${b.label}`, a.type);
  tape.launch(kernels.add, { a, b, y }, { elements: a.size });
  tape.differentiate([a, b], y, (dy) => [dy, dy]);
  return y;
}

/**
 * Adds weight * x to `sum`, a persistent tensor of its shape, in place; where `continues` (u32 [1]) is 0, the sum begins with
 * it. Not differentiable.
 */
export function accumulate(tape: Tape, x: Tensor, continues: Tensor, sum: Tensor, weight = 1): void {
  expectShape(x, sum.shape, `to be added to ${sum}`);
  tape.launch(kernels.accumulate, { x, continues, y: sum }, { elements: x.size, weight });
}

/**
 * Matrices of a batch transposed: [batch, rows, cols] -> [batch, cols, rows], or [rows, cols] -> [cols, rows]; the last one
 * first with `reversed`.
 */
export function transpose(tape: Tape, x: Tensor, { reversed = false }: { readonly reversed?: boolean } = {}): Tensor {
  const rows = x.shape.at(-2) ?? 1;
  const cols = x.shape.at(-1) ?? 1;
  const y = tape.tensor([...x.shape.slice(0, -2), cols, rows], `${x.label} transposed`, x.type);
  const matrices = x.size / (rows * cols);
  tape.launch(kernels.transpose, { x, y }, { matrices, rows, cols }, { REVERSED: reversed });
  tape.differentiate([x], y, (dy) => [transpose(tape, dy, { reversed }).view(x.shape)]);
  return y;
}

/** Mean of all elements, as a tensor of one, f32. @param label "mean of ..." by default */
export function mean(tape: Tape, x: Tensor, label = `mean of ${x.label}`): Tensor {
  const y = tape.tensor([1], label);
  tape.launch(kernels.mean, { x, y }, { elements: x.size });
  tape.differentiate([x], y, (dy) => {
    const [from, to] = [
      { rows: 1, cols: 1 },
      { rows: 1, cols: x.size },
    ];
    const result = { shape: x.shape, label: `gradient of ${x.label}`, type: x.type, divisor: x.size };
    return [repeat(tape, dy, { from, to, ...result })];
  });
  return y;
}
