import { augment, type ImageBatch } from "../augment/augment.js";
import type { Device, Slab } from "../engine/device.js";
import type { Program } from "../engine/program.js";
import { Tape } from "../engine/tape.js";
import type { Tensor } from "../engine/tensor.js";
import { mean } from "../ops/elementwise.js";
import { toHalf } from "../ops/precision.js";
import type { Optimizer } from "../optim/optimizer.js";
import { policyOf, type TrainingConfig } from "./config.js";
import type { SimclrModel } from "./model.js";

/** What a contrastive step measures. */
export interface ContrastiveMetrics {
  /** Mean over the 2N anchors. */
  readonly loss: number;
  /** Share of anchors whose positive is nearer than every negative. */
  readonly contrastiveAccuracy: number;
  /** Standard deviation of the normalised embeddings; about 1 / sqrt(dimension) is healthy, near 0 a collapse. */
  readonly outputStd: number;
}

/** What a supervised step measures. */
export interface SupervisedMetrics {
  /** Softmax cross-entropy, mean over the images. */
  readonly loss: number;
  /** Share of the images, augmented as they are, whose class has the largest logit. */
  readonly accuracy: number;
}

/** What a step measures. */
export type StepMetrics = (ContrastiveMetrics | SupervisedMetrics) & {
  /** What the loss counted times in the backward pass: 1, and in mixed precision what the optimizer's loss scale was. */
  readonly lossScale: number;
};

/** Images of a step that are on the device at once. */
export interface MicroBatch {
  /** Place of the first one among the images of the step. */
  readonly first: number;
  /** How many there are. */
  readonly images: number;
}

/** Images of a step on the device, with their labels where the objective needs them. */
export interface StepInputs extends ImageBatch {
  /** u32 [batch]: class of each image. */
  readonly labels?: Tensor;
}

/** Writes the images of the micro-batch that is next in `TrainingStep.feeds` to the device. */
export type Feed = (inputs: StepInputs) => Promise<void>;

/** A training step that was recorded once, and runs any number of times. */
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

/** What a step is recorded for: a checked configuration, the model, and what moves its weights. */
export interface StepParts {
  readonly device: Device;
  readonly config: TrainingConfig;
  readonly model: SimclrModel;
  readonly optimizer: Optimizer;
}

/** What is measured of a step. */
export interface Measures {
  /** What the numbers are, the loss first. */
  readonly names: readonly string[];
  metrics(measured: readonly number[]): ContrastiveMetrics | SupervisedMetrics;
}

/** How a step comes from images to a loss. */
export interface Objective<Inputs extends StepInputs> extends Measures {
  /** Tensors for so many images. */
  inputs(parts: StepParts, images: number): Inputs;
  /** Records views, encoder, head and loss: the loss, and what else is measured, each a tensor of one. */
  record(tape: Tape, inputs: Inputs, parts: StepParts): readonly Tensor[];
}

/** Tensors for so many images. */
export function imageInputs({ device, model: { imageSize } }: StepParts, count: number): ImageBatch {
  return {
    bytes: device.indices([count, imageSize, imageSize], "images"),
    images: device.indices([count], "image numbers"),
    counter: device.indices([2], "seed and epoch"),
  };
}

/** Records views of each image, and encoder and head on all of them in one batch: [views * images, dimension]. */
export function recordOutputs(
  tape: Tape,
  inputs: ImageBatch,
  { config, model }: StepParts,
  { views: count, movesRunning }: { readonly views: number; readonly movesRunning: boolean },
): Tensor {
  const { imageSize } = model;
  const policy = policyOf(config, imageSize);
  const views = tape.scope("views", () => {
    const drawn = augment(tape, inputs, policy, imageSize, { views: count });
    // The encoder follows: its activations have the type of the views.
    return config.precision === "mixed" ? toHalf(tape, drawn) : drawn;
  });
  const pass = model.tensors.pass(tape, { training: true, recompute: config.recompute, movesRunning });
  return model.head.forward(pass, model.encoder.forward(pass, views));
}

/** Where what is measured of a step, and its loss scale, come to lie. */
export function metricsSlab(device: Device, { names }: Measures): Slab {
  // One buffer for all that is read back; its tensors lie at multiples of 64 elements.
  return device.slabs([...names, "loss scale"].map((label) => ({ label, shape: [1] })))[0];
}

/** Runs a program and reads the slab of its metrics. */
export async function runForMetrics(program: Program, { all, tensors }: Slab): Promise<number[]> {
  const values = await program.runAndRead(all);
  return tensors.map((_, i) => values[64 * i]);
}

/** The numbers of a slab of metrics, by name. */
export function stepMetrics(measures: Measures, numbers: readonly number[]): StepMetrics {
  return { ...measures.metrics(numbers), lossScale: numbers[measures.names.length] };
}

/** Records where a loss and what is measured with it go, and the way back from the loss to the tensors that are watched. */
export function recordBackward(tape: Tape, measured: readonly Tensor[], metrics: Slab, { lossScale }: Optimizer): void {
  // A copy, for the optimizer may change it.
  const scaledBy = tape.scope("loss", () => mean(tape, lossScale, "loss scale"));
  [...measured, scaledBy].forEach((tensor, i) => {
    tape.place(tensor, metrics.tensors[i]);
  });
  tape.backward(measured[0], lossScale);
}

/** Records a step on its whole batch at once. */
export function recordWholeBatch<Inputs extends StepInputs>(
  parts: StepParts,
  objective: Objective<Inputs>,
): StepRecording {
  const { device, config, model, optimizer } = parts;
  const inputs = objective.inputs(parts, config.batch);
  const metrics = metricsSlab(device, objective);
  const tape = new Tape(device);
  recordBackward(tape, objective.record(tape, inputs, parts), metrics, optimizer);
  model.tensors.placeGradients(tape);
  tape.scope("optimizer", () => optimizer.record(tape));
  const free = () => {
    for (const tensor of [...Object.values(inputs), metrics.all]) device.free(tensor);
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
          return { metrics: runForMetrics(program, metrics).then((numbers) => stepMetrics(objective, numbers)) };
        },
        dispose() {
          program.dispose();
          free();
        },
      };
    },
  };
}
