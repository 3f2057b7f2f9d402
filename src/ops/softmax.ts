import * as kernels from "../../kernels/generated.js";
import type { Tape } from "../engine/tape.js";
import { channelShape, type Tensor } from "../engine/tensor.js";
import { lanesPerRow } from "./tiles.js";

/** Softmax over the last dimension: exp(x[c]) / sum_k exp(x[k]), without overflow. */
export function softmax(tape: Tape, x: Tensor): Tensor {
  return normalizedExponentials(tape, x, false);
}

/** The logarithm of the softmax over the last dimension: x[c] - log sum_k exp(x[k]), without overflow. */
export function logSoftmax(tape: Tape, x: Tensor): Tensor {
  return normalizedExponentials(tape, x, true);
}

function normalizedExponentials(tape: Tape, x: Tensor, logarithm: boolean): Tensor {
  const [rows, cols] = channelShape(x);
  const constants = { LANES: lanesPerRow(tape.device), LOGARITHM: logarithm };
  const y = tape.tensor(x.shape, `${logarithm ? "log-softmax" : "softmax"} of ${x.label}`, x.type);
  tape.launch(kernels.softmax, { x, y }, { rows, cols }, constants);
  tape.differentiate([x], y, (dy) => {
    const dx = tape.tensor(x.shape, `gradient of ${x.label}`, x.type);
    tape.launch(kernels.softmaxGradient, { y, dy, dx }, { rows, cols }, constants);
    return [dx];
  });
  return y;
}
