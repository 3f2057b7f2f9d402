import { resolve } from "node:path";
import { type Command, Option } from "commander";
import { AUGMENTATION_POLICY_NAMES } from "../augment/policy.js";
import type { ImageSet } from "../data/dataset.js";
import { openImages } from "../data/open-images.js";
import { ConfigError } from "../errors.js";
import { CONTRASTIVE_LOSSES, MININGS } from "../losses/contrast-rows.js";
import { type ImageSource, startRun } from "../runs/run.js";
import { DEFAULT_CONFIG, OPTIMIZERS, SCALINGS, type TrainingConfig } from "../training/config.js";
import { augmentation } from "./augmentation-option.js";
import { addModelOptions, type ModelOptions, modelConfig, number } from "./model-options.js";
import { printPlan } from "./plan.js";
import { interruptSignal, withDevice } from "./session.js";
import { withProgress } from "./training-progress.js";
import { forceVariants, tuneOnTerminal } from "./tune.js";

/** Opens images for a command and prints what they are. A path to test images replaces a test part found beside the others. */
export async function openForCommand(
  { images: path, test }: ImageSource,
  imageSize: number | undefined,
): Promise<ImageSet> {
  console.log("reading images ...");
  const set = await openSource(path, test, imageSize);
  const { train } = set;
  const labels = train.labels ? `${train.classes.length} classes` : "no labels";
  const tests = set.test ? `, ${set.test.length.toLocaleString("en")} to test` : "";
  console.log(
    `images:  ${train.length.toLocaleString("en")} to train${tests}, ${train.width} x ${train.height} pixels, ${labels}`,
  );
  return set;
}

async function openSource(path: string, test: string | undefined, imageSize: number | undefined): Promise<ImageSet> {
  const open = (from: string) => openImages(from, { imageSize });
  const images = await open(path);
  if (!test) return images;
  const other = await open(test);
  const [here, there] = [images.train.classes, other.train.classes];
  if (here.join() !== there.join()) {
    throw new ConfigError(
      `the classes of ${test} (${there.join(", ") || "none"}) are not those of ${path} (${here.join(", ") || "none"})`,
    );
  }
  return { train: images.train, test: other.test ?? other.train };
}

interface TrainOptions extends ModelOptions {
  readonly supervised?: boolean;
  readonly imageSize?: number;
  readonly test?: string;
  readonly augmentation: TrainingConfig["augmentation"];
  readonly epochs: number;
  readonly loss: TrainingConfig["loss"];
  readonly temperature: number;
  readonly mining: TrainingConfig["mining"];
  readonly margin: number;
  readonly normalize: boolean;
  readonly optimizer: TrainingConfig["optimizer"];
  readonly lr: number;
  readonly lrScaling: TrainingConfig["learningRateScaling"];
  readonly warmup: number;
  readonly weightDecay: number;
  readonly seed: number;
  readonly evaluateEvery: number;
  readonly checkpointEvery: number;
  readonly plan?: boolean;
  readonly tune?: boolean;
  readonly force: readonly string[];
  readonly out: string;
  readonly name?: string;
}

function toConfig(options: TrainOptions): Partial<TrainingConfig> {
  return {
    ...modelConfig(options),
    objective: options.supervised ? "supervised" : "contrastive",
    augmentation: options.augmentation,
    epochs: options.epochs,
    loss: options.loss,
    temperature: options.temperature,
    mining: options.mining,
    margin: options.margin,
    normalize: options.normalize,
    optimizer: options.optimizer,
    learningRate: options.lr,
    learningRateScaling: options.lrScaling,
    warmupEpochs: options.warmup,
    weightDecay: options.weightDecay,
    seed: options.seed,
    evaluateEvery: options.evaluateEvery,
    checkpointEvery: options.checkpointEvery,
  };
}

/** `simclr train <images>` */
export function addTrainCommand(program: Command): void {
  const d = DEFAULT_CONFIG;
  const command = program
    .command("train")
    .description("train an encoder on images without using their labels (or, with --supervised, with them)")
    .argument(
      "<images>",
      "a folder of images, a .tar or .tar.gz of one, or files of CIFAR-10/100, STL-10 or MNIST's format (a folder or one file)",
    )
    .option(
      "--image-size <pixels>",
      "resize (shorter side) and centre-crop to this size on load; needed where sizes differ",
      number,
    )
    .option(
      "--test <images>",
      "labelled images to evaluate on; else test/ or val/ beside train/, or a tenth of each class",
    );
  addModelOptions(command)
    .option(
      "--supervised",
      "use the labels: train a linear classifier on the encoder with it, on one view of each image",
    )
    .option(
      "--augmentation <policy>",
      `of the views: auto (cifar up to 64 pixels, imagenet above; crop if supervised), ${AUGMENTATION_POLICY_NAMES.join(", ")}, or a .json file of a policy or one for each view`,
      augmentation,
      d.augmentation,
    )
    .option("--epochs <count>", "times through the images", number, d.epochs)
    .addOption(
      new Option("--loss <name>", "what is trained for, unless supervised").choices(CONTRASTIVE_LOSSES).default(d.loss),
    )
    .option("--temperature <number>", "of NT-Xent and NT-logistic", number, d.temperature)
    .addOption(
      new Option(
        "--mining <name>",
        "which negatives count; semi-hard: those farther than the positive, by at most the margin",
      )
        .choices(MININGS)
        .default(d.mining),
    )
    .option("--margin <number>", "of the margin triplet and of semi-hard mining, in cosine", number, d.margin)
    .option("--no-normalize", "compare embeddings by their dot product, not their cosine")
    .addOption(new Option("--optimizer <name>", "what moves the weights").choices(OPTIMIZERS).default(d.optimizer))
    .option("--lr <rate>", "learning rate, before scaling", number, d.learningRate)
    .addOption(
      new Option("--lr-scaling <rule>", "with the batch: rate, rate * batch / 256, or rate * sqrt(batch)")
        .choices(SCALINGS)
        .default(d.learningRateScaling),
    )
    .option("--warmup <epochs>", "epochs of linear warm-up before the cosine", number, d.warmupEpochs)
    .option("--weight-decay <number>", "not applied to biases and norms", number, d.weightDecay)
    .option("--seed <number>", "of weights, order and augmentations", number, d.seed)
    .option(
      "--evaluate-every <epochs>",
      "epochs between evaluations; 0 for none before the end",
      number,
      d.evaluateEvery,
    )
    .option("--checkpoint-every <steps>", "steps between checkpoints", number, d.checkpointEvery)
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
    .option("--out <folder>", "where run folders are made", "runs")
    .option("--name <text>", "part of the run folder's name (default: the encoder's)")
    .action((path: string, options: TrainOptions) => trainOn(path, options));
}

async function trainOn(path: string, options: TrainOptions): Promise<void> {
  await runTraining(path, toConfig(options), {
    imageSize: options.imageSize,
    test: options.test,
    plan: options.plan,
    tune: options.tune,
    force: options.force,
    out: options.out,
    name: options.name,
  });
}

/** How a training from the command line goes about it. */
interface TrainingSetup {
  readonly imageSize?: number;
  readonly test?: string;
  /** Only print what it would take. */
  readonly plan?: boolean;
  /** Tune for it first. */
  readonly tune?: boolean;
  /** Variants to use, as "operation=variant". */
  readonly force?: readonly string[];
  readonly out: string;
  readonly name?: string;
}

/** Opens the device and the images, trains, and prints how it went. Sets the exit code to 130 where it was interrupted. */
export async function runTraining(
  path: string,
  config: Partial<TrainingConfig>,
  { imageSize, test, plan = false, tune = false, force = [], out, name }: TrainingSetup,
): Promise<void> {
  const signal = interruptSignal();
  await withDevice(async (device) => {
    forceVariants(device, force);
    const images = await openForCommand({ images: path, test }, imageSize);
    if (plan) {
      printPlan(device, config, images);
      return;
    }
    const { width, classes } = images.train;
    if (tune) await tuneOnTerminal(device, config, width, { signal, classes: classes.length });
    // Whole paths: the run can be resumed from any folder.
    const source = { images: resolve(path), test: test && resolve(test) };
    await withProgress((hooks) => startRun(device, images, config, { ...hooks, signal, parent: out, name, source }));
  });
}
