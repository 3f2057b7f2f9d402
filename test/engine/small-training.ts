import * as kernels from "../../kernels/generated.js";
import type { Device } from "../../src/engine/device.js";
import type { Program } from "../../src/engine/program.js";
import { Tape } from "../../src/engine/tape.js";
import type { Tensor } from "../../src/engine/tensor.js";
import { softmaxCrossEntropy } from "../../src/losses/softmax-cross-entropy.js";
import { relu } from "../../src/ops/elementwise.js";
import { addBias, matmul } from "../../src/ops/matmul.js";

/** A classifier of two layers on fixed data, recorded once: forward, backward and an update of all parameters. */
export interface SmallTraining {
  readonly program: Program;
  readonly loss: Tensor;
  /** All parameters, in one slab. */
  readonly parameters: Tensor;
  dispose(): void;
}

const ROWS = 48;
const SHAPES = [
  { shape: [12, 20], label: "first weight" },
  { shape: [20], label: "first bias" },
  { shape: [20, 7], label: "second weight" },
  { shape: [7], label: "second bias" },
];

/** Values in [-0.5, 0.5) that depend on nothing but the index. */
function wave(length: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length }, (_, i) => ((i * 0.618034 + i * i * 0.1234) % 1) - 0.5);
}

export async function recordSmallTraining(device: Device): Promise<SmallTraining> {
  const [values] = device.slabs(SHAPES);
  const [gradients] = device.slabs(SHAPES);
  const velocity = device.tensor(values.all.shape, undefined, "velocity");
  const decays = device.tensor([values.all.size / 64], undefined, "decays");
  const schedule = device.tensor([4], [0.1, 0, 0, 0], "schedule");
  const images = device.tensor([ROWS, 12], wave(ROWS * 12), "images");
  const labels = device.tensor(
    [ROWS],
    Uint32Array.from({ length: ROWS }, (_, i) => i % 7),
    "labels",
  );
  for (const tensor of values.tensors) device.write(tensor, wave(tensor.size));

  const tape = new Tape(device);
  tape.watch(...values.tensors);
  const [firstWeight, firstBias, secondWeight, secondBias] = values.tensors;
  const hidden = relu(tape, addBias(tape, matmul(tape, images, firstWeight), firstBias));
  const logits = addBias(tape, matmul(tape, hidden, secondWeight), secondBias);
  const { loss } = softmaxCrossEntropy(tape, logits, labels);
  tape.backward(loss);
  values.tensors.forEach((tensor, i) => {
    const gradient = tape.gradient(tensor);
    if (!gradient) throw new Error(`no gradient for ${tensor}`);
    tape.place(gradient, gradients.tensors[i]);
  });
  tape.launch(
    kernels.sgd,
    { gradients: gradients.all, decays, schedule, parameters: values.all, velocity },
    { elements: values.all.size, momentum: 0.9, weight_decay: 0 },
  );
  const program = await tape.compile({ keep: [loss] });
  return {
    program,
    loss,
    parameters: values.all,
    dispose() {
      program.dispose();
      for (const tensor of [values.all, gradients.all, velocity, decays, schedule, images, labels]) device.free(tensor);
    },
  };
}
