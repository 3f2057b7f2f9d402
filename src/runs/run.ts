import type { ImageSet, SkippedImage } from "../data/dataset.js";
import { loadSharp } from "../data/load-sharp.js";
import type { ChoiceTable } from "../engine/choices.js";
import type { Device } from "../engine/device.js";
import { CheckpointError } from "../errors.js";
import { type Accuracies, Evaluator, evenly, labelled } from "../evaluation/evaluation.js";
import { writeFileAtomic } from "../io/atomic.js";
import { methodNamed } from "../methods/catalogue.js";
import { renderReport } from "../report/report.js";
import { decodeCheckpoint } from "../training/checkpoint.js";
import { DEFAULT_CONFIG, type TrainingConfig } from "../training/config.js";
import { encodeEncoder, type StoredEncoder } from "../training/encoder-file.js";
import { type StepEvent, Trainer } from "../training/trainer.js";
import { VERSION } from "../version.js";
import { reportData } from "./report-data.js";
import { type MetricsLine, RunFolder } from "./run-folder.js";
import { changesText, chooseImages, imagesOfRun, keepImageList, type TrainingPart, trainedOn } from "./run-images.js";

/** Images that are looked at during training; all are, at the end. */
const MONITORED = { train: 10000, test: 2000 };

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
  /** What somebody should know while there is time to stop: once for each collapse, as a sentence. */
  readonly onWarning?: (message: string, step: number) => void;
  /** Called at each evaluation, with the model as it is then: numbers that stand beside kNN in its line of the metrics. */
  readonly measure?: (evaluator: Evaluator) => Promise<Readonly<Record<string, number>>>;
  /** Saves, and ends the run after the step in progress. */
  readonly signal?: AbortSignal;
  /**
   * Leave out what a run does beside training its encoder and measuring it at the end: the evaluation of random weights and
   * the report. `resumeRun` writes the report of a finished run later. False by default.
   */
  readonly brief?: boolean;
}

/** Where a run goes and what it is called. */
export interface RunOptions extends RunHooks {
  /** The folder that run folders are made in; `runs` by default. */
  readonly parent?: string;
  /** Part of the folder's name; the encoder's by default. */
  readonly name?: string;
  /** Exactly this folder, in place of a new one in `parent`; what an earlier run left there is replaced. */
  readonly folder?: string;
  /** Where the images came from, so that the run can be resumed and evaluated without saying it again. */
  readonly source?: ImageSource;
  /** What the encoder starts from, in place of random weights. */
  readonly initial?: StoredEncoder;
  /** Which of the training images to take, where not all; drawn by the configuration's seed, and kept as a list in the folder. */
  readonly part?: TrainingPart;
}

/** Paths of images. */
export interface ImageSource {
  /** Of the training images, or of both parts. */
  readonly images: string;
  /** Test images that come from elsewhere. */
  readonly test?: string;
  /** Share of them that may be broken, where that is another than usual. */
  readonly maxBroken?: number;
  /** Share of an image that the smallest crop of a view takes: see `OpenImagesOptions`. */
  readonly smallestCrop?: number;
}

/** How a run ended. */
export interface RunSummary {
  /** Path of the run folder. */
  readonly folder: string;
  /** False where it was interrupted: `resumeRun` goes on. */
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
}

/** What stands in config.json. */
export interface RunConfig {
  readonly version: string;
  readonly adapter: string;
  readonly source: ImageSource | null;
  /** Name of the encoder that the training started from; null for random weights. */
  readonly initial: string | null;
  readonly imageSize: number;
  readonly trainImages: number;
  readonly testImages: number;
  readonly classes: readonly string[];
  readonly training: TrainingConfig;
  /** The variants of kernels that the run uses; defaults where nothing is said. */
  readonly choices: ChoiceTable;
}

/** An evaluation line of metrics.jsonl. */
function evaluationLine(
  step: number,
  epoch: number,
  { knn, probe = null, classifier }: { knn: number; probe?: number | null; classifier: number | null },
): MetricsLine {
  return { step, epoch, kind: "evaluation", knn, probe, ...(classifier === null ? {} : { classifier }) };
}

/** A run in progress. */
interface Run {
  readonly device: Device;
  readonly trainer: Trainer;
  readonly images: ImageSet;
  readonly folder: RunFolder;
  /** Name of the encoder that the training started from; null for random weights. */
  readonly initial: string | null;
}

/**
 * Trains on images and leaves a run folder: config.json, metrics.jsonl, checkpoint.safetensors, encoder.safetensors and
 * report.html. A labelled set without a test part gives a tenth of each class to one. The device's choices of variants go
 * into config.json and the checkpoint, for `resumeRun`. Node, Bun and Deno.
 *
 * Fine-tuning an encoder on some of the labels is `startRun(device, images, { ...encoder.architecture,
 * ...fineTuningConfig(labelled, all) }, { initial: encoder, part: { share: 0.1 } })`.
 * @throws ConfigError, DataError, also where the package `sharp` is not installed, CheckpointError where `initial` does not fit, and
 * what goes wrong on the device; the last checkpoint stays.
 */
export async function startRun(
  device: Device,
  images: ImageSet,
  config: Partial<TrainingConfig> = {},
  options: RunOptions = {},
): Promise<RunSummary> {
  const { part = null } = options;
  // Missing at the end, for the report, it would cost the training.
  if (!options.brief) await loadSharp();
  const set = chooseImages(images, part, config.seed ?? DEFAULT_CONFIG.seed);
  options.onPhase?.("compiling");
  const { labels: needsLabels } = methodNamed(config.method ?? DEFAULT_CONFIG.method);
  const trainer = await Trainer.create(device, trainedOn(set, needsLabels), config, {
    initial: options.initial,
    onCompile: options.onCompile,
  });
  const { batch } = trainer.config;
  if (config.batch === undefined && batch < DEFAULT_CONFIG.batch) {
    options.onWarning?.(
      `there are fewer than ${DEFAULT_CONFIG.batch} images to train on, so each step takes all ${batch}`,
      0,
    );
  }
  const folder = options.folder
    ? await RunFolder.replace(options.folder)
    : await RunFolder.create(options.parent ?? "runs", options.name ?? trainer.model.encoder.name);
  const unlock = await folder.lock();
  const initial = options.initial?.name ?? null;
  const run = { device, trainer, images: set, folder, initial };
  const facts: RunConfig = {
    version: VERSION,
    adapter: device.adapter.name,
    source: options.source ?? null,
    initial,
    imageSize: set.train.width,
    trainImages: trainer.dataset.length,
    testImages: set.test?.length ?? 0,
    classes: set.train.classes,
    training: trainer.config,
    choices: trainer.choices,
  };
  try {
    await folder.writeConfig(facts);
    await keepImageList(folder, set, images, part !== null);
    options.onFolder?.(folder.path);
    return await carryOn(run, options);
  } finally {
    await unlock();
  }
}

/**
 * Goes on with an interrupted run from its checkpoint; the steps are the same to the bit as without the interruption, on
 * the same adapter, for the run's choices of variants take the place of the device's. A finished run only writes its report
 * again.
 * @throws CheckpointError where there is no usable checkpoint or the images are others; UsageError while another process is at it.
 */
export async function resumeRun(
  device: Device,
  path: string,
  images: ImageSet,
  hooks: RunHooks = {},
): Promise<RunSummary> {
  if (!hooks.brief) await loadSharp();
  const folder = await RunFolder.open(path);
  const unlock = await folder.lock();
  return resumeLocked(device, folder, images, hooks).finally(unlock);
}

async function resumeLocked(device: Device, folder: RunFolder, images: ImageSet, hooks: RunHooks): Promise<RunSummary> {
  const { path } = folder;
  const checkpoint = decodeCheckpoint(await readFile(folder.file("checkpoint")));
  const { images: set, changes } = await imagesOfRun(folder, images);
  if (changes.gone.length + changes.changed.length > 0) {
    throw new CheckpointError(
      `${path} cannot go on with other images: ${changesText({ ...changes, added: [] }).join("; ")}`,
    );
  }
  for (const line of changesText(changes)) hooks.onWarning?.(line, checkpoint.step);
  const { initial } = await folder.readConfig();
  if (set.train.width !== checkpoint.imageSize) {
    throw new CheckpointError(
      `${path} was trained on images of ${checkpoint.imageSize} pixels, and these have ${set.train.width}`,
    );
  }
  hooks.onPhase?.("compiling");
  device.choices.use(checkpoint.choices);
  const { labels: needsLabels } = methodNamed(checkpoint.config.method);
  const trainer = await Trainer.create(device, trainedOn(set, needsLabels), checkpoint.config, {
    onCompile: hooks.onCompile,
  });
  trainer.restore(checkpoint);
  await folder.prepareResume(checkpoint.step, (line) =>
    hooks.onWarning?.(`line ${line} of ${folder.file("metrics")} is damaged and left out`, checkpoint.step),
  );
  hooks.onFolder?.(folder.path);
  const run = { device, trainer, images: set, folder, initial: typeof initial === "string" ? initial : null };
  return carryOn(run, hooks);
}

/** Reads a file of a run. @throws CheckpointError where it is missing. */
export async function readFile(path: string): Promise<Uint8Array> {
  const files = await import("node:fs/promises");
  try {
    return await files.readFile(path);
  } catch (cause) {
    throw new CheckpointError(`${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
}

async function carryOn(run: Run, hooks: RunHooks): Promise<RunSummary> {
  const { device, trainer, images } = run;
  const { memoryBudget } = trainer.config;
  const set = labelled(images);
  const evaluator = set && (await Evaluator.create(device, trainer.model, set, { memoryBudget }));
  try {
    return await trainAndReport(run, hooks, evaluator);
  } finally {
    evaluator?.dispose();
    trainer.dispose();
  }
}

async function trainAndReport(
  { device, trainer, images, folder, initial }: Run,
  hooks: RunHooks,
  evaluator: Evaluator | null,
): Promise<RunSummary> {
  const { evaluateEvery, epochs } = trainer.config;
  const monitor = async (epoch: number) => {
    if (!evaluator) return;
    const { train, test } = evaluator.images;
    const found = await evaluator.knn(evenly(train, MONITORED.train), evenly(test, MONITORED.test));
    const measured = await hooks.measure?.(evaluator);
    await folder.appendMetrics({ ...evaluationLine(trainer.step, epoch, found), ...measured });
    hooks.onEvaluation?.(epoch, found);
  };
  // A run that was stopped before its first step may have this behind it.
  if (evaluator && !hooks.brief && trainer.step === 0 && (await folder.readMetrics()).length === 0) {
    hooks.onPhase?.(initial === null ? "evaluating random weights" : "evaluating the encoder that it starts from");
    const untrained = await evaluator.accuracies();
    const measured = await hooks.measure?.(evaluator);
    await folder.appendMetrics({ ...evaluationLine(0, 0, untrained), ...measured });
    hooks.onEvaluation?.(0, untrained);
  }
  const { batch, microBatch } = trainer.config;
  hooks.onPhase?.(microBatch < batch ? `training in micro-batches of ${microBatch} images` : "training");
  const finished = await trainer.train({
    signal: hooks.signal,
    onMicroBatch: (begun, total) => hooks.onMicroBatch?.(begun, total, trainer.step + 1, trainer.steps),
    onStep: async (event) => {
      await folder.appendMetrics({ kind: "step", ...event });
      hooks.onStep?.(event, trainer.steps);
    },
    onWarning: (message, step) => hooks.onWarning?.(message, step),
    onEpoch: async (epoch) => {
      if (evaluateEvery > 0 && epoch % evaluateEvery === 0 && epoch < epochs) await monitor(epoch);
    },
    onCheckpoint: (bytes) => writeFileAtomic(folder.file("checkpoint"), bytes),
  });
  const skipped = [images.train, images.test, images.unlabelled].flatMap((part) => part?.skipped ?? []);
  const common = () => ({
    folder: folder.path,
    initial,
    steps: trainer.step,
    peakBytes: device.memory.peakBytes,
    testImages: evaluator?.images.test.length ?? 0,
    skipped,
  });
  if (!finished) return { ...common(), finished, before: null, after: null, report: null };

  hooks.onPhase?.("evaluating");
  const after = evaluator && (await evaluator.accuracies());
  const lines = (await folder.readMetrics()).filter(
    (line) => !(line["kind"] === "evaluation" && line["epoch"] === epochs),
  );
  if (evaluator && after) {
    const measured = await hooks.measure?.(evaluator);
    lines.push({ ...evaluationLine(trainer.step, epochs, after), ...measured });
  }
  await writeFileAtomic(folder.file("metrics"), lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  await writeFileAtomic(folder.file("encoder"), await encodeEncoder(trainer.model, trainer.config, trainer.step));
  const accuracies = after && { knn: after.knn, probe: after.probe, classifier: after.classifier };
  if (hooks.brief) return { ...common(), finished, before: null, after: accuracies, report: null };

  hooks.onPhase?.("writing the report");
  const start = initial === null ? "random weights" : "a pre-trained encoder";
  const data = await reportData(device, trainer, images, start, after, lines);
  await writeFileAtomic(folder.file("report"), await renderReport(data));
  return {
    ...common(),
    finished,
    before: data.accuracy.before,
    after: accuracies,
    report: folder.file("report"),
  };
}
