import { ConfigError } from "../../src/errors.js";
import { NORMS } from "../../src/nn/normalized-convolution.js";
import { scaledLearningRate } from "../../src/optim/schedule.js";
import { SCALINGS, type TrainingConfig } from "../../src/training/config.js";
import { type Settings, wholeNumber } from "./benchmark.js";
import { stepShape } from "./training.js";

/** Rules by which the learning rate follows from the batch. */
export type Scaling = TrainingConfig["learningRateScaling"];

/** What is compared, and what all have in common. */
export interface Comparison {
  readonly encoder: TrainingConfig["encoder"];
  /** Pixels; images are square, and those that are trained on are resized to it. */
  readonly imageSize: number;
  readonly norm: TrainingConfig["norm"];
  readonly precision: TrainingConfig["precision"];
  readonly optimizer: BenchOptimizer;
  /** Ascending. */
  readonly batches: readonly number[];
  /** Batches above one of them are divided into it; ascending. */
  readonly microBatches: readonly number[];
}

/** A batch size with the images that go through the encoder at once: the batch itself where it is not divided. */
export interface Division {
  readonly batch: number;
  readonly microBatch: number;
}

/** Real images to train on, how long and how often. */
export interface RealTraining {
  readonly images: string;
  readonly epochs: number;
  readonly seeds: readonly number[];
  readonly scalings: readonly Scaling[];
}

/** What is measured, and where the result goes. */
export interface BatchSizePlan {
  readonly comparison: Comparison;
  readonly rounds: number;
  /** Seconds for the times, and as many again for the trainings. */
  readonly budget: number;
  readonly training: RealTraining | null;
  readonly csv: string | null;
  readonly chart: string | null;
}

/**
 * Where an optimizer's rules give the same learning rate. For LARS that is where the paper's two do (Chen et al. 2020, appendix
 * B.1: 0.3 * batch / 256 and 0.075 * sqrt(batch)); for AdamW it is the library's default.
 */
const MEETING_POINTS = {
  adamw: { batch: 128, learningRate: 1e-3 },
  lars: { batch: 4096, learningRate: 4.8 },
} as const;

export type BenchOptimizer = keyof typeof MEETING_POINTS;
/** Those whose learning rates are known. */
const OPTIMIZERS = ["adamw", "lars"] as const satisfies readonly BenchOptimizer[];

/** What a rule scales, so that the rate is that of the optimizer's meeting point there. */
export function baseLearningRate(optimizer: BenchOptimizer, scaling: Scaling): number {
  const { batch, learningRate } = MEETING_POINTS[optimizer];
  return learningRate / scaledLearningRate(1, batch, scaling);
}

/** The optimizer's epochs of warm-up: ten as in the paper, or a tenth of a shorter training. */
export function warmupOf(epochs: number): number {
  return Math.min(10, epochs / 10);
}

/** Words with commas between them, each one once. */
function words(text: string): readonly string[] {
  return [...new Set(text.split(",").map((word) => word.trim()))];
}

/** Whole numbers with commas between them, ascending. @throws ConfigError */
function wholeNumbers(option: string, text: string, least: number, most = Number.MAX_SAFE_INTEGER): number[] {
  const numbers = words(text).map((word) => (word === "" ? Number.NaN : Number(word)));
  if (numbers.some((value) => !Number.isInteger(value) || value < least || value > most)) {
    const range = most === Number.MAX_SAFE_INTEGER ? `from ${least} up` : `from ${least} to ${most}`;
    throw new ConfigError(`--${option} is "${text}"; it must be whole numbers ${range}, with commas between them`);
  }
  return numbers.sort((a, b) => a - b);
}

function oneOf<Name extends string>(option: string, text: string, choices: readonly Name[]): Name {
  const found = choices.find((choice) => choice === text);
  if (found === undefined) throw new ConfigError(`--${option} has "${text}"; choose ${choices.join(", ")}`);
  return found;
}

function realTraining(settings: Settings): RealTraining | null {
  const { train, epochs = "10", seeds = "1", lrScaling = "sqrt" } = settings;
  if (train === undefined) {
    const idle = ["epochs", "seeds", "lrScaling"].find((name) => settings[name] !== undefined);
    if (idle === undefined) return null;
    throw new ConfigError(
      `--${idle === "lrScaling" ? "lr-scaling" : idle} is of the training on real images: name them with --train`,
    );
  }
  return {
    images: train,
    epochs: wholeNumber({ epochs }, "epochs"),
    seeds: wholeNumbers("seeds", seeds, 0, 2 ** 32 - 1),
    scalings: words(lrScaling).map((word) => oneOf("lr-scaling", word, SCALINGS)),
  };
}

/** What the command line asks for. @throws ConfigError for values that there are not, and options that would do nothing. */
export function batchSizePlan(settings: Settings): BatchSizePlan {
  const { encoder, imageSize, precision = "f32" } = stepShape({ ...settings, batch: "2" });
  const norm = oneOf("norm", settings.norm, NORMS);
  if (norm === "group" && precision === "mixed")
    throw new ConfigError("--precision mixed comes with --norm batch only: use f32 with group norm");
  return {
    comparison: {
      encoder,
      imageSize,
      norm,
      precision,
      optimizer: oneOf("optimizer", settings.optimizer, OPTIMIZERS),
      batches: wholeNumbers("batches", settings.batches, 2),
      microBatches: wholeNumbers("micro-batch", settings.microBatch, 1),
    },
    rounds: wholeNumber(settings, "rounds"),
    budget: wholeNumber(settings, "budget"),
    training: realTraining(settings),
    csv: settings.csv ?? null,
    chart: settings.chart ?? null,
  };
}

/** The batch sizes, each with every micro-batch that divides it, or once as a whole; by batch. */
export function divisions({ batches, microBatches }: Comparison): Division[] {
  return batches.flatMap((batch) =>
    [...new Set(microBatches.map((size) => Math.min(batch, size)))].map((microBatch) => ({ batch, microBatch })),
  );
}
