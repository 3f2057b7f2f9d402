import type { Device } from "../engine/device.js";
import { type Timing, type TuneOptions, tune } from "../engine/tuner.js";
import { ConfigError } from "../errors.js";
import { checkConfig, completeConfig, type TrainingConfig } from "./config.js";
import { createParts, disposeParts } from "./model.js";
import { recordStep, withMicroBatch } from "./step.js";

/**
 * Tunes for the training step of a configuration on square images of `imageSize` pixels: times the variants of all its heavy
 * operations that have no choice yet, and makes the fastest the device's choices (see `tune`). Call it before
 * `Trainer.create` or `startRun`, and `saveChoices` to keep what it found.
 * @param config what differs from `DEFAULT_CONFIG`; method, encoder, width, stem, norm, batch and precision matter
 * @param options `classes` is for methods that take labels
 * @throws ConfigError for values out of range; what goes wrong on the device.
 */
export async function tuneFor(
  device: Device,
  config: Partial<TrainingConfig>,
  imageSize: number,
  { classes = 0, ...options }: TuneOptions & { readonly classes?: number } = {},
): Promise<Timing[]> {
  const full = completeConfig(config);
  checkConfig(full, full.batch, device);
  if (!Number.isInteger(imageSize) || imageSize < 1) {
    throw new ConfigError(`image size ${imageSize} must be a whole number of pixels from 1 up`);
  }
  const parts = createParts(device, full, { imageSize, classes });
  try {
    // Only for the sites that the device's choices see meanwhile.
    recordStep(withMicroBatch(parts)).free();
  } finally {
    disposeParts(parts);
  }
  return tune(device, options);
}
