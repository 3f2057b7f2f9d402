import { checkClips } from "../data/clips.js";
import { type Dataset, expectDataset } from "../data/dataset.js";
import type { ChoiceTable } from "../engine/choices.js";
import { type Device, expectDevice } from "../engine/device.js";
import { take } from "../engine/taking.js";
import { CheckpointError, ConfigError, NonFiniteLossError, UsageError } from "../errors.js";
import { expectKeys, sameData } from "../io/json.js";
import { methodNamed } from "../methods/catalogue.js";
import type { Model } from "../nn/model.js";
import type { Optimizer } from "../optim/optimizer.js";
import { scaledLearningRate, warmupCosine } from "../optim/schedule.js";
import { blame, type Suspects, strains } from "./blame.js";
import { type Checkpoint, encodeCheckpoint, expectEpochs, restoreModel, restoreState } from "./checkpoint.js";
import { checkConfig, completeConfig, type OwnParts, type TrainingConfig } from "./config.js";
import { loadEncoder, type StoredEncoder } from "./encoder-file.js";
import { ImageFeed, imageOrder } from "./image-feed.js";
import { createParts, disposeParts } from "./model.js";
import { type DividedStep, recordStep, withMicroBatch } from "./step.js";
import type { StepMetrics, TrainingStep } from "./training-step.js";
import { TrainingWatch } from "./watch.js";

/** A finished step. */
export type StepEvent = StepMetrics & {
  /** Counted from 1. */
  readonly step: number;
  /** Epochs done after this step, with the fraction of the current one. */
  readonly epoch: number;
  /** Of this step. */
  readonly learningRate: number;
  /** Images, not views, a second, since the step before. */
  readonly imagesPerSecond: number;
};

/** What a trainer may be made with besides its configuration: an encoder, a method or an optimizer of one's own, and more. */
export interface TrainerOptions extends OwnParts {
  /** What the encoder starts from, in place of random weights. */
  readonly initial?: StoredEncoder;
  /** Called after each pipeline of the training step. */
  readonly onCompile?: (compiled: number, total: number) => void;
}

const OPTIONS = ["initial", "onCompile", "encoder", "method", "optimizer"];

/** What to do while a trainer works. Training waits for the ones that return a promise. */
export interface TrainingHooks {
  /** After each step, one step later: its numbers come back while the next one runs. */
  readonly onStep?: (event: StepEvent) => Promise<void> | void;
  /** Within steps of several micro-batches: how many of the `total` passes over one have begun. */
  readonly onMicroBatch?: (begun: number, total: number) => void;
  /** After each epoch; counted from 1. */
  readonly onEpoch?: (epoch: number) => Promise<void> | void;
  /**
   * Before the first step, every `checkpointEvery` steps and `checkpointMinutes` minutes, at the end, and when interrupted: an encoded
   * checkpoint to be kept.
   */
  readonly onCheckpoint?: (bytes: Uint8Array<ArrayBuffer>, step: number) => Promise<void> | void;
  /**
   * What somebody should know while there is time to stop, as a sentence: before the first step settings that lead to useless numbers,
   * and after a step the signs of a collapse, of a loss at chance and of a plateau, each when it appears.
   */
  readonly onWarning?: (message: string, step: number) => Promise<void> | void;
  /** What the steps before measured, where a training goes on: with them, warnings come as if it had never stopped. */
  readonly past?: readonly StepMetrics[];
  /** Stops the training after the step in progress. */
  readonly signal?: AbortSignal;
  /** Stops after so many steps; by default it goes on to the last one. */
  readonly most?: number;
}

/** Skipped steps in a row that end a training in mixed precision: four more than take the loss scale from 65536 to 1. */
const MOST_SKIPPED = 20;

/** Steps of a training's warm-up. */
function warmupSteps({ warmupEpochs }: TrainingConfig, stepsPerEpoch: number): number {
  return Math.round(warmupEpochs * stepsPerEpoch);
}

/** The learning rate that a configuration has for a step, counted from 0. */
export function scheduledRate(config: TrainingConfig, stepsPerEpoch: number, step: number): number {
  return warmupCosine(peakRate(config), step, stepsPerEpoch * config.epochs, warmupSteps(config, stepsPerEpoch));
}

/** The highest learning rate of a training, and that of parameters with a constant one. */
function peakRate({ learningRate, learningRateScaling, batch }: TrainingConfig): number {
  return scaledLearningRate(learningRate, batch, learningRateScaling);
}

/** Trains a model on images by the method that its configuration names. */
export class Trainer {
  /** Steps done. */
  step = 0;
  #state: "at rest" | "training" | "disposed" = "at rest";

  private constructor(
    /** Where it trains. */
    readonly device: Device,
    /** With the micro-batch that was chosen, where it was to be. */
    readonly config: TrainingConfig & {
      /** Images that go through encoder and head at once. */
      readonly microBatch: number;
    },
    /** What it trains on. */
    readonly dataset: Dataset,
    /** @internal */
    readonly parts: DividedStep,
    /** @internal */
    readonly recorded: TrainingStep,
    /** The device's choices when the step was recorded. */
    readonly choices: ChoiceTable,
  ) {}

  /**
   * Makes the model and compiles the training step, with the variants of kernels that `device.choices` names: see `tuneFor`
   * and `loadChoices`.
   * @param config what differs from `DEFAULT_CONFIG`.
   * @throws ConfigError for keys that no configuration has, values out of range, a batch larger than the set, images that are not
   * square, and what the method cannot do with them, as supervised training without labels; UsageError for an `ImageSet` in place of
   * a `Dataset`, and for what is no `Device`; CheckpointError where `initial` is of another architecture or image size;
   * OutOfMemoryError where a tensor is larger than the adapter allows, with a micro-batch that fits, and where the device has not the
   * memory. Whatever is thrown, nothing is left on the device, and it stays usable.
   */
  static async create(
    device: Device,
    dataset: Dataset,
    config: Partial<TrainingConfig> = {},
    { initial, onCompile, ...own }: TrainerOptions = {},
  ): Promise<Trainer> {
    expectDevice(device);
    expectDataset(dataset);
    expectKeys("the last argument of Trainer.create", { ...own, initial, onCompile }, OPTIONS);
    const full = completeConfig(config, own, dataset.length);
    checkConfig(full, dataset.length, device, own);
    if (dataset.width !== dataset.height) {
      throw new ConfigError(
        `${dataset.name} has images of ${dataset.width} x ${dataset.height} pixels: open them with an image size, so that they are square`,
      );
    }
    const method = own.method ?? methodNamed(full.method);
    if (method.labels) checkLabels(dataset, full.method);
    const { clips = null } = dataset;
    if (clips) checkClips(clips, dataset.name, dataset.length);
    else if (method.clips) throw withoutClips(dataset, full.method);
    const classes = dataset.labels ? dataset.classes.length : 0;
    const facts = {
      imageSize: dataset.width,
      classes,
      images: dataset.length,
      clips,
      originalPixels: dataset.originals?.pixels,
    };
    const { result: parts, free } = await take(device, "model and optimizer", () =>
      createParts(device, full, facts, own),
    );
    try {
      if (initial) {
        await loadEncoder(parts.model, initial);
        parts.learner.restart?.();
      }
      const choices = device.choices.table;
      const divided = withMicroBatch(parts);
      const recording = await take(device, "what a step keeps", () => recordStep(divided));
      try {
        const recorded = await recording.result.compile(onCompile);
        return new Trainer(device, divided.config, dataset, divided, recorded, choices);
      } catch (error) {
        recording.free();
        throw error;
      }
    } catch (error) {
      free();
      throw error;
    }
  }

  /** Encoder and head, with their weights as they are after the last step. */
  get model(): Model {
    return this.parts.model;
  }

  /** What moves the weights. */
  get optimizer(): Optimizer {
    return this.parts.optimizer;
  }

  /** Whole batches an epoch: a ragged last one is dropped. */
  get stepsPerEpoch(): number {
    return Math.floor(this.dataset.length / this.config.batch);
  }

  /** Steps of the whole training. */
  get steps(): number {
    return this.stepsPerEpoch * this.config.epochs;
  }

  /** The learning rate of a step, counted from 0. */
  learningRate(step: number): number {
    return scheduledRate(this.config, this.stepsPerEpoch, step);
  }

  /** Numbers of the images in the set that a step, counted from 0, takes. */
  imagesOf(step: number): Uint32Array<ArrayBuffer> {
    const { config, stepsPerEpoch } = this;
    const start = (step % stepsPerEpoch) * config.batch;
    const order = imageOrder(this, Math.floor(step / stepsPerEpoch));
    return Uint32Array.from(order.subarray(start, start + config.batch));
  }

  /**
   * Goes on where a checkpoint of the same configuration and images stopped: the steps that follow are the same to the bit
   * as without the stop, on the same adapter and with the same variants of kernels; where those were tuned or forced, call
   * `device.choices.use(checkpoint.choices)` before `create`. The configuration may differ in what no step depends on:
   * `memoryBudget`, `recompute`, `evaluateEvery`, `checkpointEvery` and `checkpointMinutes`; and in `epochs`. With others, schedules (the
   * learning rate's, a teacher's momentum) are from here on where those of the new length are at this step: after the end of a training,
   * the learning rate rises again from 0.
   * @throws CheckpointError where it is of another configuration, method, optimizer or set, or tells other classes apart; and where
   * fewer epochs are asked for than are done; UsageError while `train` is at work, and after `dispose`.
   */
  restore(checkpoint: Checkpoint): void {
    this.#expectRest();
    const { config, parts } = this;
    const [{ options: before, ...there }, { options, ...here }] = [checkpoint.config, config];
    expectSame(there, here);
    // What a method of a later version has besides was at its default.
    expectSame({ ...parts.method.values({}), ...before }, options);
    if (checkpoint.imageSize !== this.model.imageSize) {
      throw new CheckpointError(
        `the checkpoint is of a training on images of ${checkpoint.imageSize} pixels, and these have ${this.model.imageSize}`,
      );
    }
    if (checkpoint.images !== this.dataset.length) {
      throw new CheckpointError(
        `the checkpoint is of a training on ${checkpoint.images} images, and there are ${this.dataset.length} now`,
      );
    }
    const { classes } = this.dataset;
    const other = checkpoint.classes.findIndex((name, label) => name !== classes[label]);
    if (other >= 0) {
      throw new CheckpointError(
        `class ${other} of the checkpoint's training is "${checkpoint.classes[other]}", and here it is "${classes[other] ?? "missing"}"`,
      );
    }
    expectEpochs(checkpoint, config.epochs);
    const { model, optimizer, learner } = parts;
    restoreModel(model, checkpoint);
    restoreState(this.device, "optimizer", optimizer.state, checkpoint);
    restoreState(this.device, "method", learner.state, checkpoint);
    this.step = checkpoint.step;
  }

  /** @throws UsageError while `train` is at work, and after `dispose`. */
  #expectRest(): void {
    if (this.#state === "training")
      throw new UsageError("this trainer is training: wait until its train() ends, which its signal can stop");
    this.#expectThere();
  }

  #expectThere(): void {
    if (this.#state === "disposed") throw new UsageError("this trainer was disposed of: make another one");
  }

  get #suspects(): Suspects {
    return { config: this.config, learner: this.parts.learner };
  }

  /** The state after the steps done so far, encoded. @throws UsageError after `dispose`; NonFiniteLossError. */
  async checkpoint(): Promise<Uint8Array<ArrayBuffer>> {
    this.#expectThere();
    const { config, step, choices, dataset, parts } = this;
    const classes = parts.model.classes > 0 ? dataset.classes : [];
    const facts = { config, step, images: dataset.length, classes, choices };
    const cause = blame(this.#suspects, step, "weights", this.learningRate(Math.max(0, step - 1)));
    return encodeCheckpoint(parts, facts, cause);
  }

  /**
   * Runs the steps that are left, or `most` of them. Resolves with true when all are done, false when it stopped before.
   * @throws NonFiniteLossError, and what goes wrong on the device or while reading images; the last checkpoint stays good.
   * UsageError while another `train` of this trainer is at work, and after `dispose`.
   */
  async train(hooks: TrainingHooks = {}): Promise<boolean> {
    this.#expectRest();
    this.#state = "training";
    try {
      return await this.#train(hooks);
    } finally {
      this.#state = "at rest";
    }
  }

  async #train(hooks: TrainingHooks): Promise<boolean> {
    const { signal, onMicroBatch, onEpoch, onCheckpoint, past = [], most = Number.POSITIVE_INFINITY } = hooks;
    const { checkpointEvery, checkpointMinutes } = this.config;
    const saved = { step: this.step, time: performance.now() };
    const save = async () => {
      await onCheckpoint?.(await this.checkpoint(), this.step);
      Object.assign(saved, { step: this.step, time: performance.now() });
    };
    const isDue = () =>
      this.step % checkpointEvery === 0 ||
      (checkpointMinutes > 0 && performance.now() - saved.time >= 60_000 * checkpointMinutes);
    // What is killed during its first steps, which may take long, is gone on with as everything else.
    if (this.step === 0 && onCheckpoint) await save();
    if (this.step === 0) for (const strain of strains(this.#suspects)) await hooks.onWarning?.(strain, 0);
    const images = new ImageFeed(this);
    const watch = new TrainingWatch({
      learner: this.parts.learner,
      steps: this.steps,
      warmupSteps: warmupSteps(this.config, this.stepsPerEpoch),
    });
    for (const metrics of past) watch.see(metrics);
    const passes = this.recorded.feeds.length;
    let reported: Promise<void> = Promise.resolve();
    let last = performance.now();
    const end = Math.min(this.steps, this.step + most);
    while (this.step < end && !signal?.aborted) {
      const index = this.step;
      const learningRate = this.learningRate(index);
      this.optimizer.setStep(index + 1, learningRate, peakRate(this.config));
      this.parts.learner.beforeStep?.(index, this.steps);
      let begun = 0;
      const { metrics: running } = await this.recorded.submit(async (inputs) => {
        const fed = await images.write(inputs);
        begun += 1;
        if (passes > 1) onMicroBatch?.(begun, passes);
        return fed;
      });
      // The next images are read while this step runs, and its results are looked at while the next one runs.
      const before = reported;
      reported = running.then(async (metrics) => {
        await before;
        const now = performance.now();
        const imagesPerSecond = (this.config.batch * 1000) / (now - last);
        last = now;
        await this.#report(index, metrics, learningRate, imagesPerSecond, hooks);
        for (const sign of watch.see(metrics)) await hooks.onWarning?.(sign, index + 1);
      });
      // Whoever awaits it sees the error; this keeps an error that comes early from ending the process.
      reported.catch(() => {});
      this.step += 1;
      images.prefetch();
      await before;
      const epochEnds = this.step % this.stepsPerEpoch === 0;
      const due = isDue();
      if (due || (epochEnds && onEpoch)) await reported;
      if (due) await save();
      if (epochEnds && onEpoch) {
        await onEpoch(this.step / this.stepsPerEpoch);
        last = performance.now();
      }
    }
    await reported;
    if (saved.step !== this.step) await save();
    return this.step === this.steps;
  }

  async #report(
    index: number,
    metrics: StepMetrics,
    learningRate: number,
    imagesPerSecond: number,
    { onStep }: TrainingHooks,
  ): Promise<void> {
    const step = index + 1;
    if (!Number.isFinite(metrics.loss)) {
      const cause = blame(this.#suspects, step, "loss", learningRate);
      throw new NonFiniteLossError(`the loss became ${metrics.loss} at step ${step}: ${cause}`, step);
    }
    // Only mixed precision has it.
    const goodSteps = this.optimizer.state.get("good_steps");
    if (goodSteps && metrics.lossScale === 1 && (await this.device.read(goodSteps))[0] <= -MOST_SKIPPED) {
      throw new NonFiniteLossError(
        `the gradients of ${MOST_SKIPPED} steps up to step ${step} were infinite, in the end without a loss scale: activations are too large for f16; train in f32, or lower the learning rate (${learningRate})`,
        step,
      );
    }
    await onStep?.({ step, epoch: step / this.stepsPerEpoch, ...metrics, learningRate, imagesPerSecond });
  }

  /** Frees everything on the device. @throws UsageError while `train` is at work. */
  dispose(): void {
    if (this.#state === "disposed") return;
    this.#expectRest();
    this.#state = "disposed";
    this.recorded.dispose();
    disposeParts(this.parts);
  }
}

/** Settings that no step depends on, but for the memory and the time that it takes, and those that may change between steps. */
const INDIFFERENT: readonly string[] = [
  // A training goes on with other epochs: see Trainer.restore.
  "epochs",
  "memoryBudget",
  "recompute",
  "evaluateEvery",
  "checkpointEvery",
  "checkpointMinutes",
];

type Settings = Readonly<Record<string, unknown>>;

/** @throws CheckpointError where a setting that steps depend on was another one in a checkpoint's training. */
function expectSame(there: Settings, here: Settings): void {
  for (const [name, value] of Object.entries(here)) {
    const before = there[name];
    if (INDIFFERENT.includes(name) || sameData(before, value)) continue;
    const difference =
      typeof value === "object" ? `another ${name} than this one` : `${name} ${before}, and this one has ${value}`;
    throw new CheckpointError(
      `the checkpoint is of a training with ${difference}: make the trainer with the checkpoint's configuration`,
    );
  }
}

/** @throws ConfigError where there is nothing to learn from the labels, or one of them is no class. */
function checkLabels({ name, labels, classes }: Dataset, method: string): void {
  if (!labels) {
    throw new ConfigError(
      `${name} has no labels, and ${method} training needs them: put each class in a folder of its own`,
    );
  }
  if (classes.length < 2)
    throw new ConfigError(`${name} has one class (${classes.join()}), and ${method} training needs at least two`);
  const wrong = labels.findIndex((label) => label >= classes.length);
  if (wrong >= 0) {
    throw new ConfigError(
      `image ${wrong} of ${name} has the label ${labels[wrong]}, and there are ${classes.length} classes`,
    );
  }
}

function withoutClips({ name }: Dataset, method: string): ConfigError {
  return new ConfigError(
    `${name} has no clips, and ${method} learns from neighbouring frames: open a folder with a folder of frames for each clip by openImages(path, { clips: true }), or say in the set's \`clips\` of which clip each image is, and when`,
  );
}
