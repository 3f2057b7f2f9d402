import * as kernels from "../../kernels/generated.js";
import type { Tape } from "../engine/tape.js";
import { channelShape, type Tensor } from "../engine/tensor.js";
import { ShapeError } from "../errors.js";

/** A number for each of three channels. */
export type Channels = readonly [number, number, number];

/** Three channels, the last dimension, each scaled and shifted: scale[c] * x + offset[c]. @throws ShapeError for other channels. */
export function scaleChannels(tape: Tape, x: Tensor, scale: Channels, offset: Channels = [0, 0, 0]): Tensor {
  const [pixels, channels] = channelShape(x);
  if (channels !== 3) throw new ShapeError(`${x} has ${channels} channels, and 3 are scaled`);
  const y = tape.tensor(x.shape, `${x.label} by channels`, x.type);
  const [scale_r, scale_g, scale_b] = scale;
  const [offset_r, offset_g, offset_b] = offset;
  tape.launch(kernels.channelScale, { x, y }, { pixels, scale_r, scale_g, scale_b, offset_r, offset_g, offset_b });
  tape.differentiate([x], y, (dy) => [scaleChannels(tape, dy, scale)]);
  return y;
}
