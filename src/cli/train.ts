import { resolve } from "node:path";
import { AUGMENTATION_POLICY_NAMES } from "../augment/policy.js";
import { methodNamed } from "../methods/catalogue.js";
import type { Normalization } from "../nn/module.js";
import { isNormalization, NORMALIZATIONS } from "../nn/normalized-input.js";
import { printable } from "../printable.js";
import { startRun } from "../runs/run.js";
import {
  DECAYS,
  DEFAULT_CONFIG,
  isConfigKey,
  OPTIMIZERS,
  SCALINGS,
  type TrainingConfig,
  withChanges,
} from "../training/config.js";
import type { StoredEncoder } from "../training/encoder-file.js";
import { PRESETS, type Preset, presetNamed } from "../training/presets.js";
import { smallestCrop } from "../training/smallest-crop.js";
import { type Command, InvalidArgumentError, Option } from "../vendor/commander.js";
import { listed } from "../wording.js";
import { augmentation } from "./augmentation-option.js";
import { checkOptions, checkOut, OPTION_NAMES } from "./check-options.js";
import { openForCommand } from "./images.js";
import { addModelOptions, type ModelOptions, modelConfig } from "./model-options.js";
import { number } from "./numbers.js";
import { addOutputOptions, say } from "./output.js";
import { printPlan } from "./plan.js";
import { heedInterruption, withDevice } from "./session.js";
import { openEncoder } from "./stored-run.js";
import { suggested } from "./suggested.js";
import { withProgress } from "./training-progress.js";
import { forceVariants, tuneOnTerminal } from "./tune.js";

const NORMALIZATION_NAMES = ["none", "imagenet", "cifar10"] as const;

interface TrainOptions extends ModelOptions {
  readonly imageSize?: number;
  readonly test?: string;
  readonly maxBroken?: number;
  readonly bitDepth?: number;
  readonly augmentation: TrainingConfig["augmentation"];
  readonly epochs: number;
  readonly optimizer: TrainingConfig["optimizer"];
  readonly lr: number;
  readonly lrScaling: TrainingConfig["learningRateScaling"];
  readonly warmup: number;
  readonly weightDecay: number;
  readonly decay: TrainingConfig["decay"];
  readonly nesterov: boolean;
  readonly larsEta: number;
  readonly larsClip: boolean;
  readonly preset?: string;
  readonly init?: string;
  readonly normalization?: Normalization;
  readonly seed: number;
  readonly evaluateEvery: number;
  readonly checkpointEvery: number;
  readonly checkpointMinutes: number;
  readonly plan?: boolean;
  readonly tune?: boolean;
  readonly force: readonly string[];
  readonly license?: string;
  readonly tensorboard?: string;
  readonly out: string;
  readonly name?: string;
}

/** What the command line says of a training: the preset's settings where it names one, and the options that were given. */
function toConfig(options: TrainOptions, command: Command): Partial<TrainingConfig> {
  const all: { -readonly [Key in keyof TrainingConfig]?: TrainingConfig[Key] } = settingsOf(options);
  const fields = Object.keys(DEFAULT_CONFIG).filter((field) => field !== "options");
  for (const field of fields) {
    if (!isConfigKey(field)) continue;
    const source = command.getOptionValueSource(OPTION_NAMES[field] ?? field);
    if (source === "default" || source === undefined) delete all[field];
  }
  if (options.normalization) all.normalization = options.normalization;
  if (options.preset === undefined) return all;
  const preset = presetNamed(options.preset);
  say(presetText(preset));
  const { options: own } = withChanges(withChanges(DEFAULT_CONFIG, preset.config), all);
  return { ...preset.config, ...all, options: own };
}

/** What a preset sets, and where it comes from. */
function presetText({ name, source, published, config }: Preset): string {
  const { options = {}, ...common } = config;
  const settings = Object.entries({ ...common, ...options }).map(
    ([key, value]) => `${key} ${typeof value === "object" ? "of its own" : value}`,
  );
  return `preset:  ${name} (${source})\n         ${settings.join(", ")}\n         published: ${published}`;
}

function settingsOf(options: TrainOptions): Partial<TrainingConfig> {
  return {
    ...modelConfig(options),
    augmentation: options.augmentation,
    epochs: options.epochs,
    optimizer: options.optimizer,
    learningRate: options.lr,
    learningRateScaling: options.lrScaling,
    warmupEpochs: options.warmup,
    weightDecay: options.weightDecay,
    decay: options.decay,
    nesterov: options.nesterov,
    larsEta: options.larsEta,
    larsClip: options.larsClip,
    seed: options.seed,
    evaluateEvery: options.evaluateEvery,
    checkpointEvery: options.checkpointEvery,
    checkpointMinutes: options.checkpointMinutes,
  };
}

/** `simclr train <images>` */
export function addTrainCommand(program: Command): void {
  const d = DEFAULT_CONFIG;
  const command = program
    .command("train")
    .description(
      "train an encoder on images without using their labels (or, with --method supervised or supcon, with them)",
    )
    .argument(
      "<images>",
      "a folder of images, a .zip, .tar or .tar.gz of one, WebDataset's shards, a list of paths (.csv, .tsv, .txt), arrays (.npy, .npz), or files of CIFAR-10/100, STL-10 or MNIST's format",
    )
    .option(
      "--image-size <pixels>",
      "resize (shorter side) and centre-crop to this size on load; needed where sizes differ",
      number,
    )
    .option(
      "--test <images>",
      "labelled images to evaluate on; else test/ or val/ beside train/, or a tenth of each class",
    )
    .option("--max-broken <share>", "of the images that may be broken, and are left out (default: 0.05)", number)
    .option("--bit-depth <bits>", "of images of 16 bits that hold fewer: 12 makes 4,095 white (default: 16)", number);
  addModelOptions(addOutputOptions(command))
    .addOption(
      new Option(
        "--preset <name>",
        "a published recipe, whose settings are printed; options that are given beside it count",
      ).choices(PRESETS.map(({ name }) => name)),
    )
    .option(
      "--init <encoder>",
      "start from an encoder: a run's folder, an encoder.safetensors, or a ResNet of torchvision's, timm's or MoCo's names as safetensors",
    )
    .option(
      "--normalization <which>",
      "of the images before the encoder: none, imagenet, cifar10, or means/deviations (default: that of --init, or none)",
      normalizationOption,
    )
    .option(
      "--augmentation <policy>",
      `of the views: ${AUGMENTATION_POLICY_NAMES.join(", ")}, auto (the method's own), or a .json file of a policy or of one for each view`,
      augmentation,
      d.augmentation,
    )
    .option("--epochs <count>", "times through the images", number, d.epochs)
    .addOption(new Option("--optimizer <name>", "what moves the weights").choices(OPTIMIZERS).default(d.optimizer))
    .option("--lr <rate>", "learning rate, before scaling", number, d.learningRate)
    .addOption(
      new Option("--lr-scaling <rule>", "with the batch: rate, rate * batch / 256, or rate * sqrt(batch)")
        .choices(SCALINGS)
        .default(d.learningRateScaling),
    )
    .option("--warmup <epochs>", "epochs of linear warm-up before the cosine", number, d.warmupEpochs)
    .option("--weight-decay <number>", "of weights, or of all parameters", number, d.weightDecay)
    .addOption(
      new Option("--decay <which>", "weights: not biases and norms; all: these, too").choices(DECAYS).default(d.decay),
    )
    .option("--no-nesterov", "plain momentum, of sgd")
    .option("--lars-eta <number>", "trust coefficient of lars", number, d.larsEta)
    .option("--lars-clip", "clip the local rates of lars at the learning rate, as solo-learn does", d.larsClip)
    .option("--seed <number>", "of weights, order and augmentations", number, d.seed)
    .option(
      "--evaluate-every <epochs>",
      "epochs between evaluations; 0 for none before the end",
      number,
      d.evaluateEvery,
    )
    .option("--checkpoint-every <steps>", "steps between checkpoints", number, d.checkpointEvery)
    .option(
      "--checkpoint-minutes <minutes>",
      "and minutes, whatever the steps take; 0 for none",
      number,
      d.checkpointMinutes,
    )
    .option("--plan", "print the memory and the operations that this training takes, part by part, and do not train")
    .option(
      "--tune",
      "time the variants of the heavy kernels first, at most about 20 s, and keep the fastest (see simclr tune)",
    )
    .option(
      "--force <operation=variant>",
      "use this variant of a kernel whatever was tuned (names: simclr tune --print); may be given again",
      (text: string, before: readonly string[]) => [...before, text],
      [],
    )
    .option("--license <id>", "under which the weights are given away, as cc-by-4.0: for the encoder's file")
    .option(
      "--tensorboard <folder>",
      "write loss, learning rate, images a second and accuracies there too, for TensorBoard",
    )
    .option("--out <folder>", "where run folders are made", "runs")
    .option("--name <text>", "part of the run folder's name (default: the encoder's)")
    .action((path: string, options: TrainOptions, self: Command) => trainOn(path, options, self));
}

async function trainOn(path: string, options: TrainOptions, command: Command): Promise<void> {
  const { init, normalization } = options;
  const initial = init === undefined ? undefined : await openEncoder(init, { normalization });
  if (initial) say(initialText(initial));
  await runTraining(
    path,
    { ...initial?.architecture, ...toConfig(options, command) },
    {
      initial,
      imageSize: options.imageSize ?? initial?.imageSize ?? undefined,
      test: options.test,
      maxBroken: options.maxBroken,
      bitDepth: options.bitDepth,
      plan: options.plan,
      tune: options.tune,
      force: options.force,
      license: options.license,
      tensorboard: options.tensorboard,
      out: options.out,
      name: options.name,
    },
  );
}

/** What a training starts from. */
function initialText({ name, architecture, leftOut }: StoredEncoder): string {
  const { encoder, width, stem, normalization } = architecture;
  const { mean, deviation } = normalization;
  const wide = width === 1 ? "" : `, ${width} times as wide`;
  const others = leftOut.length === 0 ? "" : `\n         left out: ${listed(leftOut.map(printable))}`;
  return `starts:  from ${name}: ${encoder}${wide}, ${stem} stem, images normalised by means ${mean.join(", ")} and deviations ${deviation.join(", ")}${others}`;
}

/** The text of `--normalization`: a name, or three means and three deviations. */
function normalizationOption(text: string): Normalization {
  const name = NORMALIZATION_NAMES.find((known) => known === text);
  if (name) return NORMALIZATIONS[name];
  const [mean, deviation] = text.split("/").map((part) => part.split(",").map(Number));
  const given = { mean, deviation };
  if (isNormalization(given)) return given;
  throw new InvalidArgumentError(
    `Choose ${NORMALIZATION_NAMES.join(", ")}, or give means and deviations as 0.5,0.5,0.5/0.2,0.2,0.2.`,
  );
}

/** How a training from the command line goes about it. */
interface TrainingSetup {
  /** What the encoder starts from. */
  readonly initial?: StoredEncoder;
  readonly imageSize?: number;
  readonly test?: string;
  readonly maxBroken?: number;
  readonly bitDepth?: number;
  /** Only print what it would take. */
  readonly plan?: boolean;
  /** Tune for it first. */
  readonly tune?: boolean;
  /** Variants to use, as "operation=variant". */
  readonly force?: readonly string[];
  /** Of the weights. */
  readonly license?: string;
  /** Folder of the files of events. */
  readonly tensorboard?: string;
  readonly out: string;
  readonly name?: string;
}

/** Opens the device and the images, trains, and prints how it went. Sets the exit code to 130 where it was interrupted. */
export async function runTraining(path: string, config: Partial<TrainingConfig>, setup: TrainingSetup): Promise<void> {
  const { initial, imageSize, test, maxBroken, bitDepth, plan = false, tune = false, force = [], out } = setup;
  const { license, tensorboard, name } = setup;
  const interruption = heedInterruption();
  await withDevice(async (device) => {
    forceVariants(device, force);
    checkOptions(device, config);
    await checkOut(out);
    const crop = imageSize === undefined ? undefined : smallestCrop(device, config, imageSize);
    const clips = methodNamed(config.method ?? DEFAULT_CONFIG.method).clips || undefined;
    const read = { images: path, test, maxBroken, bitDepth, smallestCrop: crop, clips };
    const images = await openForCommand(read, imageSize);
    if (plan) {
      printPlan(device, config, images);
      return;
    }
    const { width, classes } = images.train;
    if (tune) {
      interruption.save("keeping what was timed");
      const { signal } = interruption;
      await tuneOnTerminal(device, config, width, { signal, classes: classes.length });
    }
    // Whole paths: the run can be resumed from any folder.
    const command = suggested(process.argv.slice(2));
    const source = { ...read, images: resolve(path), test: test && resolve(test) };
    await withProgress(
      interruption,
      (hooks) => startRun(device, images, config, { ...hooks, parent: out, name, source, initial, license, command }),
      tensorboard,
    );
  });
}
