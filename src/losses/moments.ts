import type { Tape } from "../engine/tape.js";
import { expectShape, matrixShape, type Tensor } from "../engine/tensor.js";
import { divide, multiply } from "../ops/binary.js";
import { matmul } from "../ops/matmul.js";
import { sum } from "../ops/reductions.js";
import { stopGradient } from "../ops/stop-gradient.js";
import { elementwise, scale, square } from "../ops/unary.js";

/**
 * The sum of the squares of all elements of a^T b, for a and b [rows, cols], as a tensor of one; with a for b, of a^T a. Where
 * there are fewer rows than columns, it comes from the Gram matrices of the rows, and neither work nor memory goes with the square
 * of the columns: sum_ij (a^T b)_ij^2 = sum_nm (a a^T)_nm (b b^T)_nm, whose gradient to a is 2 (b b^T) a.
 */
export function momentSquares(tape: Tape, a: Tensor, b: Tensor = a): Tensor {
  const [rows, cols] = matrixShape(a);
  expectShape(b, a.shape, `for its moments with ${a}`);
  const x = stopGradient(tape, a);
  const y = b === a ? x : stopGradient(tape, b);
  const { total, along } = rows < cols ? fromRows(tape, x, y) : fromColumns(tape, x, y);
  tape.differentiate(b === a ? [a] : [a, b], total, (gradient) => {
    if (b === a) return [multiply(tape, along.x(), scale(tape, gradient, 4))];
    const doubled = scale(tape, gradient, 2);
    return [
      tape.needsGradient(a) ? multiply(tape, along.x(), doubled) : null,
      tape.needsGradient(b) ? multiply(tape, along.y(), doubled) : null,
    ];
  });
  return total;
}

/** By x x^T and y y^T, [rows, rows]. */
function fromRows(tape: Tape, x: Tensor, y: Tensor) {
  const own = matmul(tape, x, x, { transposeB: true });
  const other = y === x ? own : matmul(tape, y, y, { transposeB: true });
  const total = sum(tape, y === x ? square(tape, own) : multiply(tape, own, other));
  return { total, along: { x: () => matmul(tape, other, x), y: () => matmul(tape, own, y) } };
}

/** By x^T y, [cols, cols]. */
function fromColumns(tape: Tape, x: Tensor, y: Tensor) {
  const moments = matmul(tape, x, y, { transposeA: true });
  const total = sum(tape, square(tape, moments));
  const along = { x: () => matmul(tape, y, moments, { transposeB: true }), y: () => matmul(tape, x, moments) };
  return { total, along };
}

/**
 * Along how many directions rows vary, as a tensor of one: the participation ratio (tr M)^2 / sum_ij M_ij^2 of M = x^T x, for
 * centred rows x [rows, cols]. It is 1 where all lie on a line, and at most min(rows - 1, cols); where all are 0, it is 0. Not
 * differentiable.
 */
export function participationRatio(tape: Tape, x: Tensor): Tensor {
  const rows = stopGradient(tape, x);
  const root = elementwise(tape, momentSquares(tape, rows), [["clamp", SMALLEST, LARGEST], "sqrt"]);
  return square(tape, divide(tape, sum(tape, square(tape, rows)), root));
}

/** Below this a sum of fourth powers counts as 0; the largest is what f32 has. */
const SMALLEST = 1e-30;
const LARGEST = 3e38;
