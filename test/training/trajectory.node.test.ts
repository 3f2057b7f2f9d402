import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Tape } from "../../src/engine/tape.js";
import type { Tensor } from "../../src/engine/tensor.js";
import { ntXent } from "../../src/losses/nt-xent.js";
import { BatchNorm, Convolution } from "../../src/nn/layers.js";
import { ModelTensors } from "../../src/nn/model-tensors.js";
import type { ForwardPass, Module } from "../../src/nn/module.js";
import { projectionHead } from "../../src/nn/projection-head.js";
import { fromTorch, toTorch } from "../../src/nn/torch-layout.js";
import { globalAveragePool } from "../../src/ops/pooling.js";
import { sgd } from "../../src/optim/sgd.js";
import { testDevice } from "../lib/device.js";
import { loadCase } from "../reference/goldens.js";

const trajectory = suite("training trajectory");

/** A residual block of two 3x3 convolutions, under torchvision's names. */
function basicBlock(name: string, inChannels: number, outChannels: number, stride: number): Module {
  const conv1 = new Convolution(`${name}.conv1`, inChannels, outChannels, 3, { stride, padding: 1 });
  const bn1 = new BatchNorm(`${name}.bn1`, outChannels, { relu: true });
  const conv2 = new Convolution(`${name}.conv2`, outChannels, outChannels, 3, { padding: 1 });
  const bn2 = new BatchNorm(`${name}.bn2`, outChannels, { relu: true });
  const downsample = new Convolution(`${name}.downsample.0`, inChannels, outChannels, 1, { stride });
  const downsampleNorm = new BatchNorm(`${name}.downsample.1`, outChannels, { relu: false });
  const shortcut = stride === 1 ? [] : [downsample, downsampleNorm];
  return {
    tensors: [conv1, bn1, conv2, bn2, ...shortcut].flatMap(({ tensors }) => tensors),
    forward(pass, x) {
      const residual = shortcut.reduce((value, layer) => layer.forward(pass, value), x);
      const hidden = bn1.forward(pass, conv1.forward(pass, x));
      return bn2.forward(pass, conv2.forward(pass, hidden), residual);
    },
  };
}

/** The small ResNet of test/golden/make_goldens.py with its head: images [batch, 8, 8, 3] to embeddings [batch, 8]. */
function smallResNet(): Module {
  const layers: Module[] = [
    new Convolution("conv1", 3, 8, 3, { padding: 1 }),
    new BatchNorm("bn1", 8, { relu: true }),
    basicBlock("layer1.0", 8, 8, 1),
    basicBlock("layer2.0", 8, 16, 2),
    { tensors: [], forward: ({ tape }: ForwardPass, x: Tensor) => globalAveragePool(tape, x) },
    projectionHead(16, { layers: 2, output: 8 }),
  ];
  return {
    tensors: layers.flatMap(({ tensors }) => tensors),
    forward: (pass, images) => layers.reduce((x, layer) => layer.forward(pass, x), images),
  };
}

/**
 * How often the largest of the 64 deviations that PyTorch's own float32 showed may be exceeded. Where rounding is the only
 * difference, deviations are about normally distributed; the largest of 64 runs is 2.5 standard deviations or more, so that
 * four times that is ten. A kernel that sums in an order of its own may round a few times worse than PyTorch's.
 */
const SPREAD = 4;

trajectory("ten steps of a small ResNet are PyTorch's", async () => {
  const device = await testDevice();
  const batches = await loadCase("trajectory", "batches");
  const initial = await loadCase("trajectory", "initial");
  const firstGradient = await loadCase("trajectory", "gradient");
  const final = await loadCase("trajectory", "final");
  const deviation = await loadCase("trajectory", "deviation");
  const [steps, ...shape] = batches.shape("nhwc");
  const size = shape.reduce((a, b) => a * b, 1);

  const net = smallResNet();
  assert.equal(net.tensors.map(({ name }) => name).sort(), initial.tensors.sort());
  const model = new ModelTensors(device, net.tensors, 1);
  model.write(
    new Map(net.tensors.map((spec) => [spec.name, fromTorch(spec, Float32Array.from(initial.floats(spec.name)))])),
  );
  const optimizer = sgd(model, {
    momentum: batches.number("momentum"),
    nesterov: true,
    weightDecay: batches.number("weightDecay"),
  });
  const images = device.tensor(shape, undefined, "images");
  const tape = new Tape(device);
  const z = net.forward(model.pass(tape, { training: true }), images);
  const { loss } = ntXent(tape, z, batches.number("temperature"));
  tape.backward(loss);
  model.placeGradients(tape);
  optimizer.record(tape);
  const program = await tape.compile({ keep: [loss] });

  const expectClose = (actual: ArrayLike<number>, golden: Float64Array, allowed: number, what: string) => {
    assert.is(actual.length, golden.length, what);
    // The golden value itself is rounded to float32.
    golden.forEach((value, i) => {
      const tolerance = SPREAD * allowed + 2 ** -24 * Math.abs(value);
      const close = Math.abs(actual[i] - value) <= tolerance;
      assert.ok(close, `${what}[${i}] is ${actual[i]}, PyTorch's is ${value} +- ${tolerance}`);
    });
  };
  const losses = final.floats("loss");
  const lossDeviations = deviation.floats("loss");
  for (let step = 0; step < steps; step++) {
    device.write(images, Float32Array.from(batches.floats("nhwc").subarray(step * size, (step + 1) * size)));
    optimizer.setStep(step + 1, batches.number("learningRate"));
    const found = await program.runAndRead(loss);
    expectClose(found, losses.subarray(step, step + 1), lossDeviations[step], `loss of step ${step + 1}`);
    if (step > 0) continue;
    for (const { spec, gradient } of model.parameters) {
      const values = toTorch(spec, await device.read(gradient));
      const [allowed] = deviation.floats(`gradient.${spec.name}`);
      expectClose(values, firstGradient.floats(spec.name), allowed, `first gradient of ${spec.name}`);
    }
  }
  const trained = await model.read();
  for (const spec of net.tensors) {
    const values = toTorch(spec, trained.get(spec.name) ?? new Float32Array());
    expectClose(values, final.floats(spec.name), deviation.floats(spec.name)[0], spec.name);
    const start = initial.floats(spec.name);
    assert.ok(
      values.some((value, i) => Math.abs(value - start[i]) > 1e-3),
      `${spec.name} was trained`,
    );
  }
  for (const part of [program, optimizer, model]) part.dispose();
  device.free(images);
});

trajectory.run();
