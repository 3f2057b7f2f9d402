import type { ImageSet } from "../data/dataset.js";
import { loadSharp } from "../data/load-sharp.js";
import type { ChoiceTable } from "../engine/choices.js";
import type { Device } from "../engine/device.js";
import { CheckpointError, namingFile } from "../errors.js";
import { writeFileAtomic } from "../io/atomic.js";
import { isRecord } from "../io/json.js";
import { methodNamed } from "../methods/catalogue.js";
import { type Checkpoint, decodeCheckpoint, expectEpochs } from "../training/checkpoint.js";
import { DEFAULT_CONFIG, type TrainingConfig } from "../training/config.js";
import type { StoredEncoder } from "../training/encoder-file.js";
import { scheduledRate, Trainer } from "../training/trainer.js";
import { VERSION } from "../version.js";
import { counted } from "../wording.js";
import { carryOn } from "./course.js";
import type { RunHooks, RunSummary } from "./hooks.js";
import { RunFolder } from "./run-folder.js";
import { changesText, chooseImages, imagesOfRun, keepImageList, type TrainingPart, trainedOn } from "./run-images.js";

/** The training images below which a training without labels is warned of. */
const FEW_IMAGES = 500;

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
  /** Under which licence the weights are given away, as an SPDX identifier ("cc-by-4.0"), for encoder.safetensors; not said by default. */
  readonly license?: string;
  /** The command that begins the run, for its report: paths in it are shown. */
  readonly command?: string;
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
  /** Bits that their images of 16 bits make use of, where those are fewer. */
  readonly bitDepth?: number;
  /** Share of an image that the smallest crop of a view takes: see `OpenImagesOptions`. */
  readonly smallestCrop?: number;
  /** Whether they are frames of clips: see `OpenImagesOptions`. */
  readonly clips?: boolean;
}

/** How a run goes on. */
export interface ResumeOptions extends RunHooks {
  /**
   * Epochs of the whole training, in place of those that the run was begun with; also for a finished run. The learning rate, and what
   * else has a schedule, is from here on where that of the new length is at this step (see `Trainer.restore`).
   */
  readonly epochs?: number;
}

/** What stands in config.json. */
export interface RunConfig {
  readonly version: string;
  /** When the run began, as ISO 8601 has it. */
  readonly started: string;
  /** The command that began it; null where a program did. */
  readonly command: string | null;
  readonly adapter: string;
  readonly source: ImageSource | null;
  /** Name of the data set, for people who are given the encoder: that of its folder or file, without the way there. */
  readonly dataset: string;
  /** Of the weights; null where none was said. */
  readonly license: string | null;
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
  try {
    return await startTraining(trainer, set, images, warningsBefore(trainer, config, options), options);
  } finally {
    trainer.dispose();
  }
}

async function startTraining(
  trainer: Trainer,
  set: ImageSet,
  images: ImageSet,
  warnings: ReturnType<typeof warningsBefore>,
  options: RunOptions,
): Promise<RunSummary> {
  const { device } = trainer;
  const { source = null, license = null, command = null } = options;
  const origin = { dataset: nameOf(source?.images ?? images.train.name), license };
  const folder = options.folder
    ? await RunFolder.replace(options.folder)
    : await RunFolder.create(options.parent ?? "runs", options.name ?? trainer.model.encoder.name);
  const unlock = await folder.lock();
  const initial = options.initial?.name ?? null;
  const run = { device, trainer, images: set, folder, initial, origin, command, warnings };
  const facts: RunConfig = {
    version: VERSION,
    started: new Date().toISOString(),
    command,
    adapter: device.adapter.name,
    source,
    ...origin,
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
    await keepImageList(folder, set, images, (options.part ?? null) !== null);
    options.onFolder?.(folder.path);
    return await carryOn(run, options);
  } finally {
    await unlock();
  }
}

/** What a path ends in: where somebody's images lie is nobody else's business. */
function nameOf(path: string): string {
  return path.split(/[\\/]/).findLast((part) => part !== "") ?? path;
}

/** What is wrong with a training before it begins. */
function warningsBefore(
  { config: { batch, method }, dataset: { length } }: Trainer,
  asked: Partial<TrainingConfig>,
  { initial }: RunOptions,
): string[] {
  const capped = asked.batch === undefined && batch < DEFAULT_CONFIG.batch;
  // With labels or from a trained encoder, few images are what there is.
  const few = length < FEW_IMAGES && !methodNamed(method).labels && !initial;
  return [
    ...(capped
      ? [`there are fewer than ${DEFAULT_CONFIG.batch} images to train on, so each step takes all ${batch}`]
      : []),
    ...(few
      ? [
          `${counted(length, "image")} to train on are few: what is learned without labels of fewer than ${FEW_IMAGES} is hardly more than these images; take more, or start from a trained encoder`,
        ]
      : []),
  ];
}

/**
 * Goes on with an interrupted run from its checkpoint; the steps are the same to the bit as without the interruption, on
 * the same adapter, for the run's choices of variants take the place of the device's. A finished run only writes its report
 * again, unless more `epochs` are asked for: until those are done, its encoder.safetensors and report.html stay those of before.
 * @throws CheckpointError where there is no usable checkpoint, the images are others, or fewer epochs are asked for than are done; UsageError while another process is at it.
 */
export async function resumeRun(
  device: Device,
  path: string,
  images: ImageSet,
  hooks: ResumeOptions = {},
): Promise<RunSummary> {
  if (!hooks.brief) await loadSharp();
  const folder = await RunFolder.open(path);
  const unlock = await folder.lock();
  return resumeLocked(device, folder, images, hooks).finally(unlock);
}

async function resumeLocked(
  device: Device,
  folder: RunFolder,
  images: ImageSet,
  hooks: ResumeOptions,
): Promise<RunSummary> {
  const { path } = folder;
  const file = folder.file("checkpoint");
  const bytes = await readFile(file);
  const checkpoint = namingFile(file, () => decodeCheckpoint(bytes));
  const { epochs = checkpoint.config.epochs } = hooks;
  expectEpochs(checkpoint, epochs);
  const { images: set, changes } = await imagesOfRun(folder, images);
  if (changes.gone.length + changes.changed.length > 0) {
    throw new CheckpointError(
      `${path} cannot go on with other images: ${changesText({ ...changes, added: [] }).join("; ")}`,
    );
  }
  for (const line of changesText(changes)) hooks.onWarning?.(line, checkpoint.step);
  const { initial, dataset, license, command } = await folder.readConfig();
  if (set.train.width !== checkpoint.imageSize) {
    throw new CheckpointError(
      `${path} was trained on images of ${checkpoint.imageSize} pixels, and these have ${set.train.width}`,
    );
  }
  hooks.onPhase?.("compiling");
  device.choices.use(checkpoint.choices);
  const { labels: needsLabels } = methodNamed(checkpoint.config.method);
  const config = { ...checkpoint.config, epochs };
  const trainer = await Trainer.create(device, trainedOn(set, needsLabels), config, { onCompile: hooks.onCompile });
  try {
    trainer.restore(checkpoint);
    await folder.prepareResume(checkpoint.step, (line) =>
      hooks.onWarning?.(`line ${line} of ${folder.file("metrics")} is damaged and left out`, checkpoint.step),
    );
    await changeEpochs(folder, trainer, checkpoint, hooks);
    hooks.onFolder?.(folder.path);
    const run = {
      ...{ device, trainer, images: set, folder, initial: typeof initial === "string" ? initial : null },
      origin: {
        // Runs of versions that kept no name have that of the images as they are opened now.
        dataset: typeof dataset === "string" ? dataset : nameOf(images.train.name),
        license: typeof license === "string" ? license : null,
      },
      command: typeof command === "string" ? command : null,
    };
    return await carryOn(run, hooks);
  } finally {
    trainer.dispose();
  }
}

/**
 * Makes checkpoint, metrics and configuration of a run say how many epochs it has from here on. The checkpoint comes first: where a
 * kill comes between, the next resume does the rest.
 */
async function changeEpochs(
  folder: RunFolder,
  trainer: Trainer,
  { config: before, step }: Checkpoint,
  hooks: ResumeOptions,
): Promise<void> {
  const { epochs } = trainer.config;
  if (epochs !== before.epochs) {
    await writeFileAtomic(folder.file("checkpoint"), await trainer.checkpoint());
    const rates = [scheduledRate(before, trainer.stepsPerEpoch, step), trainer.learningRate(step)];
    const [from, to] = rates.map((rate) => Number(rate.toPrecision(3)));
    hooks.onNote?.(
      `${counted(epochs, "epoch")} in place of ${before.epochs}: the learning rate goes from ${from} (after step ${step} of ${trainer.stepsPerEpoch * before.epochs}) to ${to} (after step ${step} of ${trainer.steps}), and follows the schedule of that length from there`,
    );
  }
  const facts = await folder.readConfig();
  const { training } = facts;
  const written = isRecord(training) ? training["epochs"] : null;
  if (written === epochs) return;
  await folder.appendMetrics({ step, kind: "epochs", from: typeof written === "number" ? written : null, to: epochs });
  await folder.writeConfig({ ...facts, training: trainer.config });
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
