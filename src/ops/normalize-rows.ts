import * as kernels from "../../kernels/generated.js";
import type { Tape } from "../engine/tape.js";
import { matrixShape, type Tensor } from "../engine/tensor.js";
import { lanesPerRow } from "./tiles.js";

/** Rows of length 1: x [rows, cols] divided by max(|row|, 1e-12). */
export function normalizeRows(tape: Tape, x: Tensor): Tensor {
  const [rows, cols] = matrixShape(x);
  const LANES = lanesPerRow(tape.device);
  const y = tape.tensor(x.shape, `normalised ${x.label}`);
  const norms = tape.tensor([rows], `norms of ${x.label}`);
  tape.launch(kernels.normalizeRows, { x, y, norms }, { rows, cols }, { LANES });
  tape.differentiate([x], y, (dy) => {
    const dx = tape.tensor(x.shape, `gradient of ${x.label}`);
    tape.launch(kernels.normalizeRowsGradient, { y, norms, dy, dx }, { rows, cols }, { LANES });
    return [dx];
  });
  return y;
}
