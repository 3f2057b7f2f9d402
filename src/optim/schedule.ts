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
 * `steps`. The last warm-up step has the full rate; from `steps` on, where the training is over, the rate is 0.
 * @throws ConfigError for a peak that is negative or no number, steps that are not whole, and a warm-up that is longer than
 * the training.
 */
export function warmupCosine(peak: number, step: number, steps: number, warmupSteps: number): number {
  if (!(peak >= 0 && Number.isFinite(peak)))
    throw new ConfigError(`a learning rate that rises to ${peak}: the peak must be a number from 0 up`);
  requireStep(step, steps);
  if (!Number.isInteger(warmupSteps) || warmupSteps < 0)
    throw new ConfigError(`a warm-up of ${warmupSteps} steps: it must be a whole number from 0 up`);
  if (warmupSteps > steps)
    throw new ConfigError(`a warm-up of ${warmupSteps} steps does not fit a training of ${steps} steps`);
  if (step >= steps) return 0;
  if (step < warmupSteps) return (peak * (step + 1)) / warmupSteps;
  return peak * 0.5 * (1 + Math.cos((Math.PI * (step - warmupSteps)) / (steps - warmupSteps)));
}

/**
 * A half cosine from one value to another, m_k = m_1 - (m_1 - m_0) (cos(pi k / K) + 1) / 2: the value at `step`, counted from 0,
 * of `steps`, and `to` from `steps` on. A teacher's momentum goes so from 0.996 or less to 1 (Grill et al. 2020, BYOL, section
 * 3.3), and DINO's weight decay from 0.04 to 0.4 (Caron et al. 2021, section 3.2).
 * @throws ConfigError for values that are not finite, and steps that are not whole.
 */
export function cosine(from: number, to: number, step: number, steps: number): number {
  if (!(Number.isFinite(from) && Number.isFinite(to)))
    throw new ConfigError(`a cosine from ${from} to ${to}: both must be finite numbers`);
  requireStep(step, steps);
  if (step >= steps) return to;
  // Written so that step 0 has `from` to the bit.
  return from + ((to - from) * (1 - Math.cos((Math.PI * step) / steps))) / 2;
}

function requireStep(step: number, steps: number): void {
  if (!Number.isInteger(steps) || steps < 1)
    throw new ConfigError(`a schedule over ${steps} steps: it must be a whole number from 1 up`);
  if (!Number.isInteger(step) || step < 0)
    throw new ConfigError(`step ${step} of a schedule: it must be a whole number from 0 up`);
}
