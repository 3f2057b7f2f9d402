import type { Device } from "../engine/device.js";
import { ModelTensors } from "./model-tensors.js";
import type { Encoder, Head, Module } from "./module.js";

/** A trained or untrained encoder f with what follows it, and their tensors. */
export interface Model {
  /** From images to representations h. */
  readonly encoder: Encoder;
  /** What follows the encoder: a projection head g, or a classifier. */
  readonly head: Head;
  /** Classes that the head tells apart; 0 where it is a projection head. */
  readonly classes: number;
  /** Those of the encoder first, then the head's, then those of what else is trained with them. */
  readonly tensors: ModelTensors;
  /** Pixels; images are square. */
  readonly imageSize: number;
}

/** What a model is made of. */
export interface ModelParts extends Omit<Model, "tensors"> {
  /** What is trained beside encoder and head: a predictor, a learned temperature. */
  readonly others?: readonly Pick<Module, "tensors">[];
}

/** Makes a model with its initial weights, drawn from `seed`. @throws ShapeError where two tensors have the same name. */
export function modelOf(device: Device, { others = [], ...parts }: ModelParts, seed: number): Model {
  const { encoder, head } = parts;
  const specs = [encoder, head, ...others].flatMap(({ tensors }) => tensors);
  return { ...parts, tensors: new ModelTensors(device, specs, seed) };
}
