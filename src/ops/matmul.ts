import * as kernels from "../../kernels/generated.js";
import type { Site } from "../engine/choices.js";
import type { Device } from "../engine/device.js";
import type { Tape } from "../engine/tape.js";
import { channelShape, expectShape, expectType, matrixShape, type Tensor } from "../engine/tensor.js";
import { ShapeError } from "../errors.js";
import { columnSums } from "./column-sums.js";
import type { Operands } from "./matrix-tiles.js";
import { extentClass, type MatmulVariant, matmulVariants } from "./variants.js";

/** Which operands of a matrix product are taken transposed; none by default. */
export interface Transposition {
  /** Whether `a` is [inner, rows]; false by default. */
  readonly transposeA?: boolean;
  /** Whether `b` is [cols, inner]; false by default. */
  readonly transposeB?: boolean;
}

/** How a matrix product is computed. */
export interface MatmulOptions extends Transposition {
  /**
   * What the operands, and those of the gradients, may be rounded to where the device has matrix units for it: "f16", or "f32", the
   * default, for none. Results and sums are f32 in either case.
   */
  readonly operands?: Operands;
}

/**
 * Matrix product op(a) op(b): [rows, inner] x [inner, cols] -> [rows, cols], where `a` is [inner, rows] with `transposeA`
 * and `b` is [cols, inner] with `transposeB`. Both are f32 or both f16, and the product is the same, as are the gradients; sums are f32.
 * @throws ShapeError where the inner extents or the types differ.
 */
export function matmul(
  tape: Tape,
  a: Tensor,
  b: Tensor,
  { transposeA = false, transposeB = false, operands = "f32" }: MatmulOptions = {},
): Tensor {
  const [aRows, aCols] = matrixShape(a);
  const [bRows, bCols] = matrixShape(b);
  const [rows, inner] = transposeA ? [aCols, aRows] : [aRows, aCols];
  const [bInner, cols] = transposeB ? [bCols, bRows] : [bRows, bCols];
  if (inner !== bInner) {
    const flip = (transposed: boolean) => (transposed ? " transposed" : "");
    throw new ShapeError(
      `cannot multiply ${a}${flip(transposeA)} by ${b}${flip(transposeB)}: the inner extents are ${inner} and ${bInner}`,
    );
  }
  expectType(b, a.type, `to be multiplied by ${a}`);
  const type = a.type === "f16" ? "f16" : "f32";
  const site = product(tape.device, { rows, inner, cols }, { transposeA, transposeB, operands, type });
  const y = tape.record(site, [a, b]);
  tape.differentiate([a, b], y, (dy) => {
    const da = () =>
      transposeA
        ? matmul(tape, b, dy, { transposeA: transposeB, transposeB: true, operands })
        : matmul(tape, dy, b, { transposeB: !transposeB, operands });
    const db = () =>
      transposeB
        ? matmul(tape, dy, a, { transposeA: true, transposeB: transposeA, operands })
        : matmul(tape, a, dy, { transposeA: !transposeA, operands });
    return [tape.needsGradient(a) ? da() : null, tape.needsGradient(b) ? db() : null];
  });
  return y;
}

/** The matrix product of one size, which takes a and b of one type, f32 by default. */
export function product(
  device: Device,
  { rows, inner, cols }: { readonly rows: number; readonly inner: number; readonly cols: number },
  {
    transposeA = false,
    transposeB = false,
    type = "f32",
    operands: allowed = "f32",
  }: MatmulOptions & { readonly type?: Operands } = {},
): Site<MatmulVariant, Tensor> {
  const flip = (transposed: boolean) => (transposed ? "t" : "n");
  const operands = type === "f16" ? "f16" : allowed;
  const types = type === "f16" ? " stored f16" : operands === "f16" ? " f16" : "";
  // The columns decide on the tiles, so they are no class.
  const extents = `${extentClass(rows)}x${extentClass(inner)}x${cols}`;
  return {
    operation: "matmul",
    shape: `${extents} ${flip(transposeA)}${flip(transposeB)}${types}`,
    candidates: matmulVariants(device, { rows, inner, cols }, { transposeA, transposeB, operands }),
    inputs: [transposeA ? [inner, rows] : [rows, inner], transposeB ? [cols, inner] : [inner, cols]],
    types: [type, type],
    record(tape, { kernel, tile }, [a, b]) {
      const y = tape.tensor([rows, cols], `${a.label} x ${b.label}`, type);
      const constants = { ...tile, TRANSPOSE_A: transposeA, TRANSPOSE_B: transposeB };
      tape.launch(kernel, { a, b, y }, { rows, inner, cols }, constants);
      return y;
    },
  };
}

/** Adds `bias` [channels] to the last dimension of `x`, of f32 or f16; the bias is f32. */
export function addBias(tape: Tape, x: Tensor, bias: Tensor): Tensor {
  const [, channels] = channelShape(x);
  expectShape(bias, [channels], `to be added to ${x}`);
  const y = tape.tensor(x.shape, x.label, x.type);
  tape.launch(kernels.bias, { x, bias, y }, { elements: x.size, channels });
  tape.differentiate([x, bias], y, (dy) => [dy, tape.needsGradient(bias) ? columnSums(tape, dy) : null]);
  return y;
}
