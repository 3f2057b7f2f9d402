import { batchNorm } from "../ops/batch-norm.js";
import {
  type BatchNormGradients,
  type BatchNormState,
  batchNormInferenceBackward,
  batchNormInferenceForward,
  batchNormTrainingBackward,
  batchNormTrainingForward,
} from "../reference/batch-norm.js";
import { reluBackward } from "../reference/elementwise.js";
import { type Check, checkOf, evaluate, gradientOf, type KernelName, type Outputs, type Subject } from "./check.js";
import { randomInputs } from "./random-inputs.js";
import { ROUNDINGS, relativeError, type StoredType, stored, typeText, UNIT } from "./rounding.js";

/** A batch norm over x [rows, channels] and the gradient of its output. */
export interface BatchNormInputs extends BatchNormState {
  /** Of x, the residual, y and their gradients. */
  readonly type?: StoredType;
  readonly rows: number;
  readonly training: boolean;
  readonly relu: boolean;
  readonly x: Float64Array;
  readonly residual?: Float64Array;
  readonly dy: Float64Array;
}

/** The gradients of what there is. */
function gradients({ gamma, beta, residual }: BatchNormInputs, all: BatchNormGradients): Outputs {
  const { dx, dGamma, dBeta, dResidual } = all;
  return { dx, ...(gamma && { dGamma }), ...(beta && { dBeta }), ...(residual && { dResidual }) };
}

/**
 * Outputs y, dx, dGamma, dBeta and dResidual of what there is, and runningMean and runningVariance in training. The
 * reference rectifies the gradient where the device's y was 0: near 0, a rounding decides.
 */
export const batchNormSubject: Subject<BatchNormInputs> = {
  compute: (device, inputs) =>
    evaluate(device, (tape, input) => {
      const { rows, training, relu, epsilon, momentum, type } = inputs;
      const channels = inputs.runningMean.length;
      const x = input(inputs.x, [rows, channels], type);
      const residual = inputs.residual && input(inputs.residual, [rows, channels], type);
      const [gamma, beta] = [inputs.gamma, inputs.beta].map((data) => data && input(data, [channels]));
      const runningMean = input(inputs.runningMean, [channels]);
      const runningVar = input(inputs.runningVariance, [channels]);
      tape.watch(...[x, gamma, beta, residual].filter((tensor) => tensor !== undefined));
      const tensors = { gamma, beta, runningMean, runningVar };
      const y = batchNorm(tape, x, tensors, { training, residual, relu, epsilon, momentum });
      tape.backward(y, input(inputs.dy, [rows, channels], type));
      return {
        y,
        dx: gradientOf(tape, x),
        ...(gamma && { dGamma: gradientOf(tape, gamma) }),
        ...(beta && { dBeta: gradientOf(tape, beta) }),
        ...(residual && { dResidual: gradientOf(tape, residual) }),
        ...(training ? { runningMean, runningVariance: runningVar } : {}),
      };
    }),

  reference(inputs, actual) {
    const { x, dy, training, relu, gamma } = inputs;
    if (!training) {
      const y = batchNormInferenceForward(x, inputs, inputs);
      return { y, ...gradients(inputs, batchNormInferenceBackward(x, inputs, actual.y, dy, relu)) };
    }
    const result = batchNormTrainingForward(x, inputs, inputs);
    const { y, runningMean, runningVariance } = result;
    const backward = batchNormTrainingBackward(x, gamma, { ...result, y: actual.y }, dy, relu);
    return { y, ...gradients(inputs, backward), runningMean, runningVariance };
  },

  tolerance(inputs) {
    const { x, dy, rows, training, relu, gamma, beta, residual, epsilon = 1e-5, momentum = 0.1, type } = inputs;
    const channels = inputs.runningMean.length;
    const forward = training ? batchNormTrainingForward(x, inputs, inputs) : null;
    const y = forward ? forward.y : batchNormInferenceForward(x, inputs, inputs);
    const backward = forward
      ? batchNormTrainingBackward(x, gamma, forward, dy, relu)
      : batchNormInferenceBackward(x, inputs, y, dy, relu);
    const g = relu ? reluBackward(y, dy) : dy;
    const of = (values: Float64Array, channel: number) => values.filter((_, i) => i % channels === channel);
    const sum = (values: Float64Array) => values.reduce((a, b) => a + b, 0);
    const largest = (values: Float64Array) => values.reduce((a, b) => Math.max(a, Math.abs(b)), 0);

    const dGamma = new Float64Array(channels);
    const dBeta = new Float64Array(channels);
    const runningMean = new Float64Array(channels);
    const runningVariance = new Float64Array(channels);
    const dx = new Float64Array(x.length);
    const yError = new Float64Array(x.length);
    for (let c = 0; c < channels; c++) {
      const own = of(x, c);
      const mean = training ? sum(own) / rows : inputs.runningMean[c];
      const variance = training ? sum(own.map((value) => (value - mean) ** 2)) / rows : inputs.runningVariance[c];
      const inverse = 1 / Math.sqrt(variance + epsilon);
      // The mean: a sum over at most all rows, a division, and for each of the runs (of 16 rows or more) that are put
      // together a difference, a division, a product and a sum of numbers up to twice the largest.
      const runs = Math.ceil(rows / 16);
      const meanError = training ? relativeError(rows + 5 + 2 * 8 * runs) * largest(own) : 0;
      // The variance: squares and their sum; an error m of the means changes squares of differences between runs by up to
      // 4 m times the difference, which on average is at most the standard deviation.
      const varianceError = training
        ? relativeError(rows + 4 + 10 * runs) * variance + 4 * Math.sqrt(variance) * meanError + meanError ** 2
        : 0;
      // The root halves relative errors; one more rounding for the sum with epsilon.
      const scaleError = (varianceError * inverse ** 2 + UNIT) / 2 + relativeError(ROUNDINGS.inverseSqrt + 2);

      const normalized = own.map((value) => (value - mean) * inverse);
      const normalizedError = normalized.map((value) => meanError * inverse + Math.abs(value) * (scaleError + UNIT));
      const gradient = of(g, c);
      const absoluteGradient = gradient.map(Math.abs);
      dBeta[c] = relativeError(rows) * sum(absoluteGradient);
      dGamma[c] =
        sum(absoluteGradient.map((value, row) => value * normalizedError[row])) +
        relativeError(rows + 2) * sum(absoluteGradient.map((value, row) => value * Math.abs(normalized[row])));
      const gammaGradient = Math.abs(sum(gradient.map((value, row) => value * normalized[row])));
      const betaGradient = Math.abs(sum(gradient));
      // running + momentum (now - running): two products, a sum, and the rounding of the momentum.
      runningMean[c] = momentum * meanError + 4 * UNIT * (Math.abs(inputs.runningMean[c]) + Math.abs(mean));
      const unbiased = rows / Math.max(rows - 1, 1);
      runningVariance[c] =
        unbiased * momentum * varianceError +
        relativeError(4 + ROUNDINGS.division) * (inputs.runningVariance[c] + unbiased * variance);

      const size = gamma ? Math.abs(gamma[c]) : 1;
      const scale = size * inverse;
      for (let row = 0; row < rows; row++) {
        const i = row * channels + c;
        // y: the normalised x, and a rounding of each of the sums that follow.
        const terms =
          size * Math.abs(normalized[row]) + Math.abs(beta ? beta[c] : 0) + Math.abs(residual ? residual[i] : 0);
        yError[i] = size * normalizedError[row] + 3 * UNIT * terms;
        // dx: the two means have the errors of their sums; each of the three terms is rounded a few times.
        const shares = training ? (betaGradient + Math.abs(normalized[row]) * gammaGradient) / rows : 0;
        const sharesError = training
          ? (dBeta[c] + Math.abs(normalized[row]) * dGamma[c] + normalizedError[row] * gammaGradient) / rows
          : 0;
        const rounding = relativeError(2 * ROUNDINGS.division + 4) + 2 * scaleError;
        dx[i] = scale * (sharesError + (absoluteGradient[row] + shares) * rounding);
      }
    }
    return {
      y: stored(yError, y, type),
      ...gradients(inputs, { dx: stored(dx, backward.dx, type), dGamma, dBeta, dResidual: new Float64Array(x.length) }),
      ...(training ? { runningMean, runningVariance } : {}),
    };
  },
};

interface Variant {
  readonly rows: number;
  readonly channels: number;
  readonly training?: boolean;
  readonly relu?: boolean;
  readonly residual?: boolean;
  readonly mean?: number;
  /** Both by default. */
  readonly gamma?: boolean;
  readonly beta?: boolean;
  readonly epsilon?: number;
  readonly momentum?: number;
  readonly type?: StoredType;
}

function check(variant: Variant): Check {
  const {
    rows,
    channels,
    training = true,
    relu = false,
    residual = false,
    mean = 0,
    epsilon,
    momentum,
    type,
  } = variant;
  const { gamma = true, beta = true } = variant;
  const used: KernelName[] = training ? ["batchNormStatistics", "batchNormCombine"] : ["batchNormRunning"];
  used.push("batchNorm", "batchNormGradientSums", "batchNormGradientCombine", "batchNormGradient");
  if (relu && residual) used.push("reluGradient");
  const extras = [
    residual ? "residual" : "",
    relu ? "rectifier" : "",
    mean > 0 ? `mean ${mean}` : "",
    gamma ? "" : "no gamma",
    beta ? "" : "no beta",
    epsilon === undefined ? "" : `epsilon ${epsilon}`,
    momentum === undefined ? "" : `momentum ${momentum}`,
  ];
  const text = [`${rows} rows of ${channels}, ${training ? "training" : "inference"}`, ...extras.filter(Boolean)];
  const shape = `${text.join(", ")}, and gradients${typeText(type)}`;
  return checkOf(used, shape, batchNormSubject, (): BatchNormInputs => {
    const random = randomInputs(4, type);
    return {
      type,
      ...{ rows, training, relu, epsilon, momentum },
      x: random.normal(rows * channels, 1.5, mean),
      residual: residual ? random.normal(rows * channels) : undefined,
      dy: random.normal(rows * channels),
      gamma: gamma ? random.normal(channels) : undefined,
      beta: beta ? random.normal(channels) : undefined,
      runningMean: random.normal(channels),
      runningVariance: random.uniform(channels, 0.5, 2),
    };
  });
}

/**
 * Checks of batch norm, with all that is fused to it: few and many rows, one channel, more channels than a tile; other settings
 * than usual, and no scale or offset. The many rows are
 * so many runs that the second pass has strands on a GPU.
 */
export const batchNormChecks: readonly Check[] = [
  check({ rows: 75, channels: 7 }),
  check({ rows: 45, channels: 67, relu: true }),
  check({ rows: 301, channels: 5, residual: true }),
  check({ rows: 105, channels: 9, residual: true, relu: true }),
  check({ rows: 53, channels: 1 }),
  check({ rows: 2, channels: 5 }),
  check({ rows: 75, channels: 3, mean: 100 }),
  check({ rows: 16901, channels: 3, mean: 10 }),
  check({ rows: 4100, channels: 12, relu: true }),
  check({ rows: 35, channels: 7, training: false }),
  check({ rows: 35, channels: 7, training: false, residual: true, relu: true }),
  check({ rows: 45, channels: 8, relu: true, gamma: false, beta: false, epsilon: 0.25 }),
  check({ rows: 45, channels: 7, relu: true, beta: false, momentum: 0.7 }),
  check({ rows: 35, channels: 5, training: false, residual: true, relu: true, gamma: false, epsilon: 1e-3 }),
];

/** The same with f16: with and without vectors of four channels, which then take 8 bytes. */
export const halfBatchNormChecks: readonly Check[] = [
  check({ rows: 75, channels: 7, type: "f16" }),
  check({ rows: 45, channels: 68, relu: true, type: "f16" }),
  check({ rows: 105, channels: 9, residual: true, relu: true, type: "f16" }),
  check({ rows: 53, channels: 1, type: "f16" }),
  check({ rows: 75, channels: 3, mean: 100, type: "f16" }),
  check({ rows: 35, channels: 7, training: false, residual: true, type: "f16" }),
];
