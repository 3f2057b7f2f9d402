import { NORMS } from "../nn/normalized-convolution.js";
import { VIT_POOLINGS, VIT_POSITIONS } from "../nn/vit.js";
import { DEFAULT_CONFIG, ENCODERS, PRECISIONS, type TrainingConfig } from "../training/config.js";
import { type Command, Option } from "../vendor/commander.js";
import { addMethodOptions, type MethodOptions, methodConfig } from "./method-options.js";
import { number, numberOrAuto } from "./numbers.js";

/** The options that say what is trained, and by that the sizes of everything on the device. */
export interface ModelOptions extends MemoryOptions, MethodOptions {
  readonly encoder: TrainingConfig["encoder"];
  readonly width: number;
  readonly stem: TrainingConfig["stem"];
  readonly norm: TrainingConfig["norm"];
  readonly patch: number;
  readonly pooling: TrainingConfig["pooling"];
  readonly positions: TrainingConfig["positions"];
  readonly dropPath: number;
  readonly layerScale: number;
  readonly batch: number;
}

/** The options that say how much memory a step may take. */
export interface MemoryOptions {
  readonly microBatch: number | "auto";
  readonly memory: number;
  readonly recompute: boolean;
  readonly precision: TrainingConfig["precision"];
}

/** Adds those options to a command. */
export function addMemoryOptions(command: Command): Command {
  const d = DEFAULT_CONFIG;
  return command
    .option(
      "--micro-batch <images>",
      "images on the device at once; auto: the whole batch, or as many as fit --memory",
      numberOrAuto,
      d.microBatch,
    )
    .option("--memory <mebibytes>", "device memory that --micro-batch auto stays within", number, d.memoryBudget)
    .option("--recompute", "save memory: compute the encoder's blocks again in the backward pass", d.recompute)
    .addOption(
      new Option("--precision <name>", "mixed: activations in f16, half the memory, where the adapter has shader-f16")
        .choices(PRECISIONS)
        .default(d.precision),
    );
}

/** What those options say about the training. */
export function memoryConfig({ microBatch, memory: memoryBudget, recompute, precision }: MemoryOptions) {
  return { microBatch, memoryBudget, recompute, precision };
}

/** Adds the options of the model, and of its memory, to a command. */
export function addModelOptions(command: Command): Command {
  const d = DEFAULT_CONFIG;
  const described = command
    .addOption(new Option("--encoder <name>", "the net to train").choices(ENCODERS).default(d.encoder))
    .option("--width <factor>", "multiplies the encoder's channels", number, d.width)
    .addOption(
      new Option("--stem <name>", "first layers of a ResNet; auto: cifar up to 64 pixels")
        .choices(["auto", "cifar", "imagenet"])
        .default(d.stem),
    )
    .addOption(
      new Option(
        "--norm <name>",
        "the encoder's, but of transformers: batch norm, or group norm with standardised weights",
      )
        .choices(NORMS)
        .default(d.norm),
    )
    .option("--patch <pixels>", "side of a transformer's patches; 0: 4 up to 64 pixels, 16 above", number, d.patch)
    .addOption(
      new Option("--pooling <which>", "a transformer's representation: its class token, or the mean of its patches")
        .choices(VIT_POOLINGS)
        .default(d.pooling),
    )
    .addOption(
      new Option("--positions <which>", "a transformer's: learned, or sines and cosines")
        .choices(VIT_POSITIONS)
        .default(d.positions),
    )
    .option(
      "--drop-path <probability>",
      "that the last block of a transformer is left out of a view, the first one's never (stochastic depth)",
      number,
      d.dropPath,
    )
    .option(
      "--layer-scale <factor>",
      "what a transformer's branches begin with, by channel; 0: no such factors",
      number,
      d.layerScale,
    )
    .option("--batch <images>", "images a step; by default no more than there are", number, d.batch);
  return addMethodOptions(addMemoryOptions(described));
}

/** What those options say about the training. */
export function modelConfig(options: ModelOptions): Partial<TrainingConfig> {
  const { encoder, width, stem, norm, patch, pooling, positions, dropPath, layerScale, batch } = options;
  return {
    ...{ encoder, width, stem, norm, patch, pooling, positions, dropPath, layerScale, batch },
    ...methodConfig(options),
    ...memoryConfig(options),
  };
}
