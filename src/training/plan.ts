import type { Device } from "../engine/device.js";
import { ConfigError } from "../errors.js";
import { EMBEDDED_AT_ONCE, recordEmbedding } from "../evaluation/embed.js";
import { recordSearch } from "../evaluation/knn.js";
import { recordProbe } from "../evaluation/linear-probe.js";
import { checkConfig, completeConfig, type OwnParts, type TrainingConfig } from "./config.js";
import { createParts, disposeParts } from "./model.js";
import {
  candidatesOf,
  type DividedStep,
  peakWith,
  recordStep,
  rehearseStep,
  type StepMemory,
  withMicroBatch,
} from "./step.js";

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
  readonly config: TrainingConfig & { readonly microBatch: number };
  readonly imageSize: number;
  readonly parameters: number;
  /** Floating-point operations of a step. */
  readonly flops: number;
  readonly layers: readonly PlannedLayer[];
  readonly bytes: {
    /** Parameters, their gradients, running statistics, the optimizer's state and what the method keeps. */
    readonly model: number;
    /** Images, embeddings, metrics, and what else stays from one program of a step to the next. */
    readonly inputs: number;
    /** Buffers of everything between them. */
    readonly activations: number;
    /** The sum: the most bytes on the device at once while it trains. */
    readonly peak: number;
    /** The most bytes while it is evaluated, with training's buffers beside; null where there is nothing to evaluate on. */
    readonly evaluation: number | null;
  };
  /** The peak with other micro-batches; null where it cannot be, for a tensor would be larger than the adapter allows, or batch
   * norm be left a single row. */
  readonly alternatives: readonly { readonly microBatch: number; readonly peak: number | null }[];
}

/** Sizes of the labelled images that a training is evaluated on, and whose classes supervised training tells apart. */
export interface EvaluatedImages {
  readonly train: number;
  readonly test: number;
  readonly classes: number;
}

/** The most bytes on the device while the model of such steps is evaluated. */
function evaluationBytes(parts: DividedStep, { train, test, classes }: EvaluatedImages): number {
  const { device, model } = parts;
  const { memory } = device;
  const dimension = model.encoder.features;
  return memory.rehearse(() => {
    for (const { tape } of recordStep(parts).tapes) tape.reserve();
    const embedding = recordEmbedding(device, model, EMBEDDED_AT_ONCE);
    embedding.tape.reserve([embedding.features]);
    const stages = [
      () => recordSearch(device, { candidates: train, queries: test, dimension, classes }),
      () => recordProbe(device, { train, test, dimension, classes }),
    ];
    const peaks = stages.map((record) => {
      const { peakBytes } = memory.rehearse(() => {
        const { tapes } = record();
        for (const { tape, keep } of tapes) tape.reserve(keep);
        // What the last program keeps is read.
        const read = Math.max(...(tapes.at(-1)?.keep ?? []).map(({ bytes }) => bytes));
        memory.create(read, GPUBufferUsage.COPY_DST, "staging");
      });
      return peakBytes;
    });
    return Math.max(...peaks);
  }).result;
}

/**
 * Plans the training of a configuration on square images of `imageSize` pixels: memory and operations, part by part. Only
 * the model and the optimizer's state are made on the device, and freed again.
 * @param config what differs from `DEFAULT_CONFIG`
 * @param own an encoder, a method or an optimizer of one's own; and `images`, the size of the training set where it has no labels
 * @throws ConfigError for values out of range; OutOfMemoryError where no micro-batch fits.
 */
export function planTraining(
  device: Device,
  config: Partial<TrainingConfig>,
  imageSize: number,
  evaluated: EvaluatedImages | null = null,
  { images = evaluated?.train, ...own }: OwnParts & { readonly images?: number } = {},
): TrainingPlan {
  const full = completeConfig(config, own);
  checkConfig(full, full.batch, device, own);
  if (!Number.isInteger(imageSize) || imageSize < 1) {
    throw new ConfigError(`image size ${imageSize} must be a whole number of pixels from 1 up`);
  }
  const before = device.memory.currentBytes;
  const undivided = createParts(device, full, { imageSize, classes: evaluated?.classes ?? 0, images }, own);
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
        evaluation: evaluated && evaluationBytes(parts, evaluated) - before,
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
 * @throws ConfigError for values out of range; OutOfMemoryError where no micro-batch fits.
 */
export function stepFlops(device: Device, config: TrainingConfig, imageSize: number, classes = 0): number {
  checkConfig(config, config.batch, device);
  const { result } = device.memory.rehearse(() => {
    return recordStep(withMicroBatch(createParts(device, config, { imageSize, classes }))).tapes.reduce(
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
