import { groupNorm } from "../ops/group-norm.js";
import { reluBackward } from "../reference/elementwise.js";
import {
  type GroupNormShape,
  type GroupNormState,
  groupIndices,
  groupNormBackward,
  groupNormForward,
} from "../reference/group-norm.js";
import { type Check, checkOf, evaluate, gradientOf, type KernelName, type Subject } from "./check.js";
import { randomInputs } from "./random-inputs.js";
import { ROUNDINGS, relativeError, UNIT } from "./rounding.js";

/** A group norm over x [batch, pixels, channels] and the gradient of its output. */
export interface GroupNormInputs extends GroupNormShape, GroupNormState {
  readonly relu: boolean;
  readonly x: Float64Array;
  readonly residual?: Float64Array;
  readonly dy: Float64Array;
}

/**
 * Roundings of a mean that `parts` means, of magnitude 1 at most, are put together to one after the other: a sum for each, and
 * a difference of magnitude 2, a division and a product for the step, which is one k-th of it the k-th time.
 */
function combinedRoundings(parts: number): number {
  return parts + 2 * (ROUNDINGS.division + 2) * (1 + Math.log(parts));
}

/**
 * Outputs y, dx, dGamma, dBeta, and dResidual where there is one. The reference rectifies the gradient where the device's y was
 * 0: near 0, a rounding decides.
 */
export const groupNormSubject: Subject<GroupNormInputs> = {
  compute: (device, inputs) =>
    evaluate(device, (tape, input) => {
      const { batch, pixels, channels, groups, relu, epsilon } = inputs;
      // A column of pixels: the kernels know no height.
      const shape = [batch, pixels, 1, channels];
      const x = input(inputs.x, shape);
      const residual = inputs.residual && input(inputs.residual, shape);
      const [gamma, beta] = [inputs.gamma, inputs.beta].map((data) => input(data, [channels]));
      tape.watch(x, gamma, beta, ...(residual ? [residual] : []));
      const y = groupNorm(tape, x, { gamma, beta }, { groups, residual, relu, epsilon });
      tape.backward(y, input(inputs.dy, shape));
      return {
        y,
        dx: gradientOf(tape, x),
        dGamma: gradientOf(tape, gamma),
        dBeta: gradientOf(tape, beta),
        ...(residual ? { dResidual: gradientOf(tape, residual) } : {}),
      };
    }),

  reference(inputs, actual) {
    const { x, dy, relu, gamma, residual } = inputs;
    const result = groupNormForward(x, inputs, inputs, inputs);
    const { dx, dGamma, dBeta, dResidual } = groupNormBackward(x, inputs, gamma, { ...result, y: actual.y }, dy, relu);
    return { y: result.y, dx, dGamma, dBeta, ...(residual ? { dResidual } : {}) };
  },

  tolerance(inputs) {
    const { batch, pixels, channels, groups, x, dy, relu, gamma, beta, residual } = inputs;
    const { y, mean, inverseDeviation } = groupNormForward(x, inputs, inputs, inputs);
    const g = relu ? reluBackward(y, dy) : dy;
    const group = groupIndices(inputs);
    const perGroup = () => new Float64Array(batch * groups);
    const perChannel = () => new Float64Array(channels);
    const width = channels / groups;
    const count = pixels * width;

    const largest = perGroup();
    const variance = perGroup();
    x.forEach((value, i) => {
      largest[group[i]] = Math.max(largest[group[i]], Math.abs(value));
      variance[group[i]] += (value - mean[group[i]]) ** 2 / count;
    });
    // The mean: a sum over a block of 8 pixels and a division, then blocks of a run, and runs of all channels of the group.
    const [blocks, parts] = [Math.ceil(pixels / 8), width * Math.ceil(pixels / 64)];
    const meanRoundings = 8 + ROUNDINGS.division + combinedRoundings(blocks) + combinedRoundings(parts);
    const meanError = largest.map((value) => relativeError(meanRoundings) * value);
    // The variance: squares (3) and their sum over a block, up to 10 for a step between blocks or runs, and sums of those. An
    // error m of the means changes squares of steps by up to 4 m times the step, on average at most the standard deviation.
    const varianceError = variance.map(
      (value, i) =>
        relativeError(3 + 8 + 10 + blocks + parts + ROUNDINGS.division) * value +
        4 * Math.sqrt(value) * meanError[i] +
        8 * meanError[i] ** 2,
    );
    // The root halves relative errors; one more rounding for the sum with epsilon.
    const scaleError = varianceError.map(
      (value, i) => (value * inverseDeviation[i] ** 2 + UNIT) / 2 + relativeError(ROUNDINGS.inverseSqrt),
    );
    const normalized = x.map((value, i) => (value - mean[group[i]]) * inverseDeviation[group[i]]);
    const normalizedError = normalized.map((value, i) => {
      const own = group[i];
      return meanError[own] * inverseDeviation[own] + Math.abs(value) * (scaleError[own] + 2 * UNIT);
    });

    // Sums over the pixels of an image, and over the images for gamma and beta or the channels of a group for the means.
    const [dGamma, dBeta] = [perChannel(), perChannel()];
    const [slope, offset, slopeError, offsetError] = [perGroup(), perGroup(), perGroup(), perGroup()];
    const overImages = relativeError(pixels + batch + 2);
    const overGroup = relativeError(pixels + 2 * width + 2 + ROUNDINGS.division);
    g.forEach((value, i) => {
      const [c, own] = [i % channels, group[i]];
      const [size, product] = [Math.abs(value), Math.abs(value * normalized[i])];
      dBeta[c] += overImages * size;
      dGamma[c] += overImages * product + size * normalizedError[i];
      offset[own] += (gamma[c] * value) / count;
      slope[own] += (gamma[c] * value * normalized[i]) / count;
      offsetError[own] += (Math.abs(gamma[c]) * overGroup * size) / count;
      slopeError[own] += (Math.abs(gamma[c]) * (overGroup * product + size * normalizedError[i])) / count;
    });

    const yError = y.map((_, i) => {
      const c = i % channels;
      // The normalised x, its product with gamma, and a rounding of each of the sums that follow.
      const terms = Math.abs(gamma[c] * normalized[i]) + Math.abs(beta[c]) + Math.abs(residual ? residual[i] : 0);
      return Math.abs(gamma[c]) * normalizedError[i] + 3 * UNIT * terms;
    });
    const dx = g.map((value, i) => {
      const own = group[i];
      // Three terms, each with the scale, at most twice, and rounded a few times.
      const terms =
        Math.abs(gamma[i % channels] * value) + Math.abs(offset[own]) + Math.abs(normalized[i] * slope[own]);
      const sums =
        offsetError[own] + Math.abs(normalized[i]) * slopeError[own] + normalizedError[i] * Math.abs(slope[own]);
      return inverseDeviation[own] * (sums + terms * (relativeError(6) + 2 * scaleError[own]));
    });
    return { y: yError, dx, dGamma, dBeta, ...(residual ? { dResidual: new Float64Array(x.length) } : {}) };
  },
};

interface Variant extends GroupNormShape {
  readonly relu?: boolean;
  readonly residual?: boolean;
  readonly mean?: number;
  readonly epsilon?: number;
}

function check(variant: Variant): Check {
  const { batch, pixels, channels, groups, relu = false, residual = false, mean = 0, epsilon } = variant;
  const used: KernelName[] = ["groupNormStatistics", "groupNormCombine", "groupNorm"];
  used.push("groupNormGradientSums", "groupNormGradientCombine", "batchNormGradientCombine", "groupNormGradient");
  if (relu && residual) used.push("reluGradient");
  const extras = [
    residual ? "residual" : "",
    relu ? "rectifier" : "",
    mean > 0 ? `mean ${mean}` : "",
    epsilon === undefined ? "" : `epsilon ${epsilon}`,
  ];
  const text = [`${batch} x ${pixels} pixels of ${channels} in groups: ${groups}`, ...extras.filter(Boolean)];
  return checkOf(used, `${text.join(", ")}, and gradients`, groupNormSubject, (): GroupNormInputs => {
    const random = randomInputs(8);
    const elements = batch * pixels * channels;
    return {
      batch,
      pixels,
      channels,
      groups,
      relu,
      epsilon,
      x: random.normal(elements, 1.5, mean),
      residual: residual ? random.normal(elements) : undefined,
      dy: random.normal(elements),
      gamma: random.normal(channels),
      beta: random.normal(channels),
    };
  });
}

/**
 * Checks of group norm, with all that is fused to it: one image, one pixel, one channel, one group, a channel a group, several
 * runs of pixels, more channels than a tile, groups that vectors of 4 channels lie across.
 */
export const groupNormChecks: readonly Check[] = [
  check({ batch: 3, pixels: 15, channels: 6, groups: 3 }),
  check({ batch: 2, pixels: 9, channels: 68, groups: 34, relu: true }),
  check({ batch: 1, pixels: 301, channels: 5, groups: 1, residual: true }),
  check({ batch: 4, pixels: 35, channels: 9, groups: 9, residual: true, relu: true }),
  check({ batch: 2, pixels: 131, channels: 24, groups: 4, relu: true }),
  check({ batch: 2, pixels: 53, channels: 1, groups: 1 }),
  check({ batch: 67, pixels: 1, channels: 8, groups: 2 }),
  check({ batch: 2, pixels: 25, channels: 134, groups: 2, mean: 100 }),
  check({ batch: 1, pixels: 3, channels: 4, groups: 4, epsilon: 0.1 }),
];
