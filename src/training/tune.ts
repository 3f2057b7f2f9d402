import type { Device } from "../engine/device.js";
import { type Timing, type TuneOptions, tune } from "../engine/tuner.js";
import { ConfigError } from "../errors.js";
import { checkConfig, DEFAULT_CONFIG, type TrainingConfig } from "./config.js";
import { createModel, createOptimizer } from "./model.js";
import { recordStep, withMicroBatch } from "./step.js";

/**
 * Tunes for the training step of a configuration on square images of `imageSize` pixels: times the variants of all its heavy
 * operations that have no choice yet, and makes the fastest the device's choices (see `tune`). Call it before
 * `Trainer.create` or `startRun`, and `saveChoices` to keep what it found.
 * @param config what differs from `DEFAULT_CONFIG`; objective, encoder, width, stem, norm, head, batch and precision matter
 * @param options `classes` is for the supervised objective
 * @throws ConfigError for values out of range; what goes wrong on the device.
 */
export async function tuneFor(
  device: Device,
  config: Partial<TrainingConfig>,
  imageSize: number,
  { classes, ...options }: TuneOptions & { readonly classes?: number } = {},
): Promise<Timing[]> {
  const full: TrainingConfig = { ...DEFAULT_CONFIG, ...config };
  checkConfig(full, full.batch, device);
  if (!Number.isInteger(imageSize) || imageSize < 1) {
    throw new ConfigError(`image size ${imageSize} must be a whole number of pixels from 1 up`);
  }
  const model = createModel(device, full, imageSize, classes);
  const optimizer = createOptimizer(full, model.tensors);
  // Only for the sites that the device's choices see meanwhile.
  recordStep(withMicroBatch({ device, config: full, model, optimizer })).free();
  optimizer.dispose();
  model.tensors.dispose();
  return tune(device, options);
}
