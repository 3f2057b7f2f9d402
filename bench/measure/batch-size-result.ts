import type { Accuracies } from "../../src/evaluation/evaluation.js";
import type { TrainingConfig } from "../../src/training/config.js";
import type { Origin } from "./benchmark.js";

/** What is compared. */
export interface Comparison {
  readonly encoder: TrainingConfig["encoder"];
  /** Pixels; images are square. */
  readonly imageSize: number;
  /** Ascending. */
  readonly batches: readonly number[];
  /** Batches above it are divided. */
  readonly microBatch: number;
}

/** One batch size; times are medians over the rounds. */
export interface BatchSizeRow {
  readonly batch: number;
  /** The batch itself where it is not divided. */
  readonly microBatch: number;
  readonly secondsPerStep: number;
  readonly imagesPerSecond: number;
  /** Of the time an image takes in the largest batch that is not divided. */
  readonly relativeTime: number;
  /** All buffers that training makes. */
  readonly peakBytes: number;
  /** What they would take if the batch were not divided, as planned; null where a tensor would be larger than the adapter allows. */
  readonly undividedBytes: number | null;
  /** Of the step's time, forward and backward of NT-Xent on the embeddings. */
  readonly lossShare: number;
  /** What NT-Xent takes beside the embeddings and their gradients. */
  readonly lossBytes: number;
  /** What a matrix of logits and one of their gradients would take, as where the loss is composed of a framework's operations. */
  readonly unfusedLossBytes: number;
  /** On real images, after the epochs that were asked for; null where none were, or there are fewer images than the batch. */
  readonly trained: Pick<Accuracies, "knn" | "probe"> | null;
}

/** What `bench/batch-size` gives. */
export interface BatchSizeResult extends Origin, Omit<Comparison, "batches"> {
  readonly rounds: number;
  /** Of training on real images. */
  readonly epochs: number | null;
  readonly rows: readonly BatchSizeRow[];
  /** Batches that were left out, for a step of them takes longer than what was left of the time. */
  readonly leftOut: readonly number[];
}
