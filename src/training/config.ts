import {
  type AugmentationPolicies,
  type AugmentationPolicyName,
  augmentationPolicies,
  checkPolicies,
  policyList,
} from "../augment/policy.js";
import type { Device } from "../engine/device.js";
import { ConfigError } from "../errors.js";
import {
  CONTRASTIVE_LOSSES,
  type ContrastiveSettings,
  checkContrastiveSettings,
  MININGS,
} from "../losses/contrast-rows.js";
import { DEFAULT_MARGIN } from "../losses/contrastive.js";
import { convnet } from "../nn/convnet.js";
import type { Encoder } from "../nn/module.js";
import { NORMS, type Norm } from "../nn/normalized-convolution.js";
import type { HeadOptions } from "../nn/projection-head.js";
import { resnet } from "../nn/resnet.js";
import type { LearningRateScaling } from "../optim/schedule.js";

/** Names of the encoders. */
export const ENCODERS = ["convnet", "resnet18", "resnet34", "resnet50"] as const;
/** What there is to train for. */
export const OBJECTIVES = ["contrastive", "supervised"] as const;
/** Names of the optimizers. */
export const OPTIMIZERS = ["adamw", "lars", "sgd"] as const;
/** What activations and their gradients are kept in: f32, or (mixed) the encoder's in f16. */
export const PRECISIONS = ["f32", "mixed"] as const;
/** Ways to scale the learning rate with the batch. */
export const SCALINGS = ["none", "linear", "sqrt"] as const;

/** Everything that decides how an encoder is trained; it is plain data, and written to `config.json` of a run. */
export interface TrainingConfig {
  /**
   * `contrastive`: a contrastive loss of two views of each image, without labels. `supervised`: softmax cross-entropy of a linear
   * classifier on one view of each, against the labels.
   */
  readonly objective: (typeof OBJECTIVES)[number];
  readonly encoder: (typeof ENCODERS)[number];
  /** Multiplies all channels of the encoder. */
  readonly width: number;
  /** The ResNets' first layers: `auto` takes `cifar` for images up to 64 pixels and `imagenet` above. */
  readonly stem: "auto" | "cifar" | "imagenet";
  /** The encoder's: `batch` norm, or `group` norm with standardised weights. */
  readonly norm: Norm;
  /** The projection head of contrastive training. */
  readonly head: HeadOptions;
  /**
   * `auto` takes, for contrastive training, `cifar` for images up to 64 pixels and `imagenet` above, and `crop` for supervised
   * training. A list of policies makes one view of an image each.
   */
  readonly augmentation: "auto" | AugmentationPolicyName | AugmentationPolicies;
  /** Images a step; a contrastive loss sees two views of each. */
  readonly batch: number;
  /**
   * Images that go through encoder and head at once; fewer than `batch` means gradient caching (contrastive)
   * or gradient accumulation (supervised), see `recordGradientCache` and `recordAccumulation`.
   * `auto` takes the whole batch or, where that does not fit, the largest power of two that does.
   */
  readonly microBatch: number | "auto";
  /** MiB on the device that `microBatch: "auto"` stays within. */
  readonly memoryBudget: number;
  /** Keep only the outputs of the encoder's blocks for the backward pass, and compute the rest a second time there. */
  readonly recompute: boolean;
  /** `mixed` keeps the encoder's activations in f16, half the memory, and scales the loss; it needs `shader-f16`. */
  readonly precision: (typeof PRECISIONS)[number];
  readonly epochs: number;
  /** Of contrastive training, like the four that follow: see `contrastiveLoss`. */
  readonly loss: ContrastiveSettings["loss"];
  /** Of NT-Xent and NT-logistic. */
  readonly temperature: number;
  /** Which negatives count for an anchor. */
  readonly mining: ContrastiveSettings["mining"];
  /** A difference of similarities: of the margin triplet, and of semi-hard mining with any loss. */
  readonly margin: number;
  /** Whether the loss compares embeddings by their cosine (true) or by their dot product. */
  readonly normalize: boolean;
  readonly optimizer: (typeof OPTIMIZERS)[number];
  /** Before scaling with the batch. */
  readonly learningRate: number;
  readonly learningRateScaling: LearningRateScaling;
  /** Epochs of linear warm-up; a half cosine to 0 follows. */
  readonly warmupEpochs: number;
  readonly weightDecay: number;
  /** Of initial weights, order and augmentations; 0 to 2^32 - 1. */
  readonly seed: number;
  /** Epochs between evaluations (kNN, and the classifier of supervised training); 0 for none during training. */
  readonly evaluateEvery: number;
  /** Steps between checkpoints; one is always written at the end. */
  readonly checkpointEvery: number;
}

/** The defaults: a small net and Adam, which learn on any machine. */
export const DEFAULT_CONFIG: TrainingConfig = {
  objective: "contrastive",
  encoder: "convnet",
  width: 1,
  stem: "auto",
  norm: "batch",
  head: { layers: 2, output: 128 },
  augmentation: "auto",
  batch: 128,
  microBatch: "auto",
  memoryBudget: 2048,
  recompute: false,
  precision: "f32",
  epochs: 100,
  loss: "nt-xent",
  temperature: 0.5,
  mining: "none",
  margin: DEFAULT_MARGIN,
  normalize: true,
  optimizer: "adamw",
  learningRate: 1e-3,
  learningRateScaling: "none",
  warmupEpochs: 1,
  weightDecay: 1e-6,
  seed: 1,
  evaluateEvery: 5,
  checkpointEvery: 200,
};

/** Images up to this many pixels take the CIFAR stem and augmentations under `auto`. */
const SMALL_IMAGE = 64;

/** The augmentations of a configuration for images of this size. */
export function policyOf({ augmentation, objective }: TrainingConfig, imageSize: number): AugmentationPolicies {
  if (typeof augmentation === "object") return augmentation;
  if (augmentation !== "auto") return augmentationPolicies[augmentation];
  if (objective === "supervised") return augmentationPolicies.crop;
  return imageSize <= SMALL_IMAGE ? augmentationPolicies.cifar : augmentationPolicies.imagenet;
}

/** The encoder of a configuration for images of this size. @throws ConfigError for an unknown one. */
export function encoderOf({ encoder, width, stem, norm }: TrainingConfig, imageSize: number): Encoder {
  const chosen = stem === "auto" ? (imageSize <= SMALL_IMAGE ? "cifar" : "imagenet") : stem;
  switch (encoder) {
    case "convnet":
      return convnet(width, norm);
    case "resnet18":
      return resnet({ depth: 18, stem: chosen, width, norm });
    case "resnet34":
      return resnet({ depth: 34, stem: chosen, width, norm });
    case "resnet50":
      return resnet({ depth: 50, stem: chosen, width, norm });
    default:
      throw new ConfigError(`there is no encoder "${String(encoder)}": choose ${ENCODERS.join(", ")}`);
  }
}

function wholeNumber(name: string, value: number, least: number, most = Number.MAX_SAFE_INTEGER): void {
  if (!Number.isInteger(value) || value < least || value > most) {
    const range = most === Number.MAX_SAFE_INTEGER ? `from ${least} up` : `from ${least} to ${most}`;
    throw new ConfigError(`${name} is ${value}; it must be a whole number ${range}`);
  }
}

function oneOf(name: string, value: string, choices: readonly string[]): void {
  if (!choices.includes(value)) throw new ConfigError(`${name} is "${value}"; choose ${choices.join(", ")}`);
}

/** @throws ConfigError where a value is out of its range or not for this device; `images` is the size of the training set. */
export function checkConfig(config: TrainingConfig, images: number, device: Device): void {
  oneOf("objective", config.objective, OBJECTIVES);
  oneOf("encoder", config.encoder, ENCODERS);
  oneOf("optimizer", config.optimizer, OPTIMIZERS);
  oneOf("precision", config.precision, PRECISIONS);
  oneOf("learningRateScaling", config.learningRateScaling, SCALINGS);
  oneOf("stem", config.stem, ["auto", "cifar", "imagenet"]);
  oneOf("norm", config.norm, NORMS);
  if (typeof config.augmentation === "string") {
    oneOf("augmentation", config.augmentation, ["auto", ...Object.keys(augmentationPolicies)]);
  } else {
    checkPolicies(config.augmentation);
  }
  const policies = policyList(policyOf(config, SMALL_IMAGE)).length;
  if (config.objective === "supervised" && policies > 1)
    throw new ConfigError(
      `supervised training sees one view of an image: give it one augmentation policy, not ${policies}`,
    );
  oneOf("loss", config.loss, CONTRASTIVE_LOSSES);
  oneOf("mining", config.mining, MININGS);
  checkContrastiveSettings(config);
  wholeNumber("batch", config.batch, 2);
  if (config.microBatch !== "auto") wholeNumber("microBatch", config.microBatch, 1, config.batch);
  wholeNumber("memoryBudget", config.memoryBudget, 1);
  wholeNumber("epochs", config.epochs, 1);
  wholeNumber("seed", config.seed, 0, 2 ** 32 - 1);
  wholeNumber("evaluateEvery", config.evaluateEvery, 0);
  wholeNumber("checkpointEvery", config.checkpointEvery, 1);
  if (!(config.learningRate > 0) || !Number.isFinite(config.learningRate)) {
    throw new ConfigError(`learningRate is ${config.learningRate}; it must be a number above 0`);
  }
  if (!(config.weightDecay >= 0))
    throw new ConfigError(`weightDecay is ${config.weightDecay}; it must not be negative`);
  if (!(config.warmupEpochs >= 0 && config.warmupEpochs <= config.epochs)) {
    throw new ConfigError(
      `warmupEpochs is ${config.warmupEpochs}; it must lie between 0 and the ${config.epochs} epochs`,
    );
  }
  if (config.batch > images) {
    throw new ConfigError(
      `the batch of ${config.batch} is larger than the training set of ${images} images: choose a smaller one`,
    );
  }
  if (config.precision === "mixed") {
    if (config.norm === "group")
      throw new ConfigError("mixed precision comes with batch norm only: use f32 with group norm");
    device.requireHalf();
  }
}
