import type { Device } from "../engine/device.js";
import type { Tape } from "../engine/tape.js";
import type { Tensor } from "../engine/tensor.js";
import { ConfigError } from "../errors.js";
import { recordClassifier } from "../evaluation/classify.js";
import { imagesAtOnce, recordEmbedding, reserveEmbedding } from "../evaluation/embed.js";
import { recordSearch } from "../evaluation/knn.js";
import { recordProbe } from "../evaluation/linear-probe.js";
import { REPORTED } from "../evaluation/reported.js";
import type { Model } from "../nn/model.js";
import { checkConfig, completeConfig, type OwnParts, type TrainingConfig } from "./config.js";
import { createParts, disposeParts } from "./model.js";
import {
  candidatesOf,
  type DividedStep,
  peakWith,
  recordStep,
  rehearseStep,
  reserveSaving,
  type StepMemory,
  withMicroBatch,
} from "./step.js";
import { recordPictures } from "./training-step.js";

/** One part of a training step. */
export interface PlannedLayer {
  /** A layer or block of the encoder, or "views", "head", "loss", "optimizer". */
  readonly name: string;
  /** Floating-point operations of a whole step, forward and backward. */
  readonly flops: number;
  /** Bytes of its tensors that are there when a step needs the most. */
  readonly bytes: number;
}

/** What training with a configuration takes, from a recording of its step: nothing was run. */
export interface TrainingPlan {
  /** With the micro-batch that was chosen, where it was to be. */
  readonly config: TrainingConfig & {
    /** Images that go through encoder and head at once. */
    readonly microBatch: number;
  };
  /** Pixels; images are square. */
  readonly imageSize: number;
  /** Trained values. */
  readonly parameters: number;
  /** Floating-point operations of a step. */
  readonly flops: number;
  /** The parts of a step, in order. */
  readonly layers: readonly PlannedLayer[];
  /** Of device memory. */
  readonly bytes: {
    /** Parameters, their gradients, running statistics, the optimizer's state and what the method keeps. */
    readonly model: number;
    /** Images, embeddings, metrics, and what else stays from one program of a step to the next. */
    readonly inputs: number;
    /** Buffers of everything between them. */
    readonly activations: number;
    /** The sum: the most bytes on the device at once while it trains. */
    readonly peak: number;
    /** The most bytes in a whole run, evaluation and report included; null where the numbers of images are not known. */
    readonly run: number | null;
  };
  /** What it would take with other micro-batches. */
  readonly alternatives: readonly {
    /** Images that go through encoder and head at once. */
    readonly microBatch: number;
    /**
     * The most bytes on the device at once; null where it cannot be, for a tensor would be larger than the adapter allows, or
     * batch norm be left a single row.
     */
    readonly peak: number | null;
  }[];
}

/** How many images a run trains on and is tested on. */
export interface PlannedImages {
  /** Images that it trains on. */
  readonly train: number;
  /** 0 by default. */
  readonly test?: number;
  /** 0, no labels, by default. With two classes and test images a run is evaluated. */
  readonly classes?: number;
  /** The most pixels of the originals that views are cut from; null, the default, where they are cut from the images themselves. */
  readonly originalPixels?: number | null;
}

/** The most bytes on the device in a run with such steps: what stays, and the largest of what comes and goes. */
function runBytes(parts: DividedStep, { train, test = 0, classes = 0 }: PlannedImages): number {
  const { device, model, config } = parts;
  const { memory } = device;
  const dimension = model.encoder.features;
  const evaluated = test > 0 && classes > 1;
  return memory.rehearse(() => {
    for (const { tape } of recordStep(parts).tapes) tape.reserve();
    const atOnce = imagesAtOnce(device, model, config.memoryBudget);
    const embed = () => reserveEmbedding(device, model, atOnce);
    if (evaluated) {
      const { tape, features } = recordEmbedding(device, model, atOnce);
      tape.reserve([features]);
    }
    const shown = { candidates: Math.min(train, evaluated ? train : REPORTED.mapped), queries: REPORTED.queries };
    const { tape: views, groups } = recordPictures(parts, Math.min(REPORTED.views, train));
    const stages: readonly (() => void)[] = [
      ...(evaluated ? [] : [embed]),
      () => reserveSaving(parts),
      () =>
        reserveAll(
          device,
          recordSearch(device, { ...shown, dimension, classes: 1 }, { k: REPORTED.nearest + 1 }).tapes,
        ),
      () => reserveAll(device, [{ tape: views, keep: groups }]),
      ...(evaluated
        ? [
            () =>
              reserveAll(device, recordSearch(device, { candidates: train, queries: test, dimension, classes }).tapes),
            () => reserveAll(device, recordProbe(device, { train, test, dimension, classes }).tapes),
          ]
        : []),
      ...(evaluated && model.classes > 0 ? [() => reserveClassifier(device, model, test)] : []),
    ];
    return Math.max(...stages.map((stage) => memory.rehearse(stage).peakBytes));
  }).result;
}

function reserveClassifier(device: Device, model: Model, rows: number): void {
  reserveAll(device, recordClassifier(device, model, rows).tapes);
}

/** The memory of recordings that are compiled one beside the other, and of reading what the last one keeps. */
function reserveAll(
  device: Device,
  recordings: readonly { readonly tape: Tape; readonly keep: readonly Tensor[] }[],
): void {
  for (const { tape, keep } of recordings) tape.reserve(keep);
  const read = Math.max(...(recordings.at(-1)?.keep ?? []).map(({ bytes }) => bytes));
  device.memory.create(read, GPUBufferUsage.COPY_DST, "staging");
}

/**
 * Plans the training of a configuration on square images of `imageSize` pixels: memory and operations, part by part. Only
 * the model and the optimizer's state are made on the device, and freed again.
 * @param config what differs from `DEFAULT_CONFIG`
 * @param images of the run, for the plan of its evaluation and report; a method may depend on their number
 * @param own an encoder, a method or an optimizer of one's own
 * @throws ConfigError for values out of range; OutOfMemoryError where no micro-batch fits.
 */
export function planTraining(
  device: Device,
  config: Partial<TrainingConfig>,
  imageSize: number,
  images: PlannedImages | null = null,
  own: OwnParts = {},
): TrainingPlan {
  const full = completeConfig(config, own, images?.train);
  checkConfig(full, images?.train ?? full.batch, device, own);
  if (!Number.isInteger(imageSize) || imageSize < 1) {
    throw new ConfigError(`image size ${imageSize} must be a whole number of pixels from 1 up`);
  }
  const before = device.memory.currentBytes;
  const { classes = 0, train, originalPixels } = images ?? {};
  const undivided = createParts(device, full, { imageSize, classes, images: train, originalPixels }, own);
  try {
    const parts = withMicroBatch(undivided);
    const modelBytes = device.memory.currentBytes - before;
    const { result, peakBytes } = rehearseStep(parts);
    const layers = layersOf(result.programs);
    return {
      config: parts.config,
      imageSize,
      parameters: parts.model.tensors.parameterCount,
      flops: layers.reduce((sum, { flops }) => sum + flops, 0),
      layers,
      bytes: {
        model: modelBytes,
        inputs: result.inputs,
        activations: peakBytes - before - modelBytes - result.inputs,
        peak: peakBytes - before,
        run: images && Math.max(peakBytes, runBytes(parts, images)) - before,
      },
      alternatives: alternativesTo(parts, before),
    };
  } finally {
    disposeParts(undivided);
  }
}

/**
 * Floating-point operations of a training step of a configuration on square images of `imageSize` pixels. Nothing is made on
 * the device.
 * @param classes of the set; 0 without labels
 * @param images of the training set, where a method keeps something of each
 * @throws ConfigError for values out of range; OutOfMemoryError where no micro-batch fits.
 */
export function stepFlops(
  device: Device,
  config: TrainingConfig,
  imageSize: number,
  classes = 0,
  images?: number,
): number {
  checkConfig(config, config.batch, device);
  const { result } = device.memory.rehearse(() => {
    return recordStep(withMicroBatch(createParts(device, config, { imageSize, classes, images }))).tapes.reduce(
      (sum, { tape, runs }) => sum + runs * tape.launches.reduce((part, { flops }) => part + flops, 0),
      0,
    );
  });
  return result;
}

/** The parts that recordings name, in the order in which they do. */
function layersOf(programs: StepMemory["programs"]): PlannedLayer[] {
  const layers = new Map<string, { flops: number; bytes: number }>();
  const layer = (name: string) => {
    const found = layers.get(name) ?? { flops: 0, bytes: 0 };
    layers.set(name, found);
    return found;
  };
  for (const { tape, runs } of programs) {
    for (const { scope, flops } of tape.launches) layer(scope).flops += runs * flops;
  }
  const [largest] = programs.toSorted((a, b) => b.memory.liveBytes - a.memory.liveBytes);
  for (const { tensor, first } of largest.memory.alive) layer(largest.tape.launches[first].scope).bytes += tensor.bytes;
  return [...layers].map(([name, { flops, bytes }]) => ({ name, flops, bytes }));
}

/** The peak for the whole batch and the powers of two below it. */
function alternativesTo(parts: DividedStep, before: number): TrainingPlan["alternatives"] {
  return candidatesOf(parts.config.batch).map((microBatch) => {
    const peak = peakWith(parts, microBatch);
    return { microBatch, peak: peak === null ? null : peak - before };
  });
}
