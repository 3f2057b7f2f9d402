import type { ImageSet } from "../data/dataset.js";
import type { Device } from "../engine/device.js";
import { ConfigError } from "../errors.js";
import { type Accuracies, Evaluator, labelled } from "../evaluation/evaluation.js";
import { probeEpochs } from "../evaluation/linear-probe.js";
import { systemErrorCode } from "../io/atomic.js";
import type { Model } from "../nn/model.js";
import type { RunHooks } from "../runs/hooks.js";
import { readFile, resumeRun, startRun } from "../runs/run.js";
import { type MetricsLine, RunFolder } from "../runs/run-folder.js";
import { decodeCheckpoint, restoreModel } from "../training/checkpoint.js";
import { completeConfig, type TrainingConfig, withChanges } from "../training/config.js";
import { loadEncoder, readEncoder, type StoredEncoder } from "../training/encoder-file.js";
import { createModel } from "../training/model.js";
import type { PlannedRun, RunContext } from "./experiment.js";
import { type Factors, type Json, json, type Measured } from "./measured.js";
import type { Setting } from "./setting.js";

/** What is measured on a trained model, beside the accuracies that every run gives. */
export interface Measurement {
  /** What it depends on besides model and images. */
  readonly settings: Json;
  /** Images that go through the encoder for it, and steps of linear classifiers. */
  readonly embedded: number;
  readonly probeSteps: number;
  measure(context: RunContext, model: Model, config: TrainingConfig): Promise<Measured>;
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
export function probeSteps(rows: number, epochs = probeEpochs(rows)): number {
  return rows < 2 ? 0 : epochs * Math.floor(rows / Math.min(256, rows));
}

/** Images of a run that are not those of its experiment; the setting that comes with them has their numbers. */
export interface OtherImages {
  /** What they are: a run is repeated when it differs. */
  readonly name: string;
  of(context: RunContext): ImageSet;
}

/** What a training has besides its configuration. */
export interface TrainingExtras {
  readonly measurement?: Measurement;
  readonly monitoring?: Monitoring;
  /** The run before it whose encoder it starts from. */
  readonly from?: PlannedRun | null;
  /** The share of the training images that it takes, as many of every class; all by default. */
  readonly share?: number;
  readonly images?: OtherImages;
}

/** How many training images there are in a share, the same number of each class. */
export function labelledImages({ trainImages, classes }: Setting, share: number): number {
  return share === 1 ? trainImages : classes * Math.max(1, Math.round((share * trainImages) / classes));
}

/** @throws ConfigError for images without labels, unless they are frames of clips. */
function checkLabels({ testImages, classes, clips }: Setting): void {
  if (clips || (testImages > 0 && classes > 1)) return;
  throw new ConfigError("accuracies need labelled images: put each class in a folder of its own");
}

/**
 * A run that trains with `setting.base` and what `config` changes of it, and gives the test accuracies of kNN, of the linear
 * probe and of a classifier that was trained, and the means of the last epoch's loss, accuracy and, of contrastive training,
 * output standard deviation. With monitoring, what it measures from the first weights to the last becomes series, with the
 * epochs as `epoch`.
 * @throws ConfigError for images without labels.
 */
export function training(
  setting: Setting,
  factors: Factors,
  config: Partial<TrainingConfig>,
  { measurement, monitoring, from, share = 1, images }: TrainingExtras = {},
): PlannedRun {
  checkLabels(setting);
  const full = completeConfig(withChanges(setting.base, config));
  const trained = labelledImages(setting, share);
  const evaluated = setting.clips ? 0 : trained + setting.testImages;
  const evaluations = monitoring && full.evaluateEvery > 0 ? 1 + Math.ceil(full.epochs / full.evaluateEvery) : 0;
  const steps = full.epochs * Math.floor(trained / full.batch);
  return {
    key: keyOf(factors),
    label: labelOf(factors),
    factors,
    settings: json({
      training: full,
      measurement: measurement?.settings ?? null,
      monitoring: monitoring?.settings ?? null,
      from: from?.settings ?? null,
      share,
      images: images?.name ?? null,
    }),
    effort: {
      config: full,
      steps,
      embedded: evaluated + (measurement?.embedded ?? 0) + evaluations * (evaluated + (monitoring?.embedded ?? 0)),
      probeSteps:
        (setting.clips ? 0 : probeSteps(trained)) +
        (measurement?.probeSteps ?? 0) +
        evaluations * (monitoring?.probeSteps ?? 0),
    },
    needs: from ? [from.key] : [],
    async work(context) {
      const { device, folder, hooks } = context;
      const set = images?.of(context) ?? context.images;
      const options: RunHooks = monitoring
        ? { ...hooks, measure: (evaluator) => monitoring.measure(context, evaluator, full) }
        : { ...hooks, brief: true };
      const summary = (await hasCheckpoint(folder))
        ? await resumeRun(device, folder, set, options)
        : await startRun(device, set, full, {
            ...options,
            folder,
            ...(from && { initial: await encoderOfRun(context, from) }),
            ...(share < 1 && { part: { share } }),
          });
      if (!summary.finished) return null;
      const lines = await (await RunFolder.open(folder)).readMetrics();
      const values = { ...numbersOf(summary.after), ...lastEpoch(lines, full.epochs) };
      const series = monitoring ? { series: evaluationSeries(lines) } : {};
      if (!measurement) return { values, ...series };
      hooks.onPhase?.("measuring");
      const model = await trainedModel(device, folder);
      try {
        const measured = await measurement.measure(context, model, full);
        return { ...series, ...measured, values: { ...values, ...measured.values } };
      } finally {
        model.tensors.dispose();
      }
    },
  };
}

/**
 * A run that trains nothing: measures a model with random weights, or with the encoder of a run before it.
 * @throws ConfigError for images without labels.
 */
export function measuring(
  setting: Setting,
  factors: Factors,
  config: Partial<TrainingConfig>,
  measurement: Measurement,
  from: PlannedRun | null = null,
): PlannedRun {
  checkLabels(setting);
  const full = completeConfig(withChanges(setting.base, config));
  const { embedded, probeSteps: classifying } = measurement;
  return {
    key: keyOf(factors),
    label: labelOf(factors),
    factors,
    settings: json({ model: full, measurement: measurement.settings, from: from?.settings ?? null }),
    effort: { config: full, steps: 0, embedded, probeSteps: classifying },
    needs: from ? [from.key] : [],
    async work(context) {
      context.hooks.onPhase?.("measuring");
      const model = createModel(context.device, full, setting.imageSize, setting.classes);
      try {
        if (from) await loadEncoder(model, await encoderOfRun(context, from));
        return await measurement.measure(context, model, full);
      } finally {
        model.tensors.dispose();
      }
    },
  };
}

/** The accuracies of kNN and of the linear probe, as every training gives them. */
export function accuracyMeasurement({ trainImages, testImages }: Setting): Measurement {
  return {
    settings: "accuracies",
    embedded: trainImages + testImages,
    probeSteps: probeSteps(trainImages),
    async measure({ device, images }, model) {
      const set = labelled(images);
      if (!set) throw new ConfigError("accuracies need labelled images");
      const evaluator = await Evaluator.create(device, model, set);
      const { knn, knn20, probe } = await evaluator.accuracies();
      evaluator.dispose();
      return { values: { knn, knn20, probe } };
    },
  };
}

/** The encoder that another run has trained. */
async function encoderOfRun({ folderOf }: RunContext, { key, label }: PlannedRun): Promise<StoredEncoder> {
  const folder = await RunFolder.open(folderOf(key));
  return readEncoder(await readFile(folder.file("encoder")), { name: label });
}

/** The model of a run's checkpoint; its tensors are to be disposed of. */
async function trainedModel(device: Device, folder: string): Promise<Model> {
  const checkpoint = decodeCheckpoint(await readFile((await RunFolder.open(folder)).file("checkpoint")));
  const model = createModel(device, checkpoint.config, checkpoint.imageSize, checkpoint.classes.length);
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

/** What a step measures, as lines of the metrics call it, and as values of a run do. */
const STEP_VALUES = {
  loss: "loss",
  contrastiveAccuracy: "contrastiveAccuracy",
  outputStd: "outputStd",
  accuracy: "trainingAccuracy",
} as const;

/** Means over the steps of the last epoch. */
function lastEpoch(lines: readonly MetricsLine[], epochs: number): Record<string, number> {
  const last = lines.filter((line) => line["kind"] === "step" && Number(line["epoch"]) > epochs - 1);
  const values: Record<string, number> = {};
  for (const [name, value] of Object.entries(STEP_VALUES)) {
    const numbers = last.flatMap((line) => (typeof line[name] === "number" ? [line[name]] : []));
    if (numbers.length > 0) values[value] = numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
  }
  return values;
}

/** The accuracies that there are. */
function numbersOf(accuracies: Accuracies | null): Record<string, number> {
  return Object.fromEntries(Object.entries(accuracies ?? {}).filter(([, value]) => value !== null));
}
