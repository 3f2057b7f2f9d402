import * as kernels from "../../kernels/generated.js";
import type { Tape } from "../engine/tape.js";
import type { ElementType, Tensor } from "../engine/tensor.js";
import { ShapeError } from "../errors.js";

/** The extents of a tensor seen as a matrix. */
export interface Extents {
  readonly rows: number;
  readonly cols: number;
}

/** The shape of what two operands make, and all three seen as matrices: an operand has all rows or one, and so for the columns. */
export interface Pairing {
  readonly shape: readonly number[];
  readonly a: Extents;
  readonly b: Extents;
  readonly y: Extents;
}

/** Neighbouring dimensions in which the same operand, or none, has an extent of 1. */
interface Group {
  readonly repeats: "a" | "b" | "neither";
  extent: number;
}

/**
 * How two shapes go together: the last dimensions side by side, an extent of 1, or a dimension that is not there, repeated as often
 * as the other operand has it.
 * @throws ShapeError where extents differ and neither is 1, and where the repeated dimensions lie so that no matrix shows them.
 */
export function pair(a: Tensor, b: Tensor): Pairing {
  const rank = Math.max(a.shape.length, b.shape.length);
  const shape: number[] = [];
  const groups: Group[] = [];
  for (let i = 1; i <= rank; i++) {
    const [left, right] = [a.shape.at(-i) ?? 1, b.shape.at(-i) ?? 1];
    if (left !== right && left !== 1 && right !== 1) {
      throw new ShapeError(`${b} does not go with ${a}: the extents ${right} and ${left} differ, and neither is 1`);
    }
    const extent = Math.max(left, right);
    shape.unshift(extent);
    if (extent === 1) continue;
    const repeats = left === right ? "neither" : left === 1 ? "a" : "b";
    const group = groups.at(-1);
    if (group?.repeats === repeats) group.extent *= extent;
    else groups.push({ repeats, extent });
  }
  if (groups.length > 2) {
    throw new ShapeError(
      `${b} does not go with ${a}: what is repeated must be leading or trailing dimensions (permute both so that it is)`,
    );
  }
  const seen = (operand: "a" | "b" | "y"): Extents => {
    const [cols, rows] = [0, 1].map((i) => (groups[i] && groups[i].repeats !== operand ? groups[i].extent : 1));
    return { rows, cols };
  };
  return { shape, a: seen("a"), b: seen("b"), y: seen("y") };
}

/** What is repeated, and as what. */
export interface Repetition {
  readonly from: Extents;
  readonly to: Extents;
  readonly shape: readonly number[];
  readonly label: string;
  readonly type?: ElementType;
  /** What every element is divided by; 1 by default. */
  readonly divisor?: number;
}

/** An f32 tensor, seen as a matrix of one row, one column or both, repeated. Not differentiable: see `broadcast`. */
export function repeat(tape: Tape, x: Tensor, { from, to, shape, label, type, divisor = 1 }: Repetition): Tensor {
  const y = tape.tensor(shape, label, type);
  const params = { x_rows: from.rows, x_cols: from.cols, rows: to.rows, cols: to.cols, divisor };
  tape.launch(kernels.broadcast, { x, y }, params);
  return y;
}
