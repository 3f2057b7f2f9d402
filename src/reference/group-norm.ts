import { ShapeError } from "../errors.js";
import type { BatchNormEpilogue, BatchNormGradients } from "./batch-norm.js";
import { reluBackward, reluForward } from "./elementwise.js";

/** Extents of x[batch, pixels, channels] and the number of groups of neighbouring channels. */
export interface GroupNormShape {
  readonly batch: number;
  readonly pixels: number;
  readonly channels: number;
  readonly groups: number;
}

/** Scale and shift of a group norm, [channels] each. */
export interface GroupNormState {
  readonly gamma: Float64Array;
  readonly beta: Float64Array;
  /** Added to the variance before the square root; 1e-5 by default, as in PyTorch. */
  readonly epsilon?: number;
}

/** Result of {@link groupNormForward}. */
export interface GroupNormResult {
  readonly y: Float64Array;
  /** [batch, groups]. */
  readonly mean: Float64Array;
  /** 1 / sqrt(biased variance + epsilon), [batch, groups]. */
  readonly inverseDeviation: Float64Array;
}

/** The group, counted through the batch, of every element of x. */
export function groupIndices({ batch, pixels, channels, groups }: GroupNormShape): Uint32Array {
  const width = channels / groups;
  return Uint32Array.from({ length: batch * pixels * channels }, (_, i) => {
    const image = Math.floor(i / (pixels * channels));
    return image * groups + Math.floor((i % channels) / width);
  });
}

/**
 * Normalises x[batch, pixels, channels] by the mean and the biased variance of each image and group.
 * @throws ShapeError where the groups do not divide the channels.
 */
export function groupNormForward(
  x: Float64Array,
  shape: GroupNormShape,
  { gamma, beta, epsilon = 1e-5 }: GroupNormState,
  { residual, relu = false }: BatchNormEpilogue = {},
): GroupNormResult {
  const { batch, pixels, channels, groups } = shape;
  if (channels % groups !== 0) throw new ShapeError(`${groups} groups do not divide ${channels} channels`);
  const count = (pixels * channels) / groups;
  const group = groupIndices(shape);
  const mean = new Float64Array(batch * groups);
  const variance = new Float64Array(batch * groups);
  x.forEach((value, i) => {
    mean[group[i]] += value / count;
  });
  x.forEach((value, i) => {
    variance[group[i]] += (value - mean[group[i]]) ** 2 / count;
  });
  const inverseDeviation = variance.map((value) => 1 / Math.sqrt(value + epsilon));
  const y = x.map((value, i) => {
    const normalized = (value - mean[group[i]]) * inverseDeviation[group[i]];
    return normalized * gamma[i % channels] + beta[i % channels] + (residual ? residual[i] : 0);
  });
  return { y: relu ? reluForward(y) : y, mean, inverseDeviation };
}

/** Gradients of {@link groupNormForward}; its `y` is needed only with ReLU. */
export function groupNormBackward(
  x: Float64Array,
  shape: GroupNormShape,
  gamma: Float64Array,
  { y, mean, inverseDeviation }: GroupNormResult,
  dy: Float64Array,
  relu = false,
): BatchNormGradients {
  const { batch, pixels, channels, groups } = shape;
  const count = (pixels * channels) / groups;
  const group = groupIndices(shape);
  const dResidual = relu ? reluBackward(y, dy) : dy.slice();
  const normalized = x.map((value, i) => (value - mean[group[i]]) * inverseDeviation[group[i]]);
  const dGamma = new Float64Array(channels);
  const dBeta = new Float64Array(channels);
  // Means over each group of the gradient of the normalised x, and of its product with the normalised x.
  const means = new Float64Array(batch * groups);
  const slopes = new Float64Array(batch * groups);
  dResidual.forEach((value, i) => {
    const c = i % channels;
    dGamma[c] += value * normalized[i];
    dBeta[c] += value;
    means[group[i]] += (gamma[c] * value) / count;
    slopes[group[i]] += (gamma[c] * value * normalized[i]) / count;
  });
  const dx = dResidual.map((value, i) => {
    const own = group[i];
    return inverseDeviation[own] * (gamma[i % channels] * value - means[own] - normalized[i] * slopes[own]);
  });
  return { dx, dGamma, dBeta, dResidual };
}
