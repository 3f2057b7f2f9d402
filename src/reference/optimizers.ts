/** Options of {@link sgdStep}. */
export interface SgdOptions {
  readonly learningRate: number;
  readonly momentum: number;
  readonly nesterov: boolean;
  /** Times the weight, added to the gradient. */
  readonly weightDecay: number;
}

/**
 * One step of stochastic gradient descent with momentum, as `torch.optim.SGD` without dampening:
 * v = momentum * v + (g + weightDecay * w), w -= learningRate * v (Nesterov: g + weightDecay * w + momentum * v).
 * @param velocity zeros before the first step
 */
export function sgdStep(
  weight: Float64Array,
  gradient: Float64Array,
  velocity: Float64Array,
  { learningRate, momentum, nesterov, weightDecay }: SgdOptions,
): { weight: Float64Array; velocity: Float64Array } {
  const decayed = gradient.map((g, i) => g + weightDecay * weight[i]);
  const nextVelocity = velocity.map((v, i) => momentum * v + decayed[i]);
  const step = nesterov ? decayed.map((g, i) => g + momentum * nextVelocity[i]) : nextVelocity;
  return { weight: weight.map((w, i) => w - learningRate * step[i]), velocity: nextVelocity };
}

/** Options of {@link adamWStep}. */
export interface AdamWOptions {
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Times the learning rate: the share by which weights shrink each step, apart from the gradient. */
  readonly weightDecay: number;
}

/** Running means of the gradient and of its square; zeros before the first step. */
export interface AdamWMoments {
  readonly first: Float64Array;
  readonly second: Float64Array;
}

/**
 * One step of AdamW with bias correction, as `torch.optim.AdamW`.
 * @param step number of this step, from 1
 */
export function adamWStep(
  weight: Float64Array,
  gradient: Float64Array,
  moments: AdamWMoments,
  step: number,
  { learningRate, beta1, beta2, epsilon, weightDecay }: AdamWOptions,
): { weight: Float64Array; moments: AdamWMoments } {
  const first = moments.first.map((m, i) => beta1 * m + (1 - beta1) * gradient[i]);
  const second = moments.second.map((v, i) => beta2 * v + (1 - beta2) * gradient[i] ** 2);
  const next = weight.map((w, i) => {
    const mean = first[i] / (1 - beta1 ** step);
    const deviation = Math.sqrt(second[i] / (1 - beta2 ** step));
    return w - learningRate * weightDecay * w - (learningRate * mean) / (deviation + epsilon);
  });
  return { weight: next, moments: { first, second } };
}

/** Options of {@link larsStep}. */
export interface LarsOptions {
  readonly learningRate: number;
  readonly momentum: number;
  readonly nesterov: boolean;
  /** Times the weight, added to the gradient. */
  readonly weightDecay: number;
  /** Trust coefficient; 0.001 in SimCLR. */
  readonly eta: number;
  /** False for biases and norms: a trust ratio of 1. */
  readonly adapted: boolean;
}

/**
 * One step of LARS for one whole tensor, as SimCLR has it (You et al. 2017): with u = trust * learningRate * (g + weightDecay * w)
 * and trust = eta * |w| / |g + weightDecay * w|, v = momentum * v + u, w -= v (Nesterov: u + momentum * v). The trust ratio is 1
 * where either norm is 0.
 * @param velocity zeros before the first step
 */
export function larsStep(
  weight: Float64Array,
  gradient: Float64Array,
  velocity: Float64Array,
  { learningRate, momentum, nesterov, weightDecay, eta, adapted }: LarsOptions,
): { weight: Float64Array; velocity: Float64Array } {
  const decayed = gradient.map((g, i) => g + weightDecay * weight[i]);
  const [weightNorm, stepNorm] = [norm(weight), norm(decayed)];
  const trust = adapted && weightNorm > 0 && stepNorm > 0 ? (eta * weightNorm) / stepNorm : 1;
  const update = decayed.map((g) => trust * learningRate * g);
  const nextVelocity = velocity.map((v, i) => momentum * v + update[i]);
  const step = nesterov ? update.map((u, i) => u + momentum * nextVelocity[i]) : nextVelocity;
  return { weight: weight.map((w, i) => w - step[i]), velocity: nextVelocity };
}

/**
 * One step of LARS whose local rate is not above the learning rate, for one whole tensor, as in solo-learn with `clip_lars_lr`:
 * SGD with a gradient of min(trust / learningRate, 1) * (g + weightDecay * w), where trust = eta * |w| / (|g| + weightDecay * |w|
 * + 1e-8). Where |w| or |g| is 0, that gradient is g.
 * @param velocity zeros before the first step
 */
export function clippedLarsStep(
  weight: Float64Array,
  gradient: Float64Array,
  velocity: Float64Array,
  { adapted, eta, ...options }: LarsOptions,
): { weight: Float64Array; velocity: Float64Array } {
  if (!adapted) return sgdStep(weight, gradient, velocity, options);
  const { learningRate, weightDecay } = options;
  const [weightNorm, gradientNorm] = [norm(weight), norm(gradient)];
  const both = weightNorm > 0 && gradientNorm > 0;
  const trust = (eta * weightNorm) / (gradientNorm + weightDecay * weightNorm + 1e-8);
  const factor = Math.min(trust / learningRate, 1);
  const scaled = both ? gradient.map((g, i) => factor * (g + weightDecay * weight[i])) : gradient;
  return sgdStep(weight, scaled, velocity, { ...options, weightDecay: 0 });
}

function norm(x: Float64Array): number {
  return Math.sqrt(x.reduce((sum, value) => sum + value * value, 0));
}
