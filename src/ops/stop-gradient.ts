import type { Tape } from "../engine/tape.js";
import type { Tensor } from "../engine/tensor.js";

/**
 * x as a constant: the same memory, and no gradient passes, neither to x nor to what it was computed from. For teachers, targets
 * and whatever else a loss compares with and must not train: without it, `Tape.backward` refuses to cut a gradient.
 */
export function stopGradient(tape: Tape, x: Tensor): Tensor {
  const view = x.view(x.shape, `constant ${x.label}`);
  tape.stop(view);
  return view;
}
