import { augment, type ImageBatch } from "../augment/augment.js";
import type { Device, Slab } from "../engine/device.js";
import type { Program } from "../engine/program.js";
import { Tape } from "../engine/tape.js";
import type { Tensor } from "../engine/tensor.js";
import { contrastiveLoss } from "../losses/contrastive.js";
import { mean } from "../ops/elementwise.js";
import { toHalf } from "../ops/precision.js";
import type { Optimizer } from "../optim/optimizer.js";
import { policyOf, type TrainingConfig } from "./config.js";
import type { SimclrModel } from "./model.js";

/** What a step measures. */
export interface StepMetrics {
  /** NT-Xent, mean over the 2N anchors. */
  readonly loss: number;
  /** Share of anchors whose positive is nearer than every negative. */
  readonly contrastiveAccuracy: number;
  /** Standard deviation of the normalised embeddings; about 1 / sqrt(dimension) is healthy, near 0 a collapse. */
  readonly outputStd: number;
  /** What the loss counted times in the backward pass: 1, and in mixed precision what the optimizer's loss scale was. */
  readonly lossScale: number;
}

/** Images of a step that are on the device at once. */
export interface MicroBatch {
  /** Place of the first one among the images of the step. */
  readonly first: number;
  /** How many there are. */
  readonly images: number;
}

/** Writes the images of the micro-batch that is next in `TrainingStep.feeds` to the device. */
export type Feed = (inputs: ImageBatch) => Promise<void>;

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

/** Tensors for the images of `count` images' views. */
export function imageInputs(device: Device, { imageSize }: SimclrModel, count: number): ImageBatch {
  return {
    bytes: device.indices([count, imageSize, imageSize], "images"),
    images: device.indices([count], "image numbers"),
    counter: device.indices([2], "seed and epoch"),
  };
}

/** Records two views of each image, and encoder and head on all views in one batch: z [2 * images, dimension]. */
export function recordEmbeddings(
  tape: Tape,
  inputs: ImageBatch,
  { config, model }: StepParts,
  options: { readonly movesRunning: boolean },
): Tensor {
  const { imageSize } = model;
  const policy = policyOf(config, imageSize);
  const views = tape.scope("views", () => {
    const drawn = augment(tape, inputs, policy, imageSize);
    // The encoder follows: its activations have the type of the views.
    return config.precision === "mixed" ? toHalf(tape, drawn) : drawn;
  });
  const pass = model.tensors.pass(tape, { training: true, recompute: config.recompute, ...options });
  return model.head.forward(pass, model.encoder.forward(pass, views));
}

/** Where the loss, the contrastive accuracy, the output standard deviation and the loss scale of a step come to lie. */
export function metricsSlab(device: Device): Slab {
  const names = ["loss", "contrastive accuracy", "output standard deviation", "loss scale"];
  // One buffer for all that is read back; its tensors lie at multiples of 64 elements.
  return device.slabs(names.map((label) => ({ label, shape: [1] })))[0];
}

/** Runs a program and reads the slab of its metrics. */
export async function runForMetrics(program: Program, { all }: Slab): Promise<StepMetrics> {
  const values = await program.runAndRead(all);
  return { loss: values[0], contrastiveAccuracy: values[64], outputStd: values[128], lossScale: values[192] };
}

/** Records the loss of embeddings z, the metrics, and the way back to the tensors that are watched. */
export function recordLoss(tape: Tape, z: Tensor, metrics: Slab, { config, optimizer }: StepParts): void {
  const measured = tape.scope("loss", () => {
    const { loss, accuracy, spread } = contrastiveLoss(tape, z, config);
    // A copy, for the optimizer may change it.
    return [loss, accuracy, spread, mean(tape, optimizer.lossScale, "loss scale")];
  });
  measured.forEach((tensor, i) => {
    tape.place(tensor, metrics.tensors[i]);
  });
  tape.backward(measured[0], optimizer.lossScale);
}

/** Records a step on its whole batch at once. */
export function recordWholeBatch(parts: StepParts): StepRecording {
  const { device, config, model, optimizer } = parts;
  const inputs = imageInputs(device, model, config.batch);
  const metrics = metricsSlab(device);
  const tape = new Tape(device);
  recordLoss(tape, recordEmbeddings(tape, inputs, parts, { movesRunning: true }), metrics, parts);
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
          return { metrics: runForMetrics(program, metrics) };
        },
        dispose() {
          program.dispose();
          free();
        },
      };
    },
  };
}
