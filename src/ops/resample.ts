import * as kernels from "../../kernels/generated.js";
import type { Tape } from "../engine/tape.js";
import { elementsOf, type Tensor } from "../engine/tensor.js";
import { ShapeError } from "../errors.js";

/** One axis of a map. Not differentiable. */
function resampleAxis(tape: Tape, x: Tensor, axis: number, samples: number, GRADIENT: boolean): Tensor {
  const y = tape.tensor(x.shape.with(axis, samples), x.label);
  const [outer, channels] = [elementsOf(x.shape.slice(0, axis)), elementsOf(x.shape.slice(axis + 1))];
  const params = { outer, from_samples: x.shape[axis], to_samples: samples, channels };
  tape.launch(kernels.resample, { x, y }, params, { GRADIENT });
  return y;
}

/**
 * A map [height, width, channels] at another size [height', width', channels], by bicubic interpolation as PyTorch's
 * `interpolate(..., mode="bicubic")`: corners are not aligned, and where the map becomes smaller, nothing is averaged.
 * @throws ShapeError where x is no such map, or a size is no whole number from 1 up.
 */
export function resample(tape: Tape, x: Tensor, height: number, width: number): Tensor {
  if (x.shape.length !== 3) throw new ShapeError(`${x} must be a map: [height, width, channels]`);
  const [fromHeight, fromWidth] = x.shape;
  const y = resampleAxis(tape, resampleAxis(tape, x, 0, height, false), 1, width, false);
  tape.differentiate([x], y, (dy) => [
    resampleAxis(tape, resampleAxis(tape, dy, 1, fromWidth, true), 0, fromHeight, true),
  ]);
  return y;
}
