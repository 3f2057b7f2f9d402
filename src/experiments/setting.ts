import type { ImageSet } from "../data/dataset.js";
import { ConfigError } from "../errors.js";
import { evenly, withTestSet } from "../evaluation/evaluation.js";
import { SMALL_IMAGE } from "../nn/resnet.js";
import { completeConfig, DEFAULT_CONFIG, type TrainingConfig, withChanges } from "../training/config.js";
import { clipParts } from "./clip-parts.js";

/**
 * How much an experiment does. `smoke`: a few minutes on two processor cores, to see that everything works; `small`: about an
 * hour there, enough to show the effect; `full`: the setting of the paper.
 */
export const SCALES = ["smoke", "small", "full"] as const;
export type Scale = (typeof SCALES)[number];

/** What an experiment is planned for. */
export interface Setting {
  readonly scale: Scale;
  /** Pixels. */
  readonly imageSize: number;
  readonly trainImages: number;
  readonly testImages: number;
  readonly classes: number;
  /** Whether the images are frames of clips, which have no labels. */
  readonly clips: boolean;
  /** The images that encoders are transferred to; null where none were given. */
  readonly target: { readonly trainImages: number; readonly testImages: number; readonly classes: number } | null;
  /** What all runs have in common where an experiment does not vary it. */
  readonly base: TrainingConfig;
  /** The seeds of the runs that are repeated. */
  readonly seeds: readonly number[];
}

/** The most images that an experiment takes, evenly from those there are. */
const MOST_IMAGES = {
  smoke: { train: 2000, test: 1000 },
  small: { train: 5000, test: 5000 },
  full: { train: Number.POSITIVE_INFINITY, test: Number.POSITIVE_INFINITY },
} as const;

/**
 * The images that an experiment of a scale takes; a labelled set without a test part gives a tenth of each class to one, and clips
 * without one every fifth.
 * @throws ConfigError for too few clips.
 */
export function imagesFor(images: ImageSet, scale: Scale): ImageSet {
  const most = MOST_IMAGES[scale];
  if (images.train.clips) return clipParts(images, most);
  const { train, test } = withTestSet(images);
  return { train: evenly(train, most.train), test: test && evenly(test, most.test) };
}

/**
 * The common configuration. Small scales train the small net with AdamW, whose learning rate grows with the batch, so that
 * an epoch of many small steps goes as far as one of few large ones; the full one is that of the paper for ImageNet (Chen et
 * al. 2020, section 2.3), or for CIFAR-10 that of its appendix B.9 with ResNet-18.
 */
function baseConfig(scale: Scale, imageSize: number): Partial<TrainingConfig> {
  if (scale !== "full") {
    const batch = scale === "smoke" ? 128 : 256;
    return {
      encoder: "convnet",
      batch,
      epochs: scale === "smoke" ? 2 : 10,
      options: { temperature: 0.5 },
      optimizer: "adamw",
      learningRate: 1.5e-3,
      learningRateScaling: "linear",
      warmupEpochs: scale === "smoke" ? 0.2 : 1,
    };
  }
  const common = { optimizer: "lars", learningRateScaling: "linear", warmupEpochs: 10 } as const;
  return imageSize <= SMALL_IMAGE
    ? {
        ...common,
        encoder: "resnet18",
        batch: 512,
        epochs: 200,
        options: { temperature: 0.5 },
        learningRate: 1,
        weightDecay: 1e-4,
      }
    : {
        ...common,
        encoder: "resnet50",
        batch: 4096,
        epochs: 100,
        options: { temperature: 0.1 },
        learningRate: 0.3,
        weightDecay: 1e-6,
      };
}

/** A batch, halved until two of them fit a training set. */
export function fittingBatch(batch: number, trainImages: number): number {
  return batch > 2 && 2 * batch > trainImages ? fittingBatch(Math.floor(batch / 2), trainImages) : batch;
}

/**
 * The setting of a scale for these images; `config` replaces parts of the scale's configuration, and the batch is one of
 * which two fit the training set.
 */
export function settingFor(
  scale: Scale,
  images: ImageSet,
  config: Partial<TrainingConfig> = {},
  target: ImageSet | null = null,
): Setting {
  const { train, test } = images;
  const usual = withChanges(DEFAULT_CONFIG, { evaluateEvery: 0, ...baseConfig(scale, train.width) });
  const wanted = completeConfig(withChanges(usual, config));
  return {
    scale,
    imageSize: train.width,
    trainImages: train.length,
    testImages: test?.length ?? 0,
    classes: train.classes.length,
    clips: train.clips !== undefined,
    target: target && {
      trainImages: target.train.length,
      testImages: target.test?.length ?? 0,
      classes: target.train.classes.length,
    },
    base: { ...wanted, batch: fittingBatch(wanted.batch, train.length) },
    seeds: scale === "small" ? [1, 2, 3] : [1],
  };
}

/**
 * An option of a configuration's method that an experiment looks at.
 * @throws ConfigError where the method has none of this name.
 */
export function numberOption({ method, options }: TrainingConfig, name: string): number {
  const value = options[name];
  if (typeof value === "number") return value;
  throw new ConfigError(`${method} has no ${name}, which this experiment looks at: run it with --method simclr`);
}
