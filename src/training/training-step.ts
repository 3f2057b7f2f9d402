import { augment, type ImageBatch } from "../augment/augment.js";
import type { Dataset } from "../data/dataset.js";
import { originalsOf } from "../data/originals.js";
import type { Device, Slab } from "../engine/device.js";
import type { Program } from "../engine/program.js";
import { Tape } from "../engine/tape.js";
import type { Tensor } from "../engine/tensor.js";
import type { Learner, LossBatch, Measured, Numbers, Outputs } from "../methods/method.js";
import type { ForwardPass } from "../nn/module.js";
import { mean } from "../ops/elementwise.js";
import { toHalf } from "../ops/precision.js";
import type { DrawnImages } from "../ops/stochastic-depth.js";
import type { Optimizer } from "../optim/optimizer.js";
import type { StepParts } from "./model.js";

/** What a step measures: the loss, and what its method looks at beside it. */
export type StepMetrics = Numbers & {
  /** What the loss counted times in the backward pass: 1, and in mixed precision what the optimizer's loss scale was. */
  readonly lossScale: number;
};

/**
 * Images of a step that are on the device at once.
 * @internal
 */
export interface MicroBatch {
  /** Place of the first one among the images of the step. */
  readonly first: number;
  /** How many there are. */
  readonly images: number;
}

/**
 * Images of a step on the device, with their labels where the method takes them.
 * @internal
 */
export interface StepInputs extends ImageBatch {
  /** u32 [batch]: class of each image. */
  readonly labels?: Tensor;
}

/**
 * Images that were written to the device.
 * @internal
 */
export interface Fed {
  /** Number of each image in its set. */
  readonly images: Uint32Array<ArrayBuffer>;
  /** Their classes; null where the set has none. */
  readonly labels: Uint32Array<ArrayBuffer> | null;
}

/**
 * Writes the images of the micro-batch that is next in `TrainingStep.feeds` to the device.
 * @internal
 */
export type Feed = (inputs: StepInputs) => Promise<Fed>;

/**
 * A training step that was recorded once, and runs any number of times.
 * @internal
 */
export interface TrainingStep {
  /** The micro-batches that a run asks for, in the order in which it does. */
  readonly feeds: readonly MicroBatch[];
  readonly programs: readonly Program[];
  /** Runs the step; resolves when all of it is submitted. `metrics` comes when it is done. */
  submit(feed: Feed): Promise<{ readonly metrics: Promise<StepMetrics> }>;
  dispose(): void;
}

/** A training step that is recorded and not compiled yet. */
export interface StepRecording {
  /** Of all its programs, those that take the most memory first, with how often a step runs each. */
  readonly tapes: readonly { readonly tape: Tape; readonly runs: number }[];
  compile(onProgress?: (compiled: number, total: number) => void): Promise<TrainingStep>;
  /** Frees what recording it put on the device; `TrainingStep.dispose` does as well. */
  free(): void;
}

/** Tensors for so many images. */
export function imageInputs(parts: StepParts, count: number): StepInputs {
  const { device, method } = parts;
  return { ...viewInputs(parts, count), ...(method.labels && { labels: device.indices([count], "labels") }) };
}

/** Tensors for so many images that views are cut from. */
function viewInputs({ device, model: { imageSize }, originalPixels }: StepParts, count: number): ImageBatch {
  const shape = originalPixels === null ? [count, imageSize, imageSize] : [count, originalPixels];
  return {
    bytes: device.indices(shape, "images"),
    ...(originalPixels !== null && { sizes: device.indices([count, 2], "image sizes") }),
    images: device.indices([count], "image numbers"),
    counter: device.indices([2], "seed and epoch"),
  };
}

/** Images that views are cut from, as they go to the device. */
export interface ViewedImages {
  /** Number of each in its set. */
  readonly numbers: Uint32Array<ArrayBuffer>;
  readonly pixels: Uint32Array<ArrayBuffer>;
  /** Height and width of each. */
  readonly sizes: Uint32Array<ArrayBuffer>;
}

/** Reads images that views are cut from: their originals, where there are some. */
export async function readViewed(dataset: Dataset, numbers: Uint32Array<ArrayBuffer>): Promise<ViewedImages> {
  const originals = originalsOf(dataset);
  const pixels = new Uint32Array(numbers.length * originals.pixels);
  const sizes = new Uint32Array(2 * numbers.length);
  await originals.fetch(numbers, new Uint8Array(pixels.buffer), sizes);
  return { numbers, pixels, sizes };
}

/** Writes images that views are cut from to the device, and what is drawn for them. */
export function writeViewed(
  device: Device,
  inputs: ImageBatch,
  { numbers, pixels, sizes }: ViewedImages,
  seed: number,
  epoch: number,
): void {
  device.write(inputs.bytes, pixels);
  if (inputs.sizes) device.write(inputs.sizes, sizes);
  device.write(inputs.images, numbers);
  device.write(inputs.counter, Uint32Array.of(seed, epoch));
}

/** What a loss is told of the images that such inputs hold. */
export function lossBatch({ images, labels }: Pick<StepInputs, "images" | "labels">): LossBatch {
  return { size: images.size, images, labels: labels ?? null };
}

/** Records the views of each image, group by group: [views * images, size, size, 3] with values in [0, 1]. */
function drawGroups(tape: Tape, inputs: ImageBatch, { views: groups }: Pick<Learner, "views">): Tensor[] {
  let firstView = 0;
  return groups.map(({ views, size, policies }) => {
    const drawn = augment(tape, inputs, policies, size, { views, firstView });
    firstView += views;
    return drawn;
  });
}

/** Records the views of some images, to be looked at; labels play no part. */
export function recordPictures(parts: StepParts, count: number) {
  const inputs = viewInputs(parts, count);
  const tape = new Tape(parts.device);
  return { inputs, groups: drawGroups(tape, inputs, parts.learner), tape };
}

/** The views of a step, in the type of the activations of the encoder that follows. */
export function recordViews(tape: Tape, inputs: ImageBatch, { config, learner }: StepParts): Tensor[] {
  return tape.scope("views", () => {
    const drawn = drawGroups(tape, inputs, learner);
    return config.precision === "mixed" ? drawn.map((views) => toHalf(tape, views)) : drawn;
  });
}

/** The forward pass of what is trained. @param drawn the images whose views go through, where some do */
export function trainingPass(
  tape: Tape,
  { config, model }: StepParts,
  movesRunning: boolean,
  drawn?: DrawnImages,
): ForwardPass {
  const operands = config.precision === "mixed" ? "f16" : "f32";
  return model.tensors.pass(tape, { training: true, recompute: config.recompute, movesRunning, operands, drawn });
}

/** Records a teacher's outputs, where there are any. */
export function recordTargets(tape: Tape, views: readonly Tensor[], { learner }: StepParts): Outputs {
  return learner.targets ? (tape.scope("teacher", () => learner.targets?.(tape, views)) ?? {}) : {};
}

/** Records the loss, and what is measured with it. */
export function recordLoss(pass: ForwardPass, outputs: Outputs, batch: LossBatch, { learner }: StepParts): Measured {
  return pass.tape.scope("loss", () => learner.loss(pass, outputs, batch));
}

/** Records the optimizer's step, and what the method does after it. */
export function recordUpdate(tape: Tape, outputs: Outputs, batch: LossBatch, { learner, optimizer }: StepParts): void {
  tape.scope("optimizer", () => optimizer.record(tape));
  tape.scope("after the update", () => learner.afterUpdate?.(tape, outputs, batch));
}

/** Numbers that are read back together after a step. */
export interface MetricsSlab {
  readonly names: readonly string[];
  readonly slab: Slab;
}

const LOSS_SCALE = "lossScale";

/** Records where a loss and what is measured with it go, and the way back from the loss to the tensors that are watched. */
export function recordBackward(
  tape: Tape,
  { loss, ...others }: Measured,
  { device, optimizer: { lossScale, state } }: { readonly device: Device; readonly optimizer: Optimizer },
): MetricsSlab {
  // A copy, for the optimizer may change it; without a loss scale, it is always 1.
  const scaled = state.has("loss_scale") && {
    [LOSS_SCALE]: tape.scope("loss", () => mean(tape, lossScale, "loss scale")),
  };
  const measured = { loss, ...others, ...scaled };
  const names = Object.keys(measured);
  // One buffer for all that is read back; its tensors lie at multiples of 64 elements.
  const [slab] = device.slabs(names.map((label) => ({ label, shape: [1] })));
  Object.values(measured).forEach((tensor, i) => {
    tape.place(tensor, slab.tensors[i]);
  });
  tape.backward(loss, lossScale);
  return { names, slab };
}

/** Runs a program and reads a slab of metrics. */
export async function runForMetrics(program: Program, { slab }: MetricsSlab): Promise<number[]> {
  const values = await program.runAndRead(slab.all);
  return slab.tensors.map((_, i) => values[64 * i]);
}

/** The numbers of a slab of metrics, by name. */
export function stepMetrics({ names }: MetricsSlab, numbers: readonly number[]): StepMetrics {
  const measured = Object.fromEntries(names.map((name, i) => [name, numbers[i]]));
  const { loss, [LOSS_SCALE]: lossScale = 1 } = measured;
  return { ...measured, loss, lossScale };
}

/**
 * Records all of a step that follows its views: outputs, loss, the way back, and the updates.
 * @param drawn see `ForwardPass.drawn`
 */
export function recordOnViews(
  tape: Tape,
  views: readonly Tensor[],
  batch: LossBatch,
  parts: StepParts,
  drawn?: DrawnImages,
): MetricsSlab {
  const pass = trainingPass(tape, parts, true, drawn);
  const outputs = { ...parts.learner.embed(pass, views), ...recordTargets(tape, views, parts) };
  const metrics = recordBackward(tape, recordLoss(pass, outputs, batch, parts), parts);
  parts.model.tensors.placeGradients(tape);
  recordUpdate(tape, outputs, batch, parts);
  return metrics;
}

/** Records a step on its whole batch at once. */
export function recordWholeBatch(parts: StepParts): StepRecording {
  const { device, config } = parts;
  const inputs = imageInputs(parts, config.batch);
  const tape = new Tape(device);
  const metrics = recordOnViews(tape, recordViews(tape, inputs, parts), lossBatch(inputs), parts, inputs);
  const free = () => {
    for (const tensor of [...Object.values(inputs), metrics.slab.all]) device.free(tensor);
  };
  return {
    tapes: [{ tape, runs: 1 }],
    free,
    async compile(onProgress) {
      const program = await tape.compile({ onProgress });
      return {
        feeds: [{ first: 0, images: config.batch }],
        programs: [program],
        async submit(feed) {
          await feed(inputs);
          return { metrics: runForMetrics(program, metrics).then((numbers) => stepMetrics(metrics, numbers)) };
        },
        dispose() {
          program.dispose();
          free();
        },
      };
    },
  };
}
