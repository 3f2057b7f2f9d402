import * as kernels from "../../kernels/generated.js";
import type { Device } from "../engine/device.js";
import type { Recorder } from "../engine/launch.js";
import type { Tape } from "../engine/tape.js";
import { channelShape, type Tensor } from "../engine/tensor.js";
import { repeat } from "./broadcast.js";
import { runTile, splitsTile } from "./tiles.js";

/** Adds up the parts [splits, ...shape] of a sum: the result has the shape given. */
export function sumSplits(
  recorder: Recorder,
  device: Device,
  parts: Tensor,
  shape: readonly number[],
  label: string,
): Tensor {
  const y = recorder.tensor(shape, label);
  const splits = parts.size / y.size;
  recorder.launch(kernels.sumSplits, { parts, y }, { elements: y.size, splits }, splitsTile(device, splits, y.size));
  return y;
}

/** Sum over all but the last dimension: [..., channels], of f32 or f16, -> [channels] of f32. */
export function columnSums(tape: Tape, x: Tensor): Tensor {
  const [rows, channels] = channelShape(x);
  const tile = runTile(tape.device, rows, channels);
  const parts = tape.tensor([Math.ceil(rows / tile.ROWS), channels], `sums of ${x.label}`);
  tape.launch(kernels.columnSums, { x, parts }, { rows, channels }, tile);
  const y = sumSplits(tape, tape.device, parts, [channels], `sum of ${x.label}`);
  tape.differentiate([x], y, (dy) => {
    const [from, to] = [
      { rows: 1, cols: channels },
      { rows, cols: channels },
    ];
    return [repeat(tape, dy, { from, to, shape: x.shape, label: `gradient of ${x.label}`, type: x.type })];
  });
  return y;
}
