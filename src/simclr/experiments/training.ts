import { ConfigError } from "../../errors.js";
import { systemErrorCode } from "../../io/atomic.js";
import { type MetricsLine, RunFolder } from "../../io/run-folder.js";
import { decodeCheckpoint, restoreModel } from "../checkpoint.js";
import type { TrainingConfig } from "../config.js";
import type { Accuracies, Evaluator } from "../evaluation.js";
import { createModel, type SimclrModel } from "../model.js";
import { type RunHooks, readFile, resumeRun, startRun } from "../run.js";
import type { Factors, Json, Measured, PlannedRun, RunContext } from "./experiment.js";
import type { Setting } from "./setting.js";

/** What is measured on a trained model, beside the accuracies that every run gives. */
export interface Measurement {
  /** What it depends on besides model and images. */
  readonly settings: Json;
  /** Images that go through the encoder for it, and steps of linear classifiers. */
  readonly embedded: number;
  readonly probeSteps: number;
  measure(context: RunContext, model: SimclrModel, config: TrainingConfig): Promise<Measured>;
}

/** What is measured during training, at every evaluation. */
export interface Monitoring {
  /** What it depends on besides model and images. */
  readonly settings: Json;
  /** Per evaluation: images that go through the encoder for it beside those of kNN, and steps of linear classifiers. */
  readonly embedded: number;
  readonly probeSteps: number;
  measure(context: RunContext, evaluator: Evaluator, config: TrainingConfig): Promise<Readonly<Record<string, number>>>;
}

/** The name of a run's folder, from what distinguishes it. */
export function keyOf(factors: Factors): string {
  const words = Object.entries(factors).map(([name, value]) => `${name}-${value}`);
  return words.join("-").replace(/[^A-Za-z0-9._-]+/g, "-");
}

/** A run for people, as "batch 256, epochs 4, seed 1". */
export function labelOf(factors: Factors): string {
  return Object.entries(factors)
    .map(([name, value]) => `${name} ${value}`)
    .join(", ");
}

/** Steps of `linearProbe` on so many training rows. */
export function probeSteps(rows: number, epochs = 100): number {
  return rows < 2 ? 0 : epochs * Math.floor(rows / Math.min(256, rows));
}

/** Plain data of a value that has no functions in it. */
export function json(value: object): Json {
  const parsed: Json = JSON.parse(JSON.stringify(value));
  return parsed;
}

/**
 * A run that trains with `setting.base` and what `config` changes of it, and gives the test accuracies of kNN and of the
 * linear probe, and the means of the last epoch's loss, contrastive accuracy and output standard deviation. With monitoring,
 * what it measures from random weights to the end becomes series, with the epochs as `epoch`.
 * @throws ConfigError for images without labels.
 */
export function training(
  setting: Setting,
  factors: Factors,
  config: Partial<TrainingConfig>,
  { measurement, monitoring }: { readonly measurement?: Measurement; readonly monitoring?: Monitoring } = {},
): PlannedRun {
  const full: TrainingConfig = { ...setting.base, ...config };
  if (setting.testImages === 0 || setting.classes < 2) {
    throw new ConfigError("accuracies need labelled images: put each class in a folder of its own");
  }
  const evaluated = setting.trainImages + setting.testImages;
  const evaluations = monitoring && full.evaluateEvery > 0 ? 1 + Math.ceil(full.epochs / full.evaluateEvery) : 0;
  const steps = full.epochs * Math.floor(setting.trainImages / full.batch);
  return {
    key: keyOf(factors),
    label: labelOf(factors),
    factors,
    settings: json({
      training: full,
      measurement: measurement?.settings ?? null,
      monitoring: monitoring?.settings ?? null,
    }),
    effort: {
      config: full,
      steps,
      embedded: evaluated + (measurement?.embedded ?? 0) + evaluations * (evaluated + (monitoring?.embedded ?? 0)),
      probeSteps:
        probeSteps(setting.trainImages) + (measurement?.probeSteps ?? 0) + evaluations * (monitoring?.probeSteps ?? 0),
    },
    async work(context) {
      const { device, images, folder, hooks } = context;
      const options: RunHooks = monitoring
        ? { ...hooks, measure: (evaluator) => monitoring.measure(context, evaluator, full) }
        : { ...hooks, brief: true };
      const summary = (await hasCheckpoint(folder))
        ? await resumeRun(device, folder, images, options)
        : await startRun(device, images, full, { ...options, folder });
      if (!summary.finished) return null;
      const lines = await (await RunFolder.open(folder)).readMetrics();
      const values = { ...numbersOf(summary.after), ...lastEpoch(lines, full.epochs) };
      const series = monitoring ? { series: evaluationSeries(lines) } : {};
      if (!measurement) return { values, ...series };
      hooks.onPhase?.("measuring");
      const model = await trainedModel(context, folder);
      try {
        const measured = await measurement.measure(context, model, full);
        return { ...series, ...measured, values: { ...values, ...measured.values } };
      } finally {
        model.tensors.dispose();
      }
    },
  };
}

/** The accuracies that there are. */
function numbersOf(accuracies: Accuracies | null): Readonly<Record<string, number>> {
  if (!accuracies) return {};
  const { knn, probe, classifier } = accuracies;
  return classifier === null ? { knn, probe } : { knn, probe, classifier };
}

/** The model of a run's checkpoint; its tensors are to be disposed of. */
export async function trainedModel({ device }: RunContext, folder: string): Promise<SimclrModel> {
  const checkpoint = decodeCheckpoint(await readFile((await RunFolder.open(folder)).file("checkpoint")));
  const model = createModel(device, checkpoint.config, checkpoint.imageSize);
  restoreModel(model, checkpoint);
  return model;
}

async function hasCheckpoint(folder: string): Promise<boolean> {
  const { access } = await import("node:fs/promises");
  return access(`${folder}/checkpoint.safetensors`).then(
    () => true,
    (error: unknown) => {
      if (systemErrorCode(error) === null) throw error;
      return false;
    },
  );
}

/** What was measured at each evaluation, by name; names that an evaluation lacks are left out. */
function evaluationSeries(lines: readonly MetricsLine[]): Record<string, number[]> {
  const evaluations = lines.filter((line) => line["kind"] === "evaluation");
  const names = Object.keys(evaluations[0] ?? {}).filter((name) =>
    evaluations.every((line) => typeof line[name] === "number"),
  );
  return Object.fromEntries(names.map((name) => [name, evaluations.map((line) => Number(line[name]))]));
}

/** Means over the steps of the last epoch. */
function lastEpoch(lines: readonly MetricsLine[], epochs: number): Record<string, number> {
  const last = lines.filter((line) => line["kind"] === "step" && Number(line["epoch"]) > epochs - 1);
  const mean = (name: string) => last.reduce((sum, line) => sum + Number(line[name]), 0) / last.length;
  return {
    loss: mean("loss"),
    contrastiveAccuracy: mean("contrastiveAccuracy"),
    outputStd: mean("outputStd"),
  };
}
