import { CheckpointError } from "../errors.js";
import type { TensorSpec } from "./module.js";

/**
 * PyTorch's shape of a tensor: convolutions [out, in, height, width], where in is that of a group, linear layers [out, in], vectors
 * and runs of tokens [1, tokens, channels] as they are.
 */
export function torchShape(shape: readonly number[]): number[] {
  if (shape.length === 4) return [shape[3], shape[2], shape[0], shape[1]];
  return isSame(shape) ? [...shape] : shape.toReversed();
}

/** Whether both layouts are the same. */
function isSame({ length }: readonly number[]): boolean {
  return length === 1 || length === 3;
}

/** Swaps the two axes of a row-major [rows, cols]. */
function transposed(values: Float32Array, rows: number, cols: number): Float32Array<ArrayBuffer> {
  const result = new Float32Array(values.length);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < cols; c++) result[c * rows + r] = values[r * cols + c];
  }
  return result;
}

/** From this library's layout to PyTorch's. [h, w, in, out] -> [out, in, h, w] is two transpositions of matrices. */
export function toTorch({ shape }: Pick<TensorSpec, "shape">, values: Float32Array): Float32Array<ArrayBuffer> {
  if (isSame(shape)) return new Float32Array(values);
  if (shape.length === 2) return transposed(values, shape[0], shape[1]);
  const [height, width, inChannels, outChannels] = shape;
  const taps = height * width;
  const outFirst = transposed(values, taps * inChannels, outChannels);
  const result = new Float32Array(values.length);
  for (let o = 0; o < outChannels; o++) {
    const start = o * taps * inChannels;
    result.set(transposed(outFirst.subarray(start, start + taps * inChannels), taps, inChannels), start);
  }
  return result;
}

/** From PyTorch's layout to this library's. @throws CheckpointError where the number of elements differs. */
export function fromTorch({ name, shape }: TensorSpec, values: Float32Array): Float32Array<ArrayBuffer> {
  const size = shape.reduce((product, extent) => product * extent, 1);
  if (values.length !== size) {
    throw new CheckpointError(
      `${name} has ${values.length} elements, and this architecture wants [${torchShape(shape).join(", ")}]`,
    );
  }
  if (isSame(shape)) return new Float32Array(values);
  if (shape.length === 2) return transposed(values, shape[1], shape[0]);
  const [height, width, inChannels, outChannels] = shape;
  const taps = height * width;
  const tapsFirst = new Float32Array(size);
  for (let o = 0; o < outChannels; o++) {
    const start = o * taps * inChannels;
    tapsFirst.set(transposed(values.subarray(start, start + taps * inChannels), inChannels, taps), start);
  }
  return transposed(tapsFirst, outChannels, taps * inChannels);
}
