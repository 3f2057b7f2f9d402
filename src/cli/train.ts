import { resolve } from "node:path";
import { type Command, InvalidArgumentError, Option } from "commander";
import { AUGMENTATION_POLICY_NAMES } from "../augment/policy.js";
import type { ImageSet } from "../data/dataset.js";
import { openImages } from "../data/open-images.js";
import { ConfigError } from "../errors.js";
import { DEFAULT_CONFIG, ENCODERS, OPTIMIZERS, SCALINGS, type TrainingConfig } from "../simclr/config.js";
import { type ImageSource, startRun } from "../simclr/run.js";
import { interruptSignal, withDevice } from "./session.js";
import { printSummary, trainingProgress } from "./training-progress.js";

/** An option's text as a number. */
export function number(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || Number.isNaN(value)) throw new InvalidArgumentError("It must be a number.");
  return value;
}

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

interface TrainOptions {
  readonly imageSize?: number;
  readonly test?: string;
  readonly encoder: TrainingConfig["encoder"];
  readonly width: number;
  readonly stem: TrainingConfig["stem"];
  readonly headLayers: 0 | 1 | 2 | 3;
  readonly headHidden?: number;
  readonly headOutput: number;
  readonly headBatchNorm: boolean;
  readonly augmentation: "auto" | "cifar" | "imagenet";
  readonly batch: number;
  readonly epochs: number;
  readonly temperature: number;
  readonly optimizer: TrainingConfig["optimizer"];
  readonly lr: number;
  readonly lrScaling: TrainingConfig["learningRateScaling"];
  readonly warmup: number;
  readonly weightDecay: number;
  readonly seed: number;
  readonly evaluateEvery: number;
  readonly checkpointEvery: number;
  readonly out: string;
  readonly name?: string;
}

function toConfig(options: TrainOptions): TrainingConfig {
  const { headLayers: layers, headHidden: hidden, headOutput: output, headBatchNorm: batchNorm } = options;
  return {
    encoder: options.encoder,
    width: options.width,
    stem: options.stem,
    head: { layers, output, batchNorm, ...(hidden === undefined ? {} : { hidden }) },
    augmentation: options.augmentation,
    batch: options.batch,
    epochs: options.epochs,
    temperature: options.temperature,
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
  program
    .command("train")
    .description("train an encoder on images without using their labels")
    .argument(
      "<images>",
      "a folder of images, a .tar or .tar.gz of one, or CIFAR-10/100 binary files (a folder or one file)",
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
    .addOption(new Option("--encoder <name>", "the net to train").choices(ENCODERS).default(d.encoder))
    .option("--width <factor>", "multiplies the encoder's channels", number, d.width)
    .addOption(
      new Option("--stem <name>", "first layers of a ResNet; auto: cifar up to 64 pixels")
        .choices(["auto", "cifar", "imagenet"])
        .default(d.stem),
    )
    .option(
      "--head-layers <count>",
      "layers of the projection head: 0 (none), 1 (linear), 2 or 3",
      number,
      d.head.layers,
    )
    .option("--head-hidden <size>", "hidden size of the head (default: the encoder's features)", number)
    .option("--head-output <size>", "output size of the head", number, d.head.output)
    .option("--head-batch-norm", "batch norm inside of the head", false)
    .addOption(
      new Option("--augmentation <name>", "policy of the views; auto: cifar up to 64 pixels")
        .choices(["auto", ...AUGMENTATION_POLICY_NAMES])
        .default("auto"),
    )
    .option("--batch <images>", "images a step, two views of each", number, d.batch)
    .option("--epochs <count>", "times through the images", number, d.epochs)
    .option("--temperature <number>", "of NT-Xent", number, d.temperature)
    .addOption(new Option("--optimizer <name>", "what moves the weights").choices(OPTIMIZERS).default(d.optimizer))
    .option("--lr <rate>", "learning rate, before scaling", number, d.learningRate)
    .addOption(
      new Option("--lr-scaling <rule>", "with the batch: rate, rate * batch / 256, or rate * sqrt(batch)")
        .choices(SCALINGS)
        .default(d.learningRateScaling),
    )
    .option("--warmup <epochs>", "epochs of linear warm-up before the cosine", number, d.warmupEpochs)
    .option("--weight-decay <number>", "not applied to biases and batch norm", number, d.weightDecay)
    .option("--seed <number>", "of weights, order and augmentations", number, d.seed)
    .option(
      "--evaluate-every <epochs>",
      "epochs between kNN evaluations; 0 for none before the end",
      number,
      d.evaluateEvery,
    )
    .option("--checkpoint-every <steps>", "steps between checkpoints", number, d.checkpointEvery)
    .option("--out <folder>", "where run folders are made", "runs")
    .option("--name <text>", "part of the run folder's name (default: the encoder's)")
    .action((path: string, options: TrainOptions) => trainOn(path, options));
}

async function trainOn(path: string, options: TrainOptions): Promise<void> {
  await runTraining(path, toConfig(options), {
    imageSize: options.imageSize,
    test: options.test,
    out: options.out,
    name: options.name,
  });
}

/** Opens the device and the images, trains, and prints how it went. Sets the exit code to 130 where it was interrupted. */
export async function runTraining(
  path: string,
  config: Partial<TrainingConfig>,
  { imageSize, test, out, name }: { imageSize?: number; test?: string; out: string; name?: string },
): Promise<void> {
  const signal = interruptSignal();
  await withDevice(async (device) => {
    const images = await openForCommand({ images: path, test }, imageSize);
    const { hooks, stop } = await trainingProgress();
    try {
      // Whole paths: the run can be resumed from any folder.
      const source = { images: resolve(path), test: test && resolve(test) };
      const summary = await startRun(device, images, config, { ...hooks, signal, parent: out, name, source });
      stop();
      printSummary(summary);
      if (!summary.finished) process.exitCode = 130;
    } finally {
      stop();
    }
  });
}
