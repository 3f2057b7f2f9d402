import { clock } from "../../src/cli/table.js";
import { openImages } from "../../src/data/open-images.js";
import type { Device } from "../../src/engine/device.js";
import { ConfigError } from "../../src/errors.js";
import {
  type Accuracies,
  Evaluator,
  type LabelledImageSet,
  labelled,
  withTestSet,
} from "../../src/evaluation/evaluation.js";
import { scaledLearningRate } from "../../src/optim/schedule.js";
import { Trainer } from "../../src/training/trainer.js";
import { trainingName } from "./batch-size-result.js";
import { baseLearningRate, type Comparison, type Division, type Scaling, warmupOf } from "./batch-size-settings.js";

/** Opens the images of a benchmark, resized. @throws ConfigError for images without labels, and what opening them throws. */
export async function openLabelled(path: string, imageSize: number): Promise<LabelledImageSet> {
  const set = labelled(withTestSet(await openImages(path, { imageSize })));
  if (!set) throw new ConfigError(`${path} has no labels to evaluate by: put each class in a folder of its own`);
  return set;
}

/** What distinguishes a training from the others of its division. */
export interface TrainingChoice {
  readonly scaling: Scaling;
  readonly seed: number;
  readonly epochs: number;
}

/** What a training came to; seconds of both its parts. */
export interface TrainingOutcome extends Pick<Accuracies, "knn" | "probe"> {
  /** The highest, after scaling. */
  readonly learningRate: number;
  readonly trainingSeconds: number;
  readonly evaluationSeconds: number;
}

/** The steps of a training, for a ragged last batch is dropped. */
export function stepsOf(images: number, batch: number, epochs: number): number {
  return epochs * Math.floor(images / batch);
}

/** Trains an encoder and evaluates it; null where the signal stopped it. @throws what training throws. */
export async function trainAndEvaluate(
  device: Device,
  set: LabelledImageSet,
  { encoder, norm, precision, optimizer }: Comparison,
  division: Division,
  { scaling, seed, epochs }: TrainingChoice,
  progress: (line: string) => void,
  signal: AbortSignal,
): Promise<TrainingOutcome | null> {
  const name = trainingName(division, { scaling, seed });
  progress(`${name}: compiling`);
  const learningRate = baseLearningRate(optimizer, scaling);
  const trainer = await Trainer.create(device, set.train, {
    encoder,
    norm,
    precision,
    optimizer,
    ...division,
    epochs,
    seed,
    learningRate,
    learningRateScaling: scaling,
    warmupEpochs: warmupOf(epochs),
  });
  try {
    const start = performance.now();
    const since = () => (performance.now() - start) / 1000;
    const finished = await trainer.train({
      signal,
      onMicroBatch: (begun, total) => progress(`${name}: step ${trainer.step + 1}, micro-batch ${begun} of ${total}`),
      onStep(event) {
        const left = (since() / event.step) * (trainer.steps - event.step);
        progress(`${name}: step ${event.step} of ${trainer.steps}, loss ${event.loss.toFixed(3)}, ${clock(left)} left`);
      },
    });
    if (!finished) return null;
    const trainingSeconds = since();
    progress(`${name}: evaluating`);
    const evaluator = await Evaluator.create(device, trainer.model, set);
    try {
      const { knn, probe } = await evaluator.accuracies();
      const peak = scaledLearningRate(learningRate, division.batch, scaling);
      return { knn, probe, learningRate: peak, trainingSeconds, evaluationSeconds: since() - trainingSeconds };
    } finally {
      evaluator.dispose();
    }
  } finally {
    trainer.dispose();
  }
}
