/**
 * This library as one of the engines of `bench/peers.ts`: `ours.js [f32 | mixed] [seconds for timing the variants of a step's kernels]`.
 */
import { openDevice } from "../../src/engine/device.js";
import { Tape } from "../../src/engine/tape.js";
import type { Tensor } from "../../src/engine/tensor.js";
import { ntXent } from "../../src/losses/nt-xent.js";
import { conv2d } from "../../src/ops/conv2d.js";
import { matmul } from "../../src/ops/matmul.js";
import { toHalf } from "../../src/ops/precision.js";
import { DEFAULT_CONFIG, type TrainingConfig } from "../../src/training/config.js";
import { createParts } from "../../src/training/model.js";
import { divided, recordStep } from "../../src/training/step.js";
import { tuneFor } from "../../src/training/tune.js";
import { VERSION } from "../../src/version.js";
import type { ConvolutionTask, Findings, StepTask, Task } from "./task.js";
import { distance, provideGpu, type Read, type Runs, serve, splitParameters } from "./worker.js";

type Pending = Promise<number | null>;
type Build = () => Promise<Runs<Pending>>;

const [precision = "f32", tuneSeconds = "0"] = process.argv.slice(2);
const adapter = await provideGpu();
const device = await openDevice();

/** Waits for all; the value of the last. */
async function lastOf(pending: readonly Pending[]): Promise<number | null> {
  return (await Promise.all(pending)).at(-1) ?? null;
}

/** The recorded step of a training, from bytes to updated weights. */
async function loadStep(task: StepTask, read: Read): Promise<Build> {
  const { net, batch, size, temperature, learningRate } = task;
  const values = splitParameters(await read("parameters"), task.parameters);
  const views = await read("views");
  const pixels = new Uint8Array(batch * size * size * 4).fill(255);
  for (let i = 0; i < batch * size * size; i++) {
    for (let c = 0; c < 3; c++) pixels[4 * i + c] = Math.round(255 * views[3 * i + c]);
  }
  const bytes = new Uint32Array(pixels.buffer);
  const numbers = Uint32Array.from({ length: batch }, (_, i) => i);
  const config: TrainingConfig = {
    ...DEFAULT_CONFIG,
    encoder: net,
    options: { temperature },
    batch,
    optimizer: "sgd",
    weightDecay: 0,
    precision: precision === "mixed" ? "mixed" : "f32",
  };
  if (Number(tuneSeconds) > 0) await tuneFor(device, config, size, { budgetSeconds: Number(tuneSeconds) });

  const createTrained = () => {
    const parts = createParts(device, config, { imageSize: size, classes: 0 });
    const { model } = parts;
    task.parameters.forEach(({ name }, i) => {
      device.write(model.tensors.tensor(name), values[i]);
    });
    return parts;
  };
  /** The step of the other engines, which starts at the views: what they must find. */
  const check = async (): Promise<Findings> => {
    const { model, optimizer } = createTrained();
    const tape = new Tape(device);
    const mixed = config.precision === "mixed";
    const pass = model.tensors.pass(tape, { training: true, operands: mixed ? "f16" : "f32" });
    const images = device.tensor([2 * batch, size, size, 3], views);
    const input = mixed ? toHalf(tape, images) : images;
    const z = model.head.forward(pass, model.encoder.forward(pass, input));
    const { loss } = ntXent(tape, z, temperature);
    tape.backward(loss, optimizer.lossScale);
    model.tensors.placeGradients(tape);
    optimizer.record(tape);
    optimizer.setStep(1, learningRate);
    const program = await tape.compile({ keep: [loss] });
    const [value] = await program.runAndRead(loss);
    const after = await model.tensors.read();
    const updates = task.parameters.map(({ name }, i) => distance(after.get(name) ?? values[i], values[i]));
    program.dispose();
    optimizer.dispose();
    model.tensors.dispose();
    device.free(images);
    return { loss: value, updates };
  };

  return async () => {
    const parts = createTrained();
    const { optimizer } = parts;
    const recorded = await recordStep(divided(parts, batch)).compile();
    let step = 0;
    return {
      submit: async () => {
        optimizer.setStep(step + 1, learningRate);
        const { metrics } = await recorded.submit(async (inputs) => {
          device.write(inputs.bytes, bytes);
          device.write(inputs.images, numbers);
          device.write(inputs.counter, Uint32Array.of(1, step));
          return { images: numbers, labels: null };
        });
        step += 1;
        return (await metrics).loss;
      },
      finish: lastOf,
      check,
    };
  };
}

/** Compiles what `record` records, whose result is read for the check. */
async function compile(record: (tape: Tape) => { result: Tensor; loss: Tensor | null }): Promise<Runs<Pending>> {
  const tape = new Tape(device);
  const { result, loss } = record(tape);
  const program = await tape.compile({ keep: loss ? [result, loss] : [result] });
  const submit = async () => {
    if (loss) return (await program.runAndRead(loss))[0];
    program.run();
    await device.idle();
    return null;
  };
  return { submit, finish: lastOf, check: () => device.read(result) };
}

/** The gradient of a tensor, which there is once `tape.backward` has been called. */
function gradientOf(tape: Tape, tensor: Tensor): Tensor {
  const gradient = tape.gradient(tensor);
  if (!gradient) throw new Error(`no gradient reached ${tensor}`);
  return gradient;
}

async function loadConvolution({ direction, batch, size, channels }: ConvolutionTask, read: Read): Promise<Build> {
  const [xValues, weightValues, dyValues] = [await read("x"), await read("weight"), await read("dy")];
  return () => {
    const x = device.tensor([batch, size, size, channels], xValues, "x");
    const weight = device.tensor([3, 3, channels, channels], weightValues, "weight");
    const dy = device.tensor([batch, size, size, channels], dyValues, "dy");
    return compile((tape) => {
      if (direction === "forward") return { result: conv2d(tape, x, weight, { padding: 1 }), loss: null };
      const watched = direction === "input gradient" ? x : weight;
      tape.watch(watched);
      const y = conv2d(tape, x, weight, { padding: 1 });
      // The gradient alone is measured.
      tape.launches.splice(0);
      tape.backward(y, dy);
      return { result: gradientOf(tape, watched), loss: null };
    });
  };
}

async function load(task: Task, read: Read): Promise<Build> {
  switch (task.kind) {
    case "step":
      return loadStep(task, read);
    case "convolution":
      return loadConvolution(task, read);
    case "matmul": {
      const [a, b] = [await read("a"), await read("b")];
      const shape = [task.size, task.size];
      return () =>
        compile((tape) => ({ result: matmul(tape, device.tensor(shape, a), device.tensor(shape, b)), loss: null }));
    }
    case "nt-xent": {
      const values = await read("z");
      return () =>
        compile((tape) => {
          const z = device.tensor([task.rows, task.dimension], values);
          tape.watch(z);
          const { loss } = ntXent(tape, z, task.temperature);
          tape.backward(loss);
          return { result: gradientOf(tape, z), loss };
        });
    }
  }
}

const suffix = precision === "mixed" ? ", mixed precision" : "";
await serve({ name: `webgpu-simclr ${VERSION}${suffix}`, load }, adapter);
