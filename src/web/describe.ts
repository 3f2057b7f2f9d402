import { augmentationPolicies } from "../augment/policy.js";
import { METHODS } from "../methods/catalogue.js";
import type { TrainingConfig } from "../training/config.js";
import type { MethodText, Settings } from "./messages.js";

/** What is trained by itself on two cores, and on a GPU: the recipe of `simclr demo`, smaller or longer. */
export function usualSettings(software: boolean): Settings {
  return {
    method: "simclr",
    options: { temperature: 0.2 },
    encoder: "convnet",
    width: software ? 0.5 : 1,
    batch: software ? 64 : 128,
    microBatch: "auto",
    epochs: software ? 16 : 60,
    learningRate: 1e-3,
    augmentation: augmentationPolicies["cifar-weak"],
  };
}

/** A configuration of chosen settings; a batch that is larger than the set becomes all of it. */
export function configOf({ batch, ...settings }: Settings, images: number): Partial<TrainingConfig> {
  return { ...settings, batch: Math.min(batch, images), weightDecay: 0 };
}

/** Whether a method takes labels. */
export function isLabelled(method: string): boolean {
  return METHODS.some(({ name, labels }) => name === method && labels);
}

/** The methods for a form: those that take pictures, and not clips. */
export function methodTexts(): MethodText[] {
  return METHODS.filter(({ clips }) => !clips).map(({ name, summary, labels, options }) => ({
    ...{ name, summary, labels },
    options: Object.entries(options).map(([option, { default: value, description, wants, choices }]) => ({
      ...{ name: option, default: value, description, wants },
      ...(choices && { choices }),
    })),
  }));
}
