import { augment } from "../augment/augment.js";
import type { Device, Slab } from "../engine/device.js";
import type { Program } from "../engine/program.js";
import { Tape } from "../engine/tape.js";
import type { Tensor } from "../engine/tensor.js";
import { ntXent } from "../losses/nt-xent.js";
import { mean } from "../ops/elementwise.js";
import { toHalf } from "../ops/precision.js";
import { meanStandardDeviation } from "../ops/rows.js";
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

/** A training step that was recorded once: write the inputs, run it. */
export interface TrainingStep {
  readonly program: Program;
  /** u32 [batch, height, width], R, G, B, 255 a pixel. */
  readonly bytes: Tensor;
  /** u32 [batch]: the number of each image in the set. */
  readonly images: Tensor;
  /** u32 [2]: seed and epoch. */
  readonly counter: Tensor;
  /** Runs the step on the inputs as they are now; resolves with what it measured. */
  run(): Promise<StepMetrics>;
  dispose(): void;
}

/** A training step that is recorded and not compiled yet. */
interface Recording {
  readonly tape: Tape;
  readonly bytes: Tensor;
  readonly images: Tensor;
  readonly counter: Tensor;
  /** Loss, contrastive accuracy, output standard deviation and loss scale, one in each tensor. */
  readonly metrics: Slab;
  /** Frees the tensors above. */
  free(): void;
}

/**
 * Records two views of each image, the encoder and head on all views in one batch, NT-Xent, the backward pass and the
 * optimizer's update.
 */
export function recordTrainingStep(
  device: Device,
  config: TrainingConfig,
  model: SimclrModel,
  optimizer: Optimizer,
): Recording {
  const { batch } = config;
  const size = model.imageSize;
  const bytes = device.indices([batch, size, size], "images");
  const images = device.indices([batch], "image numbers");
  const counter = device.indices([2], "seed and epoch");
  const names = ["loss", "contrastive accuracy", "output standard deviation", "loss scale"];
  // One buffer for all that is read back; its tensors lie at multiples of 64 elements.
  const metrics: Slab = device.slabs(names.map((label) => ({ label, shape: [1] })))[0];

  const tape = new Tape(device);
  const drawn = augment(tape, { bytes, images, counter }, policyOf(config, size), size);
  // The encoder follows: its activations have the type of the views.
  const views = config.precision === "mixed" ? toHalf(tape, drawn) : drawn;
  const pass = model.tensors.pass(tape, true);
  const z = model.head.forward(pass, model.encoder.forward(pass, views));
  const { loss, accuracy, normalized } = ntXent(tape, z, config.temperature);
  const spread = meanStandardDeviation(tape, normalized);
  // A copy, for the optimizer may change it.
  const lossScale = mean(tape, optimizer.lossScale, "loss scale");
  [loss, accuracy, spread, lossScale].forEach((tensor, i) => {
    tape.place(tensor, metrics.tensors[i]);
  });
  tape.backward(loss, optimizer.lossScale);
  model.tensors.placeGradients(tape);
  optimizer.record(tape);
  const free = () => {
    for (const tensor of [bytes, images, counter, metrics.all]) device.free(tensor);
  };
  return { tape, bytes, images, counter, metrics, free };
}

/** Records a training step as `recordTrainingStep` does, and compiles it. */
export async function createTrainingStep(
  device: Device,
  config: TrainingConfig,
  model: SimclrModel,
  optimizer: Optimizer,
  onProgress?: (compiled: number, total: number) => void,
): Promise<TrainingStep> {
  const { tape, bytes, images, counter, metrics, free } = recordTrainingStep(device, config, model, optimizer);
  const program = await tape.compile({ onProgress });
  return {
    program,
    bytes,
    images,
    counter,
    async run() {
      const values = await program.runAndRead(metrics.all);
      return { loss: values[0], contrastiveAccuracy: values[64], outputStd: values[128], lossScale: values[192] };
    },
    dispose() {
      program.dispose();
      free();
    },
  };
}
