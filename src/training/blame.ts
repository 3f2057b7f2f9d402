import type { Learner } from "../methods/method.js";
import { scaledLearningRate } from "../optim/schedule.js";
import type { TrainingConfig } from "./config.js";

/** Learning rates, scaled with the batch, beyond which nothing but numbers without use was ever seen. */
const UNHEARD_OF: Readonly<Record<string, number>> = { adamw: 0.1, sgd: 10, lars: 100 };

/** What is told of where a training's numbers come from. */
export interface Suspects {
  readonly config: TrainingConfig;
  readonly learner: Pick<Learner, "strain">;
}

/** What is known to be wrong with a learning rate; null where nothing is. */
function rateStrain({ optimizer, batch, learningRate, learningRateScaling }: TrainingConfig): string | null {
  const [peak, most] = [scaledLearningRate(learningRate, batch, learningRateScaling), UNHEARD_OF[optimizer]];
  if (most === undefined || peak <= most) return null;
  const scaled = learningRateScaling === "none" ? "" : ", scaled with the batch,";
  return `a learning rate of ${peak}${scaled} is beyond all that ${optimizer} is known to learn with (up to ${most}): lower it`;
}

/** Settings with which numbers can be expected to become useless, as sentences. */
export function strains({ config, learner }: Suspects): string[] {
  return [learner.strain ?? null, rateStrain(config)].flatMap((sentence) => sentence ?? []);
}

/**
 * What made a loss or weights NaN or infinite, and what to do: settings that are out of all proportion first. Images are not to blame:
 * they are bytes.
 * @param step whose loss or weights it is, counted from 1
 * @param what "loss" of the step, before its update, or "weights" after it
 */
export function blame(
  { config, learner }: Suspects,
  step: number,
  what: "loss" | "weights",
  learningRate: number,
): string {
  // The weights that the first loss comes from are those that there were: nothing has moved them yet.
  const moved = step > 1 || what === "weights";
  const known = [learner.strain ?? null, moved ? rateStrain(config) : null].flatMap((sentence) => sentence ?? []);
  if (known.length > 0) return known.join("; ");
  if (!moved) return "it is the first step, so no learning rate is to blame: look at the normalization and the loss";
  const half = config.precision === "mixed" ? ", or train in f32" : "";
  return `lower the learning rate (${learningRate} in this step) or lengthen the warm-up${half}`;
}
