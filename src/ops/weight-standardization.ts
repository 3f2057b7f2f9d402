import * as kernels from "../../kernels/generated.js";
import type { Tape } from "../engine/tape.js";
import { channelShape, type Tensor } from "../engine/tensor.js";
import { strandTile } from "./tiles.js";

/**
 * Weight standardisation (Qiao et al. 2019): (weight - mean) / sqrt(variance + 1e-10), with the mean and the biased
 * variance of each output channel, over height * width * in of weight [height, width, in, out]. The epsilon and its place are
 * those of BiT (Kolesnikov et al. 2020, `StdConv2d` of its code).
 */
export function standardizeWeight(tape: Tape, weight: Tensor): Tensor {
  const [rows, channels] = channelShape(weight);
  const tile = strandTile(tape.device, channels);
  const y = tape.tensor(weight.shape, `standardised ${weight.label}`);
  const inverse = tape.tensor([channels], `inverse deviations of ${weight.label}`);
  tape.launch(kernels.weightStandardization, { weight, y, inverse }, { rows, channels }, tile);
  tape.differentiate([weight], y, (dy) => {
    const dweight = tape.tensor(weight.shape, `gradient of ${weight.label}`);
    tape.launch(kernels.weightStandardizationGradient, { y, dy, inverse, dweight }, { rows, channels }, tile);
    return [dweight];
  });
  return y;
}
