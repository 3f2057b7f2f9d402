import { ConfigError } from "../errors.js";

/** How the base learning rate follows from the batch size (Chen et al. 2020, appendix B.1). */
export type LearningRateScaling = "none" | "linear" | "sqrt";

/** The learning rate for a batch: rate, rate * batch / 256 (linear), or rate * sqrt(batch) (square root). */
export function scaledLearningRate(rate: number, batch: number, scaling: LearningRateScaling): number {
  if (scaling === "linear") return (rate * batch) / 256;
  if (scaling === "sqrt") return rate * Math.sqrt(batch);
  return rate;
}

/**
 * Linear warm-up, then a half cosine to 0 (Loshchilov and Hutter 2017): the learning rate of `step`, counted from 0, of
 * `steps`. The last warm-up step has the full rate.
 * @throws ConfigError where the warm-up is longer than the training.
 */
export function warmupCosine(peak: number, step: number, steps: number, warmupSteps: number): number {
  if (warmupSteps > steps)
    throw new ConfigError(`a warm-up of ${warmupSteps} steps does not fit a training of ${steps} steps`);
  if (step < warmupSteps) return (peak * (step + 1)) / warmupSteps;
  return peak * 0.5 * (1 + Math.cos((Math.PI * (step - warmupSteps)) / (steps - warmupSteps)));
}
