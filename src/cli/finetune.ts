import { resolve } from "node:path";
import type { SubsetSize } from "../data/views.js";
import { withTestSet } from "../evaluation/evaluation.js";
import { readImageList } from "../io/image-list-file.js";
import { startRun } from "../runs/run.js";
import { chooseImages, type TrainingPart } from "../runs/run-images.js";
import { DEFAULT_CONFIG, SCALINGS, type TrainingConfig } from "../training/config.js";
import { fineTuningConfig } from "../training/fine-tuning.js";
import { smallestCrop } from "../training/smallest-crop.js";
import { type Command, InvalidArgumentError, Option } from "../vendor/commander.js";
import { checkOptions, checkOut } from "./check-options.js";
import { openForCommand } from "./images.js";
import { addMemoryOptions, type MemoryOptions, memoryConfig } from "./model-options.js";
import { number } from "./numbers.js";
import { addOutputOptions, say } from "./output.js";
import { heedInterruption, withDevice } from "./session.js";
import { openEncoder } from "./stored-run.js";
import { suggested } from "./suggested.js";
import { withProgress } from "./training-progress.js";

/** The text of `--labels`: a share, so many of each class, or the path of a list. */
function labelsOption(text: string): SubsetSize | { readonly list: string } {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(%|c)$/.exec(text) ?? [];
  if (unit === "%") return { share: Number(amount) / 100 };
  if (unit === "c") return { perClass: Number(amount) };
  if (/^[\d.]*$/.test(text))
    throw new InvalidArgumentError("Say 10% of the images, 10c of each class, or name a list.");
  return { list: text };
}

interface FinetuneOptions extends MemoryOptions {
  readonly labels?: ReturnType<typeof labelsOption>;
  readonly imageSize?: number;
  readonly test?: string;
  readonly maxBroken?: number;
  readonly bitDepth?: number;
  readonly fromScratch?: boolean;
  readonly epochs?: number;
  readonly batch?: number;
  readonly lr?: number;
  readonly lrScaling?: TrainingConfig["learningRateScaling"];
  readonly weightDecay?: number;
  readonly evaluateEvery?: number;
  readonly checkpointEvery: number;
  readonly seed: number;
  readonly out: string;
  readonly name?: string;
}

/** `simclr finetune <encoder> <images>` */
export function addFinetuneCommand(program: Command): void {
  const command = program
    .command("finetune")
    .description("train all weights of a trained encoder, and a linear classifier on it, with labels, which may be few")
    .argument("<encoder>", "a run's folder, or an encoder.safetensors")
    .argument("<images>", "labelled images, as for train")
    .option(
      "--labels <which>",
      "1% of the images, 25c for 25 of each class, or the path of a list (default: all)",
      labelsOption,
    )
    .option("--from-scratch", "leave the encoder's weights aside: the same net, trained in the same way, to compare")
    .option(
      "--image-size <pixels>",
      "resize the images on load (default: the size that the encoder was trained on)",
      number,
    )
    .option("--test <images>", "images to test on; else test/ or val/ beside train/, or a tenth of each class")
    .option("--max-broken <share>", "of the images that may be broken, and are left out (default: 0.05)", number)
    .option("--bit-depth <bits>", "of images of 16 bits that hold fewer: 12 makes 4,095 white (default: 16)", number)
    .option(
      "--epochs <count>",
      "times through the labelled images (default: 60 with up to 1% of the labels, else 30; more of few images)",
      number,
    )
    .option("--batch <images>", "images a step (default: by the number of images, 32 or more)", number)
    .option("--lr <rate>", "learning rate, before scaling (default: 0.0125)", number)
    .addOption(new Option("--lr-scaling <rule>", "with the batch (default: sqrt)").choices(SCALINGS))
    .option("--weight-decay <number>", "not applied to biases and batch norm (default: 0)", number)
    .option("--evaluate-every <epochs>", "epochs between evaluations (default: only at the end)", number)
    .option("--checkpoint-every <steps>", "steps between checkpoints", number, DEFAULT_CONFIG.checkpointEvery)
    .option("--seed <number>", "of the choice of labels, order and augmentations", number, DEFAULT_CONFIG.seed)
    .option("--out <folder>", "where run folders are made", "runs")
    .option("--name <text>", "part of the run folder's name (default: the encoder's, and finetuned or from-scratch)");
  addMemoryOptions(addOutputOptions(command)).action(finetune);
}

async function finetune(path: string, imagesPath: string, options: FinetuneOptions): Promise<void> {
  const { labels, test, maxBroken, bitDepth, fromScratch = false, seed, out: parent } = options;
  const interruption = heedInterruption();
  await withDevice(async (device) => {
    const encoder = await openEncoder(path);
    const { architecture } = encoder;
    const imageSize = options.imageSize ?? encoder.imageSize ?? undefined;
    const { epochs, batch, lr: learningRate, weightDecay, evaluateEvery, checkpointEvery } = options;
    const given = { epochs, batch, learningRate, weightDecay, evaluateEvery, checkpointEvery, seed, warmupEpochs: 0 };
    checkOptions(device, { ...architecture, ...memoryConfig(options), ...given });
    await checkOut(parent);
    const supervised = { ...architecture, method: "supervised" };
    const crop = imageSize === undefined ? undefined : smallestCrop(device, supervised, imageSize);
    const read = { images: imagesPath, test, maxBroken, bitDepth, smallestCrop: crop };
    const images = await openForCommand(read, imageSize);
    const part: TrainingPart | undefined = labels && "list" in labels ? await readImageList(labels.list) : labels;
    const all = withTestSet(images).train.length;
    const labelled = chooseImages(images, part ?? null, seed).train.length;
    say(`labels:  ${labelled.toLocaleString("en")} of ${all.toLocaleString("en")} images`);
    const recipe = fineTuningConfig(labelled, all, options.batch);
    const config = {
      ...architecture,
      ...recipe,
      ...memoryConfig(options),
      epochs: options.epochs ?? recipe.epochs,
      learningRate: options.lr ?? recipe.learningRate,
      learningRateScaling: options.lrScaling ?? recipe.learningRateScaling,
      weightDecay: options.weightDecay ?? recipe.weightDecay,
      evaluateEvery: options.evaluateEvery ?? recipe.evaluateEvery,
      checkpointEvery: options.checkpointEvery,
      seed,
    };
    const source = { ...read, images: resolve(imagesPath), test: test && resolve(test) };
    const command = suggested(process.argv.slice(2));
    const name = options.name ?? `${architecture.encoder}-${fromScratch ? "from-scratch" : "finetuned"}`;
    const initial = fromScratch ? undefined : encoder;
    await withProgress(interruption, (hooks) =>
      startRun(device, images, config, { ...hooks, parent, name, source, initial, part, command }),
    );
  });
}
