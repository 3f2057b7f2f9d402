import { kernels } from "../../kernels/generated.js";
import type { Tape } from "../engine/tape.js";
import { channelShape, type Tensor } from "../engine/tensor.js";
import { runTile, splitsTile } from "./tiles.js";

/** Adds up the parts [splits, ...shape] of a sum: the result has the shape given. */
export function sumSplits(tape: Tape, parts: Tensor, shape: readonly number[], label: string): Tensor {
  const y = tape.tensor(shape, label);
  const splits = parts.size / y.size;
  tape.launch(kernels.sumSplits, { parts, y }, { elements: y.size, splits }, splitsTile(tape.device, splits, y.size));
  return y;
}

/** Sum over all but the last dimension: [..., channels], of f32 or f16, -> [channels] of f32. Not differentiable. */
export function columnSums(tape: Tape, x: Tensor): Tensor {
  const [rows, channels] = channelShape(x);
  const tile = runTile(tape.device, rows, channels);
  const parts = tape.tensor([Math.ceil(rows / tile.ROWS), channels], `sums of ${x.label}`);
  tape.launch(kernels.columnSums, { x, parts }, { rows, channels }, tile);
  return sumSplits(tape, parts, [channels], `sum of ${x.label}`);
}
