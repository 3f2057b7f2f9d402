import { mebibytes, percentage } from "../../src/cli/table.js";
import type { Accuracies } from "../../src/evaluation/evaluation.js";
import { csvLines } from "../../src/io/csv.js";
import { counted } from "../../src/wording.js";
import type { Comparison, Division, Scaling } from "./batch-size-settings.js";
import type { Origin } from "./benchmark.js";
import { mean, standardDeviation } from "./statistics.js";
import { digits, type Rows, resultText } from "./text.js";

/** One batch size, divided in one way; times are medians over the rounds. */
export interface BatchSizeRow extends Division {
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
}

/** One training on real images, and how good its representations are. */
export interface TrainedRow extends Division, Pick<Accuracies, "knn" | "probe"> {
  readonly scaling: Scaling;
  /** The highest, after scaling. */
  readonly learningRate: number;
  readonly seed: number;
  /** Of the training, evaluation apart. */
  readonly seconds: number;
}

/** What was not measured. */
export interface LeftOut extends Division {
  /** Null where its steps were not timed. */
  readonly training: { readonly scaling: Scaling; readonly seed: number } | null;
  readonly reason: string;
}

/** What `bench/batch-size` gives. */
export interface BatchSizeResult extends Origin, Omit<Comparison, "batches"> {
  readonly rounds: number;
  /** Of training on real images; null without. */
  readonly epochs: number | null;
  readonly rows: readonly BatchSizeRow[];
  readonly trained: readonly TrainedRow[];
  readonly leftOut: readonly LeftOut[];
  /** What ended the measurement before its end, as a sentence; null where nothing did. */
  readonly cutShort: string | null;
}

/** How a rule is called in sentences. */
const RULES: Readonly<Record<Scaling, string>> = { none: "fixed", linear: "linear", sqrt: "square root" };

/** A batch size, as sentences call it. */
export function nameOf({ batch, microBatch }: Division): string {
  return microBatch < batch ? `batch ${batch} in micro-batches of ${microBatch}` : `batch ${batch}`;
}

/** A training, as sentences call it. */
export function trainingName(
  division: Division,
  training: { readonly scaling: Scaling; readonly seed: number },
): string {
  return `${nameOf(division)}, ${RULES[training.scaling]} learning rate, seed ${training.seed}`;
}

function divisionCells({ batch, microBatch }: Division): string[] {
  return [String(batch), microBatch < batch ? String(microBatch) : "whole"];
}

function timesTable(rows: readonly BatchSizeRow[]): Rows {
  return [
    [
      "batch",
      "micro-batch",
      "time a step",
      "images/s",
      "time an image",
      "device memory",
      "undivided",
      "loss",
      "its memory",
      "unfused",
    ],
    ...rows.map((row) => [
      ...divisionCells(row),
      `${digits(row.secondsPerStep)} s`,
      digits(row.imagesPerSecond),
      `${row.relativeTime.toFixed(2)} x`,
      mebibytes(row.peakBytes),
      row.undividedBytes === null ? "over the limit" : mebibytes(row.undividedBytes),
      percentage(row.lossShare),
      mebibytes(row.lossBytes),
      mebibytes(row.unfusedLossBytes),
    ]),
  ];
}

/** Trainings that differ in nothing but the seed. */
export interface TrainedGroup extends Division, Pick<TrainedRow, "scaling" | "learningRate"> {
  readonly knn: readonly number[];
  readonly probe: readonly number[];
}

/** The trainings of a result without their seeds, in order of the batch. */
export function trainedGroups(trained: readonly TrainedRow[]): TrainedGroup[] {
  const groups = new Map<string, readonly TrainedRow[]>();
  for (const row of trained) {
    const key = [row.batch, row.microBatch, row.scaling].join();
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return [...groups.values()]
    .map(
      (rows): TrainedGroup => ({ ...rows[0], knn: rows.map(({ knn }) => knn), probe: rows.map(({ probe }) => probe) }),
    )
    .sort((a, b) => a.batch - b.batch || a.microBatch - b.microBatch);
}

/** The mean of shares with, of several, their standard deviation. */
function spread(shares: readonly number[]): string {
  const percent = (value: number) => (100 * value).toFixed(1);
  return shares.length > 1
    ? `${percent(mean(shares))} ± ${percent(standardDeviation(shares))} %`
    : `${percent(shares[0])} %`;
}

function trainedTable(trained: readonly TrainedRow[]): Rows {
  return [
    ["batch", "micro-batch", "learning rate", "at most", "seeds", "kNN", "linear probe"],
    ...trainedGroups(trained).map((group) => [
      ...divisionCells(group),
      RULES[group.scaling],
      digits(group.learningRate),
      String(group.knn.length),
      spread(group.knn),
      spread(group.probe),
    ]),
  ];
}

/** A result for people. */
export function batchSizeText(result: BatchSizeResult): string {
  const { encoder, imageSize, norm, precision, optimizer, rows, trained, epochs, leftOut, cutShort } = result;
  const sentences = [
    ...leftOut.map(
      (left) => `left out: ${left.training ? trainingName(left, left.training) : nameOf(left)}: ${left.reason}`,
    ),
    ...(cutShort === null ? [] : [`${cutShort}; above is what was measured before`]),
  ];
  return resultText(
    result,
    `${encoder}, ${imageSize} x ${imageSize} pixels, ${norm} norm, ${precision}, ${optimizer}`,
    timesTable(rows),
    ...(epochs !== null && trained.length > 0
      ? [`after ${counted(epochs, "epoch")} with each batch size (± one standard deviation over the seeds):`]
      : []),
    ...(trained.length > 0 ? [trainedTable(trained)] : []),
    ...(sentences.length > 0 ? [sentences.join("\n")] : []),
  );
}

/** A result as CSV: a line for every training, and one for a batch size without any; bytes, seconds, and shares of 1. */
export function batchSizeCsv(result: BatchSizeResult): string {
  const { adapter, runtime, encoder, imageSize, norm, precision, optimizer, rounds, epochs, rows, trained } = result;
  const common = { adapter, runtime, encoder, imageSize, norm, precision, optimizer, rounds };
  const nothing = { scaling: null, learningRate: null, seed: null, seconds: null, knn: null, probe: null };
  const lines = rows.flatMap((row) => {
    const own = trained.filter(({ batch, microBatch }) => batch === row.batch && microBatch === row.microBatch);
    return (own.length > 0 ? own : [nothing]).map(
      ({ scaling, learningRate, seed, seconds, knn, probe }): Readonly<Record<string, string | number | null>> => ({
        ...common,
        ...row,
        learningRateScaling: scaling,
        learningRate,
        seed,
        epochs: seed === null ? null : epochs,
        trainingSeconds: seconds,
        knn,
        probe,
      }),
    );
  });
  const columns = Object.keys(lines[0] ?? {});
  return csvLines([columns, ...lines.map((line) => columns.map((column) => String(line[column] ?? "")))]);
}
