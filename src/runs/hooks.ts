import type { SkippedImage } from "../data/dataset.js";
import type { Accuracies, Evaluator } from "../evaluation/evaluation.js";
import type { StepEvent } from "../training/trainer.js";

/** What a run tells while it goes on. */
export interface RunHooks {
  /** Once the run has its folder. */
  readonly onFolder?: (path: string) => void;
  /** What happens now, for people: "compiling", "evaluating", ... */
  readonly onPhase?: (phase: string) => void;
  /** Called after each pipeline of the training step. */
  readonly onCompile?: (compiled: number, total: number) => void;
  /** After each of the `steps` of the training. */
  readonly onStep?: (event: StepEvent, steps: number) => void;
  /** Within steps of several micro-batches: how many of the `total` passes over one have begun in `step` (from 1). */
  readonly onMicroBatch?: (begun: number, total: number, step: number, steps: number) => void;
  /** After each evaluation, with the weights as they are after `epoch` epochs. */
  readonly onEvaluation?: (epoch: number, accuracies: Pick<Accuracies, "knn" | "classifier">) => void;
  /** What somebody should know while there is time to stop, as a sentence; it is kept with the run. See `TrainingHooks.onWarning`. */
  readonly onWarning?: (message: string, step: number) => void;
  /** What is worth knowing and no reason to stop, as a sentence. */
  readonly onNote?: (message: string) => void;
  /** Called at each evaluation, with the model as it is then: numbers that stand beside kNN in its line of the metrics. */
  readonly measure?: (evaluator: Evaluator) => Promise<Readonly<Record<string, number>>>;
  /** Saves, and ends the run after the step in progress, or within an evaluation, which `resumeRun` makes up for. */
  readonly signal?: AbortSignal;
  /**
   * Leave out what a run does beside training its encoder and measuring it at the end: the evaluation of random weights and
   * the report. `resumeRun` writes the report of a finished run later. False by default.
   */
  readonly brief?: boolean;
}

/** A warning, and the steps that were done when it was given. */
export interface RunWarning {
  /** Steps done; 0 before the first one. */
  readonly step: number;
  /** A sentence. */
  readonly message: string;
}

/** How a run ended. */
export interface RunSummary {
  /** Path of the run folder. */
  readonly folder: string;
  /** False where it was interrupted, in its training or in its last evaluation: `resumeRun` goes on. */
  readonly finished: boolean;
  /** Steps done. */
  readonly steps: number;
  /** The most bytes that there were on the device at once. */
  readonly peakBytes: number;
  /** Name of the encoder that it started from; null for random weights. */
  readonly initial: string | null;
  /** Accuracies with the initial weights; null without labels, when interrupted or when brief. */
  readonly before: Accuracies | null;
  /** Accuracies after training; null without labels or when interrupted. */
  readonly after: Accuracies | null;
  /** Images that the accuracies were measured on; 0 where none were. */
  readonly testImages: number;
  /** Path of report.html; null when interrupted or brief. */
  readonly report: string | null;
  /** Images of both parts that could not be read. */
  readonly skipped: readonly SkippedImage[];
  /** All that was warned of, before an interruption too. */
  readonly warnings: readonly RunWarning[];
}
