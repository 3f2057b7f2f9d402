import * as kernels from "../../kernels/generated.js";
import type { Tape } from "../engine/tape.js";
import { expectType, Tensor } from "../engine/tensor.js";
import { ShapeError } from "../errors.js";
import { type Extents, type Pairing, pair, repeat } from "./broadcast.js";
import { columnSums } from "./column-sums.js";
import { toHalf } from "./precision.js";
import { rowSums, sum } from "./reductions.js";
import { negate } from "./unary.js";

// Operands go together as `pair` says: a row [cols] or [1, cols], a column [rows, 1] or a number [1] counts for all of a matrix
// [rows, cols]. Both are f32 or both f16. The gradient of what was repeated is a sum, in the same order every time.

/** Codes of kernels/binary.wgsl. */
const OPERATIONS = { "+": 0, "-": 1, "*": 2, "/": 3, "negative *": 4 } as const;

/** a op b. Not differentiable. */
function combine(tape: Tape, operation: keyof typeof OPERATIONS, a: Tensor, b: Tensor, pairing: Pairing): Tensor {
  const y = tape.tensor(pairing.shape, `${a.label} ${operation} ${b.label}`, a.type);
  const params = {
    ...{ a_rows: pairing.a.rows, a_cols: pairing.a.cols },
    ...{ b_rows: pairing.b.rows, b_cols: pairing.b.cols },
  };
  tape.launch(kernels.binary, { a, b, y }, params, { OPERATION: OPERATIONS[operation] });
  return y;
}

/** How two operands go together. @throws ShapeError where their shapes or types do not. */
function pairOf(a: Tensor, b: Tensor): Pairing {
  expectType(b, a.type, `to go with ${a}`);
  return pair(a, b);
}

/** The gradient of an operand, seen as `from`, from that of what it was repeated to: the sum of all that it counted for. */
function gather(tape: Tape, operand: Tensor, from: Extents, full: Tensor, to: Extents): Tensor {
  const [everyRow, everyColumn] = [from.rows === to.rows, from.cols === to.cols];
  if (everyRow && everyColumn) return full.view(operand.shape);
  const matrix = full.view([to.rows, to.cols]);
  const total = everyColumn ? columnSums(tape, matrix) : everyRow ? rowSums(tape, matrix) : sum(tape, matrix);
  return (operand.type === "f16" ? toHalf(tape, total) : total).view(operand.shape);
}

/** a + b, where `add` finds that an operand is repeated. */
export function addRepeated(tape: Tape, a: Tensor, b: Tensor): Tensor {
  const pairing = pairOf(a, b);
  const y = combine(tape, "+", a, b, pairing);
  tape.differentiate([a, b], y, (dy) => [
    tape.needsGradient(a) ? gather(tape, a, pairing.a, dy, pairing.y) : null,
    tape.needsGradient(b) ? gather(tape, b, pairing.b, dy, pairing.y) : null,
  ]);
  return y;
}

/** a - b. */
export function subtract(tape: Tape, a: Tensor, b: Tensor): Tensor {
  const pairing = pairOf(a, b);
  const y = combine(tape, "-", a, b, pairing);
  tape.differentiate([a, b], y, (dy) => [
    tape.needsGradient(a) ? gather(tape, a, pairing.a, dy, pairing.y) : null,
    tape.needsGradient(b) ? negate(tape, gather(tape, b, pairing.b, dy, pairing.y)) : null,
  ]);
  return y;
}

/** a b, element by element. */
export function multiply(tape: Tape, a: Tensor, b: Tensor): Tensor {
  const pairing = pairOf(a, b);
  const { shape, y: to } = pairing;
  const y = combine(tape, "*", a, b, pairing);
  tape.differentiate([a, b], y, (dy) => {
    const times = (other: Tensor, extents: Extents) =>
      combine(tape, "*", dy, other, { shape, a: to, b: extents, y: to });
    return [
      tape.needsGradient(a) ? gather(tape, a, pairing.a, times(b, pairing.b), to) : null,
      tape.needsGradient(b) ? gather(tape, b, pairing.b, times(a, pairing.a), to) : null,
    ];
  });
  return y;
}

/** a / b, element by element. */
export function divide(tape: Tape, a: Tensor, b: Tensor): Tensor {
  const pairing = pairOf(a, b);
  const { shape, y: to } = pairing;
  const y = combine(tape, "/", a, b, pairing);
  tape.differentiate([a, b], y, (dy) => {
    const da = combine(tape, "/", dy, b, { shape, a: to, b: pairing.b, y: to });
    const db = () => combine(tape, "negative *", da, y, { shape, a: to, b: to, y: to });
    return [
      tape.needsGradient(a) ? gather(tape, a, pairing.a, da, to) : null,
      tape.needsGradient(b) ? gather(tape, b, pairing.b, db(), to) : null,
    ];
  });
  return y;
}

/** An f32 tensor repeated to a shape that it goes with as the operand of a sum would. @throws ShapeError where it does not. */
export function broadcast(tape: Tape, x: Tensor, shape: readonly number[]): Tensor {
  const { a: from, y: to, shape: found } = pair(x, new Tensor(shape, x.type, "the shape asked for"));
  if (found.length !== shape.length || found.some((extent, i) => extent !== shape[i]))
    throw new ShapeError(`${x} cannot be repeated to [${shape.join(", ")}]: that is smaller`);
  const y = repeat(tape, x, { from, to, shape, label: `${x.label} repeated` });
  tape.differentiate([x], y, (dy) => [gather(tape, x, from, dy, to)]);
  return y;
}
