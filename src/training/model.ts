import type { Device } from "../engine/device.js";
import { classifier } from "../nn/classifier.js";
import { ModelTensors } from "../nn/model-tensors.js";
import type { Encoder, Head } from "../nn/module.js";
import { projectionHead } from "../nn/projection-head.js";
import { adamW } from "../optim/adamw.js";
import { lars } from "../optim/lars.js";
import { withLossScale } from "../optim/loss-scale.js";
import type { Optimizer } from "../optim/optimizer.js";
import { sgd } from "../optim/sgd.js";
import { encoderOf, type TrainingConfig } from "./config.js";

/** Encoder f, projection head g (or the classifier of supervised training) and their tensors. */
export interface SimclrModel {
  readonly encoder: Encoder;
  readonly head: Head;
  /** Classes that the head tells apart; 0 where it is a projection head. */
  readonly classes: number;
  readonly tensors: ModelTensors;
  /** Pixels; images are square. */
  readonly imageSize: number;
}

/**
 * Makes the model of a configuration with its initial weights.
 * @param classes of supervised training; contrastive training has none.
 * @throws ConfigError for values out of range, and supervised training of fewer than two classes.
 */
export function createModel(device: Device, config: TrainingConfig, imageSize: number, classes = 0): SimclrModel {
  const encoder = encoderOf(config, imageSize);
  const supervised = config.objective === "supervised";
  const head = supervised ? classifier(encoder.features, classes) : projectionHead(encoder.features, config.head);
  const tensors = new ModelTensors(device, [...encoder.tensors, ...head.tensors], config.seed);
  return { encoder, head, classes: supervised ? classes : 0, tensors, imageSize };
}

/** Makes the optimizer of a configuration, in mixed precision with a loss scale. */
export function createOptimizer(config: TrainingConfig, tensors: ModelTensors): Optimizer {
  const optimizer = plainOptimizer(config, tensors);
  return config.precision === "mixed" ? withLossScale(tensors, optimizer) : optimizer;
}

function plainOptimizer({ optimizer, weightDecay }: TrainingConfig, tensors: ModelTensors): Optimizer {
  switch (optimizer) {
    case "adamw":
      return adamW(tensors, { weightDecay });
    case "lars":
      return lars(tensors, { weightDecay });
    case "sgd":
      return sgd(tensors, { weightDecay });
  }
}
