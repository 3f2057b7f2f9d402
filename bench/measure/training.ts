import type { Originals } from "../../src/data/dataset.js";
import { datasetFromPixels } from "../../src/data/pixels.js";
import type { Device } from "../../src/engine/device.js";
import { ConfigError } from "../../src/errors.js";
import { ENCODERS, PRECISIONS, type TrainingConfig } from "../../src/training/config.js";
import { Trainer } from "../../src/training/trainer.js";
import type { Settings } from "./benchmark.js";
import { wholeNumber } from "./benchmark.js";
import { noiseBytes } from "./inputs.js";

/** A training step to be measured. */
export interface StepShape {
  readonly encoder: TrainingConfig["encoder"];
  /** Images; the encoder sees two views of each. */
  readonly batch: number;
  /** Pixels; images are square. */
  readonly imageSize: number;
  /** The whole batch by default. */
  readonly microBatch?: number;
  /** f32 by default. */
  readonly precision?: TrainingConfig["precision"];
  /** Pixels of the originals that views are cut from; those of the images by default. */
  readonly originalPixels?: number;
}

/** @throws ConfigError for an unknown precision. */
export function precisionOf(settings: Settings): TrainingConfig["precision"] {
  const precision = PRECISIONS.find((name) => name === settings.precision);
  if (precision) return precision;
  throw new ConfigError(`there is no precision "${settings.precision}": choose ${PRECISIONS.join(", ")}`);
}

/** @throws ConfigError for an unknown encoder or precision, or numbers out of range. */
export function stepShape(settings: Settings): StepShape {
  const encoder = ENCODERS.find((name) => name === settings.encoder);
  if (!encoder) throw new ConfigError(`there is no encoder "${settings.encoder}": choose ${ENCODERS.join(", ")}`);
  const precision = precisionOf(settings);
  const imageSize = wholeNumber(settings, "size");
  const originalPixels = settings["originals"] === undefined ? undefined : wholeNumber(settings, "originals");
  return { encoder, batch: wholeNumber(settings, "batch", 2), imageSize, precision, originalPixels };
}

/** A trainer on images of noise, whose content does not change what is computed, with more steps than will be asked for. */
export function noiseTrainer(
  device: Device,
  { encoder, batch, imageSize, microBatch = batch, precision = "f32", originalPixels }: StepShape,
  onCompile?: (compiled: number, total: number) => void,
  others: Partial<Pick<TrainingConfig, "method" | "options" | "norm" | "optimizer">> = {},
): Promise<Trainer> {
  const pixels = noiseBytes(batch * imageSize * imageSize * 4);
  const images = datasetFromPixels({ pixels, channels: 4, width: imageSize, height: imageSize });
  const dataset = originalPixels === undefined ? images : { ...images, originals: noiseOriginals(originalPixels) };
  const config = { encoder, batch, microBatch, precision, ...others, epochs: 10_000 };
  return Trainer.create(device, dataset, config, { onCompile });
}

/** Originals of noise, as wide as they are high or nearly so. */
function noiseOriginals(pixels: number): Originals {
  const width = Math.floor(Math.sqrt(pixels));
  const height = Math.floor(pixels / width);
  const noise = noiseBytes(4 * width * height);
  return {
    pixels,
    async fetch(indices, out, sizes) {
      for (let i = 0; i < indices.length; i++) {
        out.set(noise, 4 * pixels * i);
        sizes.set([height, width], 2 * i);
      }
    },
  };
}

/**
 * Trains `count` steps (2 or more), as they run in training; resolves with the seconds that each took, of fewer steps where the
 * signal stopped it.
 */
export async function trainSteps(trainer: Trainer, count: number, signal?: AbortSignal): Promise<number[]> {
  const controller = new AbortController();
  const seconds: number[] = [];
  await trainer.train({
    signal: signal ? AbortSignal.any([controller.signal, signal]) : controller.signal,
    onStep: ({ imagesPerSecond }) => {
      seconds.push(trainer.config.batch / imagesPerSecond);
      // The step after this one is running.
      if (seconds.length >= count - 1) controller.abort();
    },
  });
  return seconds;
}
