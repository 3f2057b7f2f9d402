import type { Learner } from "../methods/method.js";
import type { StepMetrics } from "./training-step.js";

/** Steps over which the signs of a collapse are looked for: no step that is out of the ordinary counts by itself. */
const COLLAPSE_STEPS = 20;
/** Fewest and most steps over which a loss is compared with chance. */
const CHANCE_STEPS = [50, 200] as const;
/** A mean loss from this share of chance up says nothing of the images. */
const AT_CHANCE = 0.99;
/** Fewest steps over which a loss has to fall. */
const LEAST_PLATEAU = 100;
/** How far a training may be where a plateau is worth a word: later, a falling learning rate keeps the loss where it is. */
const PLATEAU_UNTIL = 0.7;
/** The share of all steps whose mean loss is compared with that of as many steps before. */
const PLATEAU_SHARE = 0.2;

/** What a watch has to know of a training. */
export interface WatchedTraining {
  readonly learner: Pick<Learner, "collapse" | "description">;
  /** Of the whole training. */
  readonly steps: number;
  /** Of its warm-up. */
  readonly warmupSteps: number;
}

/** The mean of numbers, and the variance of that mean. */
function meanOf(values: readonly number[]): { readonly mean: number; readonly variance: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, variance: squares / (values.length - 1) / values.length };
}

/** Looks in what the steps measured for the signs of a training that leads nowhere. */
export class TrainingWatch {
  readonly #last: StepMetrics[] = [];
  readonly #losses: number[] = [];
  readonly #chanceSteps: number;
  readonly #plateauSteps: number;
  #step = 0;
  #collapsed = false;
  #atChance = false;
  #onPlateau = false;

  constructor(readonly training: WatchedTraining) {
    const [least, most] = CHANCE_STEPS;
    const { steps } = training;
    this.#chanceSteps = Math.min(most, Math.max(least, Math.round(steps / 10)));
    this.#plateauSteps = Math.max(LEAST_PLATEAU, Math.round(steps * PLATEAU_SHARE));
  }

  /** What is to be said after the next step: each sign when it appears. */
  see(metrics: StepMetrics): string[] {
    this.#step += 1;
    this.#last.push(metrics);
    if (this.#last.length > COLLAPSE_STEPS) this.#last.shift();
    this.#losses.push(metrics.loss);
    if (this.#losses.length > Math.max(2 * this.#plateauSteps, this.#chanceSteps)) this.#losses.shift();
    return [this.#collapse(), this.#chance(), this.#plateau()].flatMap((sign) => sign ?? []);
  }

  #collapse(): string | null {
    const last = this.#last;
    if (last.length < COLLAPSE_STEPS) return null;
    const mean = (name: string) => last.reduce((sum, numbers) => sum + numbers[name], 0) / COLLAPSE_STEPS;
    const means = Object.fromEntries(Object.keys(last[0]).map((name) => [name, mean(name)]));
    const sign = this.training.learner.collapse({ ...means, loss: mean("loss") });
    const appears = sign !== null && !this.#collapsed;
    this.#collapsed = sign !== null;
    return appears ? sign : null;
  }

  #chance(): string | null {
    const { learner, warmupSteps } = this.training;
    const { chance } = learner.description;
    // A collapse has been told of, and it is the reason.
    const { after = 0 } = chance ?? {};
    const begin = Math.max(warmupSteps, after) + this.#chanceSteps;
    if (chance === null || this.#collapsed || this.#step < begin) return null;
    const { mean } = meanOf(this.#losses.slice(-this.#chanceSteps));
    const found = mean >= AT_CHANCE * chance.value;
    const appears = found && !this.#atChance;
    this.#atChance = found;
    if (!appears) return null;
    return `nothing is learned: the loss is ${mean.toPrecision(4)} in the mean of ${this.#chanceSteps} steps, and ${chance.formula} = ${chance.value.toPrecision(4)} is what chance gives; another learning rate is the first thing to try`;
  }

  #plateau(): string | null {
    const { steps, warmupSteps } = this.training;
    const [count, step] = [this.#plateauSteps, this.#step];
    // Now and then is enough.
    if (this.#onPlateau || step % Math.ceil(count / 10) !== 0) return null;
    if (this.#collapsed || this.#atChance || step < warmupSteps + 2 * count || step > PLATEAU_UNTIL * steps)
      return null;
    const [before, recent] = [this.#losses.slice(-2 * count, -count), this.#losses.slice(-count)].map(meanOf);
    this.#onPlateau = recent.mean >= before.mean - Math.sqrt(before.variance + recent.variance);
    if (!this.#onPlateau) return null;
    const left = Math.round(100 * (1 - step / steps));
    return `the loss has not fallen for ${count} steps: ${recent.mean.toPrecision(4)} in the mean, ${before.mean.toPrecision(4)} in the ${count} before them, and ${left} % of the training is still to come`;
  }
}
