import { ShapeError } from "../errors.js";
import { reluBackward, reluForward } from "./elementwise.js";

/** Scale, shift and statistics of a batch norm, [channels] each, and its settings. */
export interface BatchNormState {
  /** 1 without it. */
  readonly gamma?: Float64Array;
  /** 0 without it. */
  readonly beta?: Float64Array;
  readonly runningMean: Float64Array;
  readonly runningVariance: Float64Array;
  /** Added to the variance before the square root; 1e-5 by default. */
  readonly epsilon?: number;
  /** Weight of the batch in the running statistics; 0.1 by default. */
  readonly momentum?: number;
}

/** What follows the normalisation in the same pass: y = relu(batchNorm(x) + residual). */
export interface BatchNormEpilogue {
  /** Of the shape of x. Default: nothing is added. */
  readonly residual?: Float64Array;
  /** Default false. */
  readonly relu?: boolean;
}

/** Gradients of a batch norm; `dResidual` is the gradient of the residual where one was added. */
export interface BatchNormGradients {
  readonly dx: Float64Array;
  readonly dGamma: Float64Array;
  readonly dBeta: Float64Array;
  readonly dResidual: Float64Array;
}

/** Result of {@link batchNormTrainingForward}; the running statistics are those after the step. */
export interface BatchNormTrainingResult {
  readonly y: Float64Array;
  /** Mean over the rows, [channels]. */
  readonly mean: Float64Array;
  /** 1 / sqrt(biased variance + epsilon), [channels]. */
  readonly inverseDeviation: Float64Array;
  readonly runningMean: Float64Array;
  readonly runningVariance: Float64Array;
}

/**
 * Normalises x[rows, channels] (rows = batch * height * width) by the mean and the biased variance of its rows, and moves
 * the running statistics by `momentum` towards the mean and the unbiased variance.
 * @throws ShapeError with fewer than two rows, which have no variance.
 */
export function batchNormTrainingForward(
  x: Float64Array,
  state: BatchNormState,
  epilogue: BatchNormEpilogue = {},
): BatchNormTrainingResult {
  const { runningMean, runningVariance, epsilon = 1e-5, momentum = 0.1 } = state;
  const channels = runningMean.length;
  const rows = x.length / channels;
  if (rows < 2) throw new ShapeError(`batch norm takes statistics over two or more rows for training; x has ${rows}`);
  const mean = new Float64Array(channels);
  const squares = new Float64Array(channels);
  x.forEach((value, i) => {
    mean[i % channels] += value / rows;
  });
  x.forEach((value, i) => {
    squares[i % channels] += (value - mean[i % channels]) ** 2;
  });
  const inverseDeviation = squares.map((sum) => 1 / Math.sqrt(sum / rows + epsilon));
  return {
    y: scaleAndShift(x, mean, inverseDeviation, state, epilogue),
    mean,
    inverseDeviation,
    runningMean: runningMean.map((value, c) => (1 - momentum) * value + momentum * mean[c]),
    runningVariance: runningVariance.map((value, c) => (1 - momentum) * value + momentum * (squares[c] / (rows - 1))),
  };
}

/** Gradients of {@link batchNormTrainingForward}; `y` is its output and is needed only with ReLU. */
export function batchNormTrainingBackward(
  x: Float64Array,
  gamma: Float64Array | undefined,
  { y, mean, inverseDeviation }: Pick<BatchNormTrainingResult, "y" | "mean" | "inverseDeviation">,
  dy: Float64Array,
  relu = false,
): BatchNormGradients {
  const channels = mean.length;
  const rows = x.length / channels;
  const { normalized, dResidual, dGamma, dBeta } = parameterGradients(x, mean, inverseDeviation, y, dy, relu);
  // The mean and the variance depend on x too: their share takes out of dy its mean and its part along the output.
  const dx = dResidual.map((value, i) => {
    const c = i % channels;
    return (
      (gamma ? gamma[c] : 1) * inverseDeviation[c] * (value - dBeta[c] / rows - (normalized[i] * dGamma[c]) / rows)
    );
  });
  return { dx, dGamma, dBeta, dResidual };
}

/** Normalises x[rows, channels] by the running statistics. */
export function batchNormInferenceForward(
  x: Float64Array,
  state: BatchNormState,
  epilogue: BatchNormEpilogue = {},
): Float64Array {
  return scaleAndShift(x, state.runningMean, runningInverseDeviation(state), state, epilogue);
}

/** Gradients of {@link batchNormInferenceForward}; `y` is its output and is needed only with ReLU. */
export function batchNormInferenceBackward(
  x: Float64Array,
  state: BatchNormState,
  y: Float64Array,
  dy: Float64Array,
  relu = false,
): BatchNormGradients {
  const { gamma, runningMean } = state;
  const inverseDeviation = runningInverseDeviation(state);
  const { dResidual, dGamma, dBeta } = parameterGradients(x, runningMean, inverseDeviation, y, dy, relu);
  const dx = dResidual.map((value, i) => {
    const c = i % runningMean.length;
    return value * (gamma ? gamma[c] : 1) * inverseDeviation[c];
  });
  return { dx, dGamma, dBeta, dResidual };
}

function runningInverseDeviation({ runningVariance, epsilon = 1e-5 }: BatchNormState): Float64Array {
  return runningVariance.map((value) => 1 / Math.sqrt(value + epsilon));
}

function scaleAndShift(
  x: Float64Array,
  mean: Float64Array,
  inverseDeviation: Float64Array,
  { gamma, beta }: BatchNormState,
  { residual, relu = false }: BatchNormEpilogue,
): Float64Array {
  const y = x.map((value, i) => {
    const c = i % mean.length;
    const scaled = (value - mean[c]) * inverseDeviation[c] * (gamma ? gamma[c] : 1);
    return scaled + (beta ? beta[c] : 0) + (residual ? residual[i] : 0);
  });
  return relu ? reluForward(y) : y;
}

/** dGamma = sum of dy * normalized x, dBeta = sum of dy, where dy is masked by the ReLU first: that is `dResidual`. */
function parameterGradients(
  x: Float64Array,
  mean: Float64Array,
  inverseDeviation: Float64Array,
  y: Float64Array,
  dy: Float64Array,
  relu: boolean,
) {
  const channels = mean.length;
  const dResidual = relu ? reluBackward(y, dy) : dy.slice();
  const normalized = x.map((value, i) => (value - mean[i % channels]) * inverseDeviation[i % channels]);
  const dGamma = new Float64Array(channels);
  const dBeta = new Float64Array(channels);
  dResidual.forEach((value, i) => {
    dGamma[i % channels] += value * normalized[i];
    dBeta[i % channels] += value;
  });
  return { normalized, dResidual, dGamma, dBeta };
}
