import * as kernels from "../../kernels/generated.js";
import type { Tape } from "../engine/tape.js";
import { elementsOf, type Tensor } from "../engine/tensor.js";
import { ShapeError } from "../errors.js";
import type { Transposition } from "./matmul.js";
import { batchedTile } from "./tiles.js";

/** The matrices of a tensor: the last two dimensions, and those that count them. @throws ShapeError for less than three dimensions. */
function matricesOf(tensor: Tensor, transposed: boolean) {
  const [rows, cols] = tensor.shape.slice(-2);
  if (tensor.shape.length < 3)
    throw new ShapeError(`${tensor} must have three dimensions or more: [..., rows, columns]`);
  return { leading: tensor.shape.slice(0, -2), rows: transposed ? cols : rows, cols: transposed ? rows : cols };
}

/**
 * Matrix products op(a[i]) op(b[i]) of all matrices of a batch: [..., rows, inner] x [..., inner, cols] -> [..., rows, cols], where
 * `a` is [..., inner, rows] with `transposeA` and `b` is [..., cols, inner] with `transposeB`. The leading extents are the same. For
 * many small matrices; `matmul` is for a large one.
 * @throws ShapeError where the leading or the inner extents differ.
 */
export function batchedMatmul(
  tape: Tape,
  a: Tensor,
  b: Tensor,
  { transposeA = false, transposeB = false }: Transposition = {},
): Tensor {
  const [left, right] = [matricesOf(a, transposeA), matricesOf(b, transposeB)];
  const { leading, rows, cols: inner } = left;
  const { rows: bInner, cols } = right;
  const flip = (transposed: boolean) => (transposed ? " transposed" : "");
  const refuse = (why: string) => {
    throw new ShapeError(`cannot multiply ${a}${flip(transposeA)} by ${b}${flip(transposeB)}: ${why}`);
  };
  if (a.shape.length !== b.shape.length || leading.some((extent, i) => extent !== right.leading[i])) {
    refuse(`the leading extents are [${leading.join(", ")}] and [${right.leading.join(", ")}]`);
  }
  if (inner !== bInner) refuse(`the inner extents are ${inner} and ${bInner}`);
  const y = tape.tensor([...leading, rows, cols], `${a.label} x ${b.label}`);
  const params = { batch: elementsOf(leading), rows, inner, cols };
  const constants = { ...batchedTile(tape.device), TRANSPOSE_A: transposeA, TRANSPOSE_B: transposeB };
  tape.launch(kernels.batchedMatmul, { a, b, y }, params, constants);
  tape.differentiate([a, b], y, (dy) => {
    const da = () =>
      transposeA
        ? batchedMatmul(tape, b, dy, { transposeA: transposeB, transposeB: true })
        : batchedMatmul(tape, dy, b, { transposeB: !transposeB });
    const db = () =>
      transposeB
        ? batchedMatmul(tape, dy, a, { transposeA: true, transposeB: transposeA })
        : batchedMatmul(tape, a, dy, { transposeA: !transposeA });
    return [tape.needsGradient(a) ? da() : null, tape.needsGradient(b) ? db() : null];
  });
  return y;
}
