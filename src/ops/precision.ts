import * as kernels from "../../kernels/generated.js";
import type { Tape } from "../engine/tape.js";
import { expectType, type Tensor } from "../engine/tensor.js";

/**
 * x in f16, each element rounded: what follows keeps its activations and their gradients in f16, up to globalAveragePool or
 * `toFloat`. Sums, statistics, weights and the gradients of weights stay f32. The gradient of x is f32.
 * @throws ConfigError where the device has no f16.
 */
export function toHalf(tape: Tape, x: Tensor): Tensor {
  const y = tape.tensor(x.shape, `${x.label} in f16`, "f16");
  tape.launch(kernels.toHalf, { x, y }, { elements: x.size });
  tape.differentiate([x], y, (dy) => [toFloat(tape, dy)]);
  return y;
}

/** An f16 tensor in f32, exactly. Its gradient is rounded to f16. */
export function toFloat(tape: Tape, x: Tensor): Tensor {
  expectType(x, "f16", "to become f32");
  const y = tape.tensor(x.shape, `${x.label} in f32`);
  tape.launch(kernels.toFloat, { x, y }, { elements: x.size });
  tape.differentiate([x], y, (dy) => [toHalf(tape, dy)]);
  return y;
}
