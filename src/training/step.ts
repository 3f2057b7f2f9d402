import type { MemoryPlan } from "../engine/planner.js";
import type { Tape } from "../engine/tape.js";
import { OutOfMemoryError, ShapeError } from "../errors.js";
import { recordAccumulation } from "./gradient-accumulation.js";
import { recordGradientCache } from "./gradient-cache.js";
import type { StepParts } from "./model.js";
import { recordWholeBatch, type StepRecording } from "./training-step.js";

/**
 * The parts of a step whose micro-batch is known.
 * @internal
 */
export type DividedStep = StepParts & { readonly config: { readonly microBatch: number } };

const MEBIBYTE = 2 ** 20;

/** Records a training step: on the whole batch at once where that is one micro-batch, else as its method allows. */
export function recordStep(parts: DividedStep): StepRecording {
  const { batch, microBatch } = parts.config;
  return parts.device.memory.allOrNothing(() => {
    if (microBatch >= batch) return recordWholeBatch(parts);
    return parts.learner.coupled ? recordGradientCache(parts, microBatch) : recordAccumulation(parts, microBatch);
  });
}

/** What a recorded step takes on the device. */
export interface StepMemory {
  /** Bytes of what stays from one program of a step to the next: images, embeddings, metrics. */
  readonly inputs: number;
  /** The recordings of the step, what lies where in each, and how often a step runs it. */
  readonly programs: readonly { readonly tape: Tape; readonly runs: number; readonly memory: MemoryPlan }[];
}

/**
 * The most bytes on the device at once while such steps run and checkpoints are read: what is there now, and what that takes.
 * @throws OutOfMemoryError where a tensor is larger than the adapter allows.
 */
export function rehearseStep(parts: DividedStep): { readonly peakBytes: number; readonly result: StepMemory } {
  const { memory } = parts.device;
  return memory.rehearse(() => {
    const before = memory.currentBytes;
    const { tapes } = recordStep(parts);
    const inputs = memory.currentBytes - before;
    const programs = tapes.map(({ tape, runs }) => ({ tape, runs, memory: tape.reserve() }));
    reserveSaving(parts);
    return { inputs, programs };
  });
}

/** Takes the memory that reading a checkpoint takes: its tensors are read one after another. */
export function reserveSaving({ device, model, optimizer, learner }: StepParts): void {
  const states = [optimizer, learner].flatMap(({ state }) => [...state.values()]);
  const saved = [...model.tensors.parameters.map(({ value }) => value), ...states];
  device.memory.create(Math.max(...saved.map(({ bytes }) => bytes)), GPUBufferUsage.COPY_DST, "staging");
}

/** The parts with another micro-batch. */
export function divided(parts: StepParts, microBatch: number): DividedStep {
  return { ...parts, config: { ...parts.config, microBatch } };
}

/**
 * The most bytes on the device with another micro-batch; null where it cannot be: a tensor would be larger than the adapter allows, or
 * a batch norm would be left a single row to take its statistics from.
 */
export function peakWith(parts: StepParts, microBatch: number): number | null {
  try {
    return rehearseStep(divided(parts, microBatch)).peakBytes;
  } catch (error) {
    if (error instanceof OutOfMemoryError || error instanceof ShapeError) return null;
    throw error;
  }
}

/** The whole batch and the powers of two below it, downwards. */
export function candidatesOf(batch: number): number[] {
  const powers = Array.from({ length: Math.ceil(Math.log2(batch)) }, (_, i) => 2 ** i);
  return [batch, ...powers.toReversed()];
}

/** The largest micro-batch that fits, of those candidates; null where none does. */
function largestMicroBatch(parts: StepParts): number | null {
  const { batch, memoryBudget } = parts.config;
  const fitting = candidatesOf(batch).find((candidate) => {
    const peak = peakWith(parts, candidate);
    return peak !== null && peak <= memoryBudget * MEBIBYTE;
  });
  return fitting ?? null;
}

/**
 * The parts with the micro-batch that the configuration names, or the largest one that fits.
 * @throws OutOfMemoryError where a tensor is larger than the adapter allows, or no micro-batch fits the memory budget; ShapeError
 * where batch norm would be left a single row.
 */
export function withMicroBatch(parts: StepParts): DividedStep {
  const { config } = parts;
  if (config.microBatch === "auto") {
    const chosen = largestMicroBatch(parts);
    if (chosen !== null) return divided(parts, chosen);
    const least = candidatesOf(config.batch).findLast((candidate) => peakWith(parts, candidate) !== null);
    // Where not one can be, the recording says why.
    const { peakBytes } = rehearseStep(divided(parts, least ?? config.batch));
    throw new OutOfMemoryError(
      `a micro-batch of ${least === 1 ? "one image" : `${least} images`} needs ${Math.ceil(peakBytes / MEBIBYTE)} MiB, and the memory budget is ${config.memoryBudget} MiB: raise it, or take a smaller encoder, image size or batch`,
    );
  }
  const chosen = divided(parts, config.microBatch);
  try {
    rehearseStep(chosen);
  } catch (error) {
    if (!(error instanceof OutOfMemoryError)) throw error;
    const fitting = largestMicroBatch(parts);
    const advice = fitting === null ? "no micro-batch fits" : `a micro-batch of ${fitting} images fits`;
    throw new OutOfMemoryError(`${error.message}; ${advice}`, { cause: error });
  }
  return chosen;
}
