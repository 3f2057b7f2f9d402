import {
  type AugmentationPolicies,
  type AugmentationPolicyName,
  augmentationPolicies,
  checkPolicies,
} from "../augment/policy.js";
import type { Device } from "../engine/device.js";
import { kindText } from "../engine/host-data.js";
import { MEMORY_BUDGET } from "../engine/memory.js";
import { ConfigError } from "../errors.js";
import { methodNamed } from "../methods/catalogue.js";
import type { Method } from "../methods/method.js";
import type { OptionValue } from "../methods/options.js";
import { convnet } from "../nn/convnet.js";
import type { ModelTensors } from "../nn/model-tensors.js";
import type { Encoder, Normalization } from "../nn/module.js";
import { NORMS, type Norm } from "../nn/normalized-convolution.js";
import { NORMALIZATIONS, normalizedInput } from "../nn/normalized-input.js";
import { resnet, SMALL_IMAGE } from "../nn/resnet.js";
import { VIT_POOLINGS, VIT_POSITIONS, type VitSize, vit } from "../nn/vit.js";
import type { Decay, Optimizer } from "../optim/optimizer.js";
import type { LearningRateScaling } from "../optim/schedule.js";
import { nearestName } from "../spelling.js";

/** Names of the encoders. */
export const ENCODERS = [
  "convnet",
  "resnet18",
  "resnet34",
  "resnet50",
  "vit-micro",
  "vit-tiny",
  "vit-small",
  "vit-base",
] as const;
/** Names of the optimizers. */
export const OPTIMIZERS = ["adamw", "lars", "sgd"] as const;
/** What weight decay applies to. */
export const DECAYS = ["weights", "all"] as const satisfies readonly Decay[];
/** What activations and their gradients are kept in: f32, or (mixed) the encoder's in f16. */
export const PRECISIONS = ["f32", "mixed"] as const;
/** Ways to scale the learning rate with the batch. */
export const SCALINGS = ["none", "linear", "sqrt"] as const;

/**
 * Parts of a training that are given as code, in place of what a configuration names. They go before it: a complete configuration,
 * as that of a checkpoint, always names something.
 */
export interface OwnParts {
  /** By default the one that the configuration names. */
  readonly encoder?: Encoder;
  /** By default the one that the configuration names. */
  readonly method?: Method;
  /** Makes the optimizer of a model's parameters; in mixed precision it is given a loss scale. By default the one that the
   * configuration names. */
  readonly optimizer?: (tensors: ModelTensors) => Optimizer;
}

/** Everything that decides how an encoder is trained; it is plain data, and written to `config.json` of a run. */
export interface TrainingConfig {
  /**
   * What is learned: the name of a method (see `METHODS`), or of one's own that is given beside the configuration; "simclr" by
   * default.
   */
  readonly method: string;
  /** The method's own options, where they differ from its defaults; none by default. A trainer's configuration has all of them. */
  readonly options: Readonly<Record<string, OptionValue>>;
  /** The name of an encoder, or of one's own that is given beside the configuration; "convnet" by default. */
  readonly encoder: (typeof ENCODERS)[number] | (string & {});
  /** Multiplies all channels of the encoder; 1 by default. */
  readonly width: number;
  /** The ResNets' first layers: `auto`, by default, takes `cifar` for images up to 64 pixels and `imagenet` above. */
  readonly stem: "auto" | "cifar" | "imagenet";
  /** The encoder's: "batch" norm by default, or "group" norm with standardised weights. */
  readonly norm: Norm;
  /** Of a transformer: pixels of a patch's side; 0, by default, for 4 where images have up to 64 pixels, and 16 above. */
  readonly patch: number;
  /** Of a transformer: the "class" token, by default, is the representation, or the "mean" of all patches, without such a token. */
  readonly pooling: (typeof VIT_POOLINGS)[number];
  /** Of a transformer: "learned" by default, or "sine", which are not trained. */
  readonly positions: (typeof VIT_POSITIONS)[number];
  /** Of a transformer: how often the last block's branches are left out in training (stochastic depth); 0 by default. */
  readonly dropPath: number;
  /** Of a transformer: where each channel's factor of the branches starts (layer scale); 0, by default, for none. */
  readonly layerScale: number;
  /** What images are normalised by before the encoder: `NORMALIZATIONS` has those of published sets; by default nothing. */
  readonly normalization: Normalization;
  /** `auto`, by default, takes the method's own. Several policies make one view of an image each. */
  readonly augmentation: "auto" | AugmentationPolicyName | AugmentationPolicies;
  /** Images a step; 128 by default, or all that there are in a smaller set. */
  readonly batch: number;
  /**
   * Images that go through encoder and head at once; fewer than `batch` means gradient caching, or gradient
   * accumulation where the method's loss allows it: see `recordGradientCache` and `recordAccumulation`.
   * `auto`, by default, takes the whole batch or, where that does not fit, the largest power of two that does.
   */
  readonly microBatch: number | "auto";
  /** MiB on the device that `microBatch: "auto"` stays within, and evaluation beside it (see `imagesAtOnce`); 2048 by default. */
  readonly memoryBudget: number;
  /**
   * Whether only the outputs of the encoder's blocks are kept for the backward pass, and the rest is computed a second time there;
   * false by default.
   */
  readonly recompute: boolean;
  /**
   * "f32" by default; "mixed" keeps the encoder's activations in f16, half the memory, multiplies by matrix units where there are
   * any, and scales the loss: it needs `shader-f16`.
   */
  readonly precision: (typeof PRECISIONS)[number];
  /** How often all images are gone through; 100 by default. */
  readonly epochs: number;
  /** The name of an optimizer, "adamw" by default, or "own" for one that is given beside the configuration. */
  readonly optimizer: (typeof OPTIMIZERS)[number] | (string & {});
  /** Before scaling with the batch; 0.001 by default. */
  readonly learningRate: number;
  /** How the learning rate goes with the batch, see `scaledLearningRate`; "none" by default: not at all. */
  readonly learningRateScaling: LearningRateScaling;
  /** Epochs of linear warm-up, 1 by default; a half cosine to 0 follows. */
  readonly warmupEpochs: number;
  /** 0.000001 by default. */
  readonly weightDecay: number;
  /**
   * What decays: by default the "weights" of convolutions and linear layers; with "all" biases and norms too, as by default in
   * PyTorch.
   */
  readonly decay: Decay;
  /** Whether SGD's momentum is Nesterov's; true by default. */
  readonly nesterov: boolean;
  /** The trust coefficient of LARS; 0.001 by default. */
  readonly larsEta: number;
  /** Whether LARS' local rates are clipped at the learning rate (solo-learn's LARS; with it, an `larsEta` of 0.02); false by default. */
  readonly larsClip: boolean;
  /** Of initial weights, order and augmentations, from 0 to 2^32 - 1; 1 by default. */
  readonly seed: number;
  /** Epochs between evaluations (kNN, and the classifier where there is one); 5 by default, and 0 for none during training. */
  readonly evaluateEvery: number;
  /** Steps between checkpoints, 200 by default; one is written before the first step, and one at the end. */
  readonly checkpointEvery: number;
  /** Minutes after which a step is followed by a checkpoint whatever its number, 5 by default; 0 for none. */
  readonly checkpointMinutes: number;
}

const LEAST_BATCH = 2;

/** The defaults: a small net and Adam, which learn on any machine. */
export const DEFAULT_CONFIG: TrainingConfig = {
  method: "simclr",
  options: {},
  encoder: "convnet",
  width: 1,
  stem: "auto",
  norm: "batch",
  patch: 0,
  pooling: "class",
  positions: "learned",
  dropPath: 0,
  layerScale: 0,
  normalization: NORMALIZATIONS.none,
  augmentation: "auto",
  batch: 128,
  microBatch: "auto",
  memoryBudget: MEMORY_BUDGET,
  recompute: false,
  precision: "f32",
  epochs: 100,
  optimizer: "adamw",
  learningRate: 1e-3,
  learningRateScaling: "none",
  warmupEpochs: 1,
  weightDecay: 1e-6,
  decay: "weights",
  nesterov: true,
  larsEta: 0.001,
  larsClip: false,
  seed: 1,
  evaluateEvery: 5,
  checkpointEvery: 200,
  checkpointMinutes: 5,
};

/** Whether a configuration has such a key. */
export function isConfigKey(key: string): key is keyof TrainingConfig {
  return Object.hasOwn(DEFAULT_CONFIG, key);
}

/** @throws ConfigError that says what was probably meant by a key that no configuration has */
function refuseKey(key: string, method: Method): never {
  if (Object.hasOwn(method.options, key))
    throw new ConfigError(`${key} is an option of the method ${method.name}: give it as options: { ${key}: ... }`);
  const known = Object.keys(DEFAULT_CONFIG);
  const near = nearestName(key, known);
  throw new ConfigError(
    `a configuration has no ${key}: ${near ? `did you mean ${near}?` : `it has ${known.join(", ")}`}`,
  );
}

/** Changes without those that are undefined: they stand for the defaults. @throws ConfigError for keys that no configuration has */
function knownChanges(changes: Partial<TrainingConfig>, method: Method): Partial<TrainingConfig> {
  const known: { -readonly [Key in keyof TrainingConfig]?: TrainingConfig[Key] } = { ...changes };
  for (const key of Object.keys(changes)) {
    if (!isConfigKey(key)) refuseKey(key, method);
    if (known[key] === undefined) delete known[key];
  }
  return known;
}

/** @throws ConfigError for a method, encoder or optimizer as code where its name is wanted */
function checkNames(changes: Partial<TrainingConfig>): void {
  for (const part of ["method", "encoder", "optimizer"] as const) {
    const given: unknown = changes[part];
    if (given !== undefined && typeof given !== "string")
      throw new ConfigError(
        `${part} of a configuration is a name, and this is ${kindText(given)}: one of your own goes beside it, as in Trainer.create(device, images, config, { ${part} })`,
      );
  }
}

/** A configuration with changes; options of the method add to those that are there, unless it is another method. */
export function withChanges(config: TrainingConfig, changes: Partial<TrainingConfig>): TrainingConfig {
  const { method = config.method, options = {} } = changes;
  return { ...config, ...changes, options: method === config.method ? { ...config.options, ...options } : options };
}

/**
 * The configuration that differs from `DEFAULT_CONFIG` in this, with all options of its method.
 * @param own what is given beside it: their names take the place of those in the configuration
 * @param images size of the training set: a batch that nobody asked for is not larger
 * @throws ConfigError for keys that no configuration has, a method that there is not, and options that it does not have.
 */
export function completeConfig(
  changes: Partial<TrainingConfig>,
  own: OwnParts = {},
  images = Number.POSITIVE_INFINITY,
): TrainingConfig {
  checkNames(changes);
  const method = own.method ?? methodNamed(changes.method ?? DEFAULT_CONFIG.method);
  const config = withChanges(DEFAULT_CONFIG, {
    batch: Math.max(LEAST_BATCH, Math.min(DEFAULT_CONFIG.batch, images)),
    ...knownChanges(changes, method),
    ...(own.method && { method: own.method.name }),
    ...(own.encoder && { encoder: own.encoder.name }),
    ...(own.optimizer && { optimizer: "own" }),
  });
  return { ...config, options: method.values(config.options) };
}

/**
 * The augmentations of a configuration for images of this size.
 * @param method of the configuration, where it is not one of the catalogue
 */
export function policyOf(
  { augmentation, method }: Pick<TrainingConfig, "augmentation" | "method">,
  imageSize: number,
  own: Method = methodNamed(method),
): AugmentationPolicies {
  if (typeof augmentation === "object") return augmentation;
  return augmentation === "auto" ? own.policies(imageSize) : augmentationPolicies[augmentation];
}

/** Whether an encoder of this name is a vision transformer. */
export function isTransformer(encoder: string): boolean {
  return encoder.startsWith("vit-");
}

/** A transformer of a configuration. @throws ConfigError for settings of other encoders. */
function transformerOf(size: VitSize, config: TrainingConfig, imageSize: number): Encoder {
  const { norm, width, patch, pooling, positions, dropPath, layerScale } = config;
  if (norm !== DEFAULT_CONFIG.norm)
    throw new ConfigError(`norm is "${norm}", and a transformer has layer norm: leave it out, or take another encoder`);
  return vit({ size, imageSize, width, patch, pooling, positions, dropPath, layerScale });
}

/** The encoder of a configuration for images of this size. @throws ConfigError for an unknown one. */
export function encoderOf(config: TrainingConfig, imageSize: number): Encoder {
  const { encoder, width, stem, norm, normalization } = config;
  const chosen = stem === "auto" ? (imageSize <= SMALL_IMAGE ? "cifar" : "imagenet") : stem;
  switch (encoder) {
    case "convnet":
      return normalizedInput(convnet(width, norm), normalization);
    case "resnet18":
      return normalizedInput(resnet({ depth: 18, stem: chosen, width, norm }), normalization);
    case "resnet34":
      return normalizedInput(resnet({ depth: 34, stem: chosen, width, norm }), normalization);
    case "resnet50":
      return normalizedInput(resnet({ depth: 50, stem: chosen, width, norm }), normalization);
    case "vit-micro":
      return normalizedInput(transformerOf("micro", config, imageSize), normalization);
    case "vit-tiny":
      return normalizedInput(transformerOf("tiny", config, imageSize), normalization);
    case "vit-small":
      return normalizedInput(transformerOf("small", config, imageSize), normalization);
    case "vit-base":
      return normalizedInput(transformerOf("base", config, imageSize), normalization);
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

/** @throws ConfigError where a net that is none has a setting of transformers: it would do nothing */
function expectNoTransformer(config: TrainingConfig): void {
  for (const key of ["patch", "pooling", "positions", "dropPath", "layerScale"] as const) {
    if (config[key] !== DEFAULT_CONFIG[key])
      throw new ConfigError(
        `${key} is ${config[key]}, a setting of transformers, and the encoder is ${config.encoder}: leave it out, or take ${ENCODERS.filter(isTransformer).join(", ")}`,
      );
  }
}

/**
 * @param images size of the training set
 * @param own what is given beside the configuration, in place of what it names
 * @throws ConfigError where a value is out of its range or not for this device.
 */
export function checkConfig(config: TrainingConfig, images: number, device: Device, own: OwnParts = {}): void {
  (own.method ?? methodNamed(config.method)).values(config.options);
  if (!own.encoder) oneOf("encoder", config.encoder, ENCODERS);
  if (!own.optimizer) oneOf("optimizer", config.optimizer, OPTIMIZERS);
  oneOf("precision", config.precision, PRECISIONS);
  oneOf("decay", config.decay, DECAYS);
  oneOf("learningRateScaling", config.learningRateScaling, SCALINGS);
  oneOf("stem", config.stem, ["auto", "cifar", "imagenet"]);
  oneOf("norm", config.norm, NORMS);
  oneOf("pooling", config.pooling, VIT_POOLINGS);
  oneOf("positions", config.positions, VIT_POSITIONS);
  wholeNumber("patch", config.patch, 0);
  if (!own.encoder && !isTransformer(config.encoder)) expectNoTransformer(config);
  if (typeof config.augmentation === "string") {
    oneOf("augmentation", config.augmentation, ["auto", ...Object.keys(augmentationPolicies)]);
  } else {
    checkPolicies(config.augmentation);
  }
  wholeNumber("batch", config.batch, LEAST_BATCH);
  if (config.microBatch !== "auto") wholeNumber("microBatch", config.microBatch, 1, config.batch);
  wholeNumber("memoryBudget", config.memoryBudget, 1);
  wholeNumber("epochs", config.epochs, 1);
  wholeNumber("seed", config.seed, 0, 2 ** 32 - 1);
  wholeNumber("evaluateEvery", config.evaluateEvery, 0);
  wholeNumber("checkpointEvery", config.checkpointEvery, 1);
  if (!(config.checkpointMinutes >= 0))
    throw new ConfigError(`checkpointMinutes is ${config.checkpointMinutes}; it must be a number from 0`);
  if (!(config.learningRate > 0) || !Number.isFinite(config.learningRate)) {
    throw new ConfigError(`learningRate is ${config.learningRate}; it must be a number above 0`);
  }
  if (!(config.weightDecay >= 0))
    throw new ConfigError(`weightDecay is ${config.weightDecay}; it must not be negative`);
  if (!(config.larsEta > 0) || !Number.isFinite(config.larsEta))
    throw new ConfigError(`larsEta is ${config.larsEta}; it must be a number above 0`);
  if (!(config.warmupEpochs >= 0 && config.warmupEpochs <= config.epochs)) {
    throw new ConfigError(
      `warmupEpochs is ${config.warmupEpochs}; it must lie between 0 and the ${config.epochs} epochs`,
    );
  }
  if (images < LEAST_BATCH)
    throw new ConfigError(`there is ${images} image to train on, and at least ${LEAST_BATCH} are needed`);
  if (config.batch > images) {
    throw new ConfigError(
      `the batch of ${config.batch} is larger than the training set of ${images} ${images === 1 ? "image" : "images"}: choose a smaller one`,
    );
  }
  if (config.precision === "mixed") {
    if (config.norm === "group")
      throw new ConfigError("mixed precision comes with batch norm only: use f32 with group norm");
    device.requireHalf();
  }
}
