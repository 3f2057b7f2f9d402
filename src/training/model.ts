import type { Clips } from "../data/clips.js";
import type { Device } from "../engine/device.js";
import { ConfigError } from "../errors.js";
import { methodNamed } from "../methods/catalogue.js";
import type { Design, Facts, Learner, Method } from "../methods/method.js";
import { type Model, modelOf } from "../nn/model.js";
import type { ModelTensors } from "../nn/model-tensors.js";
import { adamW } from "../optim/adamw.js";
import { lars } from "../optim/lars.js";
import { withLossScale } from "../optim/loss-scale.js";
import type { Optimizer } from "../optim/optimizer.js";
import { sgd } from "../optim/sgd.js";
import { encoderOf, type OwnParts, policyOf, type TrainingConfig } from "./config.js";

/** What is known of the images before a model is made. */
export interface ImageFacts {
  /** Pixels; images are square. */
  readonly imageSize: number;
  /** Classes of the set; 0 without labels. */
  readonly classes: number;
  /** Images of the training set; infinite where that is not known. */
  readonly images?: number;
  /** Which images are frames of one clip, and when; null, the default, where that is not known. */
  readonly clips?: Clips | null;
  /** The most pixels of the originals that views are cut from; null, the default, where they are cut from images of `imageSize`. */
  readonly originalPixels?: number | null;
}

/**
 * What a step is recorded for: a checked configuration, the model, how it learns, and what moves its weights.
 * @internal
 */
export interface StepParts {
  readonly device: Device;
  readonly config: TrainingConfig;
  readonly method: Method;
  readonly model: Model;
  readonly learner: Learner;
  readonly optimizer: Optimizer;
  /** See `ImageFacts`. */
  readonly originalPixels: number | null;
}

function factsOf(
  config: TrainingConfig,
  { imageSize, classes, images = Number.POSITIVE_INFINITY, clips = null }: ImageFacts,
  own: OwnParts,
): Facts {
  const encoder = own.encoder ?? encoderOf(config, imageSize);
  const { batch, precision, seed } = config;
  return { encoder, imageSize, images, batch, classes, clips, half: precision === "mixed", seed };
}

function modelOfDesign(device: Device, { head, classes, others }: Design, { encoder, imageSize, seed }: Facts): Model {
  return modelOf(device, { encoder, head, classes, imageSize, ...(others && { others }) }, seed);
}

/**
 * Makes the model of a configuration with its initial weights.
 * @param classes of the set; 0, for none, by default
 * @param own what is given beside the configuration
 * @throws ConfigError for values out of range, and for what the method cannot do with these images.
 */
export function createModel(
  device: Device,
  config: TrainingConfig,
  imageSize: number,
  classes = 0,
  own: OwnParts = {},
): Model {
  const facts = factsOf(config, { imageSize, classes }, own);
  const method = own.method ?? methodNamed(config.method);
  return modelOfDesign(device, method.design(config.options, facts), facts);
}

/** Makes the optimizer of a configuration, in mixed precision with a loss scale. */
export function createOptimizer(
  config: TrainingConfig,
  tensors: ModelTensors,
  own: OwnParts["optimizer"] = undefined,
): Optimizer {
  return tensors.device.memory.allOrNothing(() => {
    const optimizer = own ? own(tensors) : namedOptimizer(config, tensors);
    return config.precision === "mixed" ? withLossScale(tensors, optimizer) : optimizer;
  });
}

function namedOptimizer(config: TrainingConfig, tensors: ModelTensors): Optimizer {
  const { optimizer, weightDecay, decay, nesterov, larsEta: eta, larsClip: trustClip } = config;
  switch (optimizer) {
    case "adamw":
      return adamW(tensors, { weightDecay, decay });
    case "lars":
      return lars(tensors, { weightDecay, decay, eta, trustClip });
    case "sgd":
      return sgd(tensors, { weightDecay, decay, nesterov });
    default:
      throw new ConfigError(`there is no optimizer "${optimizer}"`);
  }
}

/**
 * Makes the model of a configuration, what its method keeps on the device, and the optimizer.
 * @throws ConfigError for values out of range, and for what the method cannot do with these images; OutOfMemoryError
 */
export function createParts(device: Device, config: TrainingConfig, images: ImageFacts, own: OwnParts = {}): StepParts {
  const facts = factsOf(config, images, own);
  const method = own.method ?? methodNamed(config.method);
  const design = method.design(config.options, facts);
  return device.memory.allOrNothing(() => {
    const model = modelOfDesign(device, design, facts);
    const policies = policyOf(config, facts.imageSize, method);
    const learner = design.start({ ...facts, device, model, policies, recompute: config.recompute });
    const optimizer = createOptimizer(config, model.tensors, own.optimizer);
    return { device, config, method, model, learner, optimizer, originalPixels: images.originalPixels ?? null };
  });
}

/** Frees everything that such parts have on the device. */
export function disposeParts({ model, learner, optimizer }: StepParts): void {
  optimizer.dispose();
  learner.dispose?.();
  model.tensors.dispose();
}
