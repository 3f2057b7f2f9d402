import * as kernels from "../../kernels/generated.js";
import type { Tape } from "../engine/tape.js";
import { expectShape, mapShape, type Tensor } from "../engine/tensor.js";
import { ShapeError } from "../errors.js";
import { reluGradient } from "./elementwise.js";
import { channelTile, combineTile, rowsPerRun, rowsPerThread } from "./tiles.js";

/** The tensors of a group norm, both [channels]. */
export interface GroupNormTensors {
  /** Scale. */
  readonly gamma: Tensor;
  /** Offset. */
  readonly beta: Tensor;
}

/** How a group norm groups, and what it does besides normalising. */
export interface GroupNormOptions {
  /** A divisor of the channels; neighbouring channels are in one group. */
  readonly groups: number;
  /** Added after normalising, of the shape of x; nothing by default. */
  readonly residual?: Tensor;
  /** Rectify at the end; false by default. */
  readonly relu?: boolean;
  /** Added to the variance before the square root; 1e-5 by default, as in PyTorch. */
  readonly epsilon?: number;
}

/** Shorter runs than these leave as much to put together as there was to go through. */
const SHORTEST_RUN = 64;

/**
 * Group norm (Wu and He 2018, section 3.1) of x [batch, height, width, channels], with an optional residual sum and
 * rectifier after it. Mean and biased variance are those of each image and group, over height * width * channels / groups
 * values, in training and afterwards: what becomes of an image does not depend on the others in its batch, to the bit.
 * Gradients reach x, gamma, beta and the residual.
 * @throws ShapeError unless `groups` divides the channels and leaves more than one value for each group.
 */
export function groupNorm(
  tape: Tape,
  x: Tensor,
  { gamma, beta }: GroupNormTensors,
  { groups, residual, relu = false, epsilon = 1e-5 }: GroupNormOptions,
): Tensor {
  const [batch, height, width, channels] = mapShape(x);
  const pixels = height * width;
  if (!Number.isInteger(groups) || groups < 1 || channels % groups !== 0)
    throw new ShapeError(`${groups} groups do not divide the ${channels} channels of ${x}`);
  if (pixels * channels === groups)
    throw new ShapeError(`each of ${groups} groups of ${x} has one value, which has no variance: take fewer groups`);
  for (const tensor of [gamma, beta]) expectShape(tensor, [channels], `for the group norm of ${x}`);
  if (residual) expectShape(residual, x.shape, "to be added after the group norm");
  const map = { batch, pixels, channels };
  const tile = channelTile(tape.device, channels);
  // Nothing here may follow from the batch, or an image would have other roundings in another one.
  const run = { ...tile, ROWS: Math.max(SHORTEST_RUN, rowsPerRun(pixels)) };
  const pass = { ...tile, ROWS: rowsPerThread(tape.device) };
  const runs = Math.ceil(pixels / run.ROWS);
  const perRun = (label: string) => tape.tensor([2, batch, runs, channels], label);
  const perImage = (label: string) => tape.tensor([2, batch, channels], label);

  const parts = perRun(`parts of the statistics of ${x.label}`);
  const statistics = perImage(`statistics of ${x.label}`);
  tape.launch(kernels.groupNormStatistics, { x, parts }, map, run);
  const combined = { ROWS: run.ROWS, EPSILON: epsilon };
  tape.launch(kernels.groupNormCombine, { parts, statistics }, { ...map, groups }, combined);
  const y = tape.tensor(x.shape, `group norm of ${x.label}`);
  tape.launch(kernels.groupNorm, { x, statistics, gamma, beta, residual: residual ?? x, y }, map, {
    ...pass,
    RESIDUAL: residual !== undefined,
    RELU: relu,
  });

  tape.differentiate(residual ? [x, gamma, beta, residual] : [x, gamma, beta], y, (dy) => {
    // With a residual, the gradient past the rectifier is needed as a tensor anyway: the passes below then read that.
    const fused = relu && !residual;
    const g = relu && residual ? reluGradient(tape, y, dy) : dy;
    const parts = perRun(`parts of the gradient of ${gamma.label}`);
    const sums = perImage(`gradient of ${gamma.label} by image`);
    const means = perImage(`means of the gradient of ${x.label}`);
    const dgamma = tape.tensor([channels], `gradient of ${gamma.label}`);
    const dbeta = tape.tensor([channels], `gradient of ${beta.label}`);
    const source = { x, dy: g, statistics, gamma, beta };
    tape.launch(kernels.groupNormGradientSums, { ...source, parts }, map, { ...run, RELU: fused });
    tape.launch(kernels.groupNormGradientCombine, { parts, gamma, sums, means }, { ...map, groups, runs });
    tape.launch(
      kernels.batchNormGradientCombine,
      { parts: sums, dgamma, dbeta },
      { chunks: batch, channels },
      combineTile(tape.device, batch, channels),
    );
    let dx: Tensor | null = null;
    if (tape.needsGradient(x)) {
      dx = tape.tensor(x.shape, `gradient of ${x.label}`);
      tape.launch(kernels.groupNormGradient, { ...source, means, dx }, map, { ...pass, RELU: fused });
    }
    return residual ? [dx, dgamma, dbeta, g] : [dx, dgamma, dbeta];
  });
  return y;
}
