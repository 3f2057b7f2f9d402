import { groupNormBackward, groupNormForward } from "./group-norm.js";

/** A layer norm over the rows of x[rows, columns]: a group norm of images of one pixel and one group. */
export interface LayerNormShape {
  readonly rows: number;
  readonly columns: number;
}

/** Factor and offset of each column, 1 and 0 where they are missing. */
export interface LayerNormState {
  readonly gamma?: Float64Array;
  readonly beta?: Float64Array;
  /** Added to the variance before the square root; 1e-5 by default. */
  readonly epsilon?: number;
}

function asGroupNorm({ rows, columns }: LayerNormShape, { gamma, beta, epsilon }: LayerNormState) {
  return {
    shape: { batch: rows, pixels: 1, channels: columns, groups: 1 },
    state: {
      gamma: gamma ?? new Float64Array(columns).fill(1),
      beta: beta ?? new Float64Array(columns),
      epsilon,
    },
  };
}

/** The result, with mean and 1 / sqrt(biased variance + epsilon) of each row. */
export function layerNormForward(x: Float64Array, shape: LayerNormShape, state: LayerNormState = {}) {
  const group = asGroupNorm(shape, state);
  return groupNormForward(x, group.shape, group.state);
}

/** Gradients of {@link layerNormForward}: dx, dGamma and dBeta. */
export function layerNormBackward(x: Float64Array, shape: LayerNormShape, state: LayerNormState, dy: Float64Array) {
  const group = asGroupNorm(shape, state);
  const result = groupNormForward(x, group.shape, group.state);
  return groupNormBackward(x, group.shape, group.state.gamma, result, dy, false);
}
