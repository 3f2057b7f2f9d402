import { suite } from "uvu";
import * as assert from "uvu/assert";
import { evaluate } from "../../src/doctor/check.js";
import { Tape } from "../../src/engine/tape.js";
import { ShapeError } from "../../src/errors.js";
import {
  BatchNorm,
  type BatchNormLayerOptions,
  Convolution,
  type ConvolutionLayerOptions,
} from "../../src/nn/layers.js";
import { ModelTensors } from "../../src/nn/model-tensors.js";
import type { Module } from "../../src/nn/module.js";
import { fromTorch } from "../../src/nn/torch-layout.js";
import { throws } from "../data/expect.js";
import { testDevice } from "../lib/device.js";
import { type GoldenCase, loadCase } from "../reference/goldens.js";

const layers = suite("layers");

const shapesOf = ({ tensors }: Module) => Object.fromEntries(tensors.map(({ name, shape }) => [name, shape]));

layers("a convolution has the tensors and, transposed, the shapes of PyTorch's", () => {
  assert.equal(shapesOf(new Convolution("conv", 6, 8, 3)), { "conv.weight": [3, 3, 6, 8] });
  assert.equal(shapesOf(new Convolution("conv", 6, 8, [3, 5], { groups: 2, bias: true })), {
    "conv.weight": [3, 5, 3, 8],
    "conv.bias": [8],
  });
  const [weight, bias] = new Convolution("conv", 6, 8, [3, 5], { groups: 2, bias: true }).tensors;
  // As torch.nn.init.kaiming_normal_ has it with mode="fan_out": groups do not count.
  assert.equal(weight.initial, { kind: "kaiming-normal", fanOut: 3 * 5 * 8 });
  assert.equal(bias.initial, { kind: "constant", value: 0 });
  assert.equal([weight.role, bias.role], ["weight", "offset"]);
});

layers("a convolution in groups that do not divide its channels is refused", () => {
  throws(() => new Convolution("conv", 6, 8, 3, { groups: 3 }), ShapeError, /conv: 3 groups/, /6 channels/, /8 after/);
  throws(() => new Convolution("conv", 6, 8, 3, { groups: 1.5 }), ShapeError, /conv: 1.5 groups/);
});

layers("a batch norm that is not affine has its statistics only", () => {
  const statistics = { "bn.running_mean": [5], "bn.running_var": [5] };
  assert.equal(shapesOf(new BatchNorm("bn", 5)), { "bn.weight": [5], "bn.bias": [5], ...statistics });
  assert.equal(shapesOf(new BatchNorm("bn", 5, { affine: false })), statistics);
});

/** What a layer with these values makes of the golden x, and its running statistics afterwards. */
async function run(layer: Module, values: Readonly<Record<string, Float64Array>>, golden: GoldenCase, training = true) {
  const device = await testDevice();
  const model = new ModelTensors(device, layer.tensors, 1);
  model.write(new Map(Object.entries(values).map(([name, data]) => [name, new Float32Array(data)])));
  const { y } = await evaluate(device, (tape, input) => {
    const x = input(golden.floats("x"), golden.shape("x"));
    return { y: layer.forward(model.pass(tape, { training }), x) };
  });
  const after = await model.read();
  model.dispose();
  return { y, after };
}

/** Exact to a few roundings of f32: what the settings do is off by far more; the kernels are held to it elsewhere. */
function assertNear(actual: ArrayLike<number>, golden: Float64Array, what: string): void {
  const largest = golden.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  assert.is(actual.length, golden.length, what);
  golden.forEach((value, i) => {
    assert.ok(Math.abs(actual[i] - value) <= 1e-5 * largest, `${what}[${i}] is ${actual[i]}, golden ${value}`);
  });
}

const CONVOLUTIONS: readonly [string, number, number, readonly [number, number], ConvolutionLayerOptions][] = [
  ["axes that differ", 3, 4, [2, 5], { stride: [2, 1], padding: [0, 3] }],
  ["groups of vectors, stride 2", 8, 16, [3, 3], { stride: 2, padding: 1, groups: 2, bias: true }],
  ["groups, dilated, axes that differ", 8, 8, [3, 2], { stride: [1, 2], padding: [2, 0], dilation: [2, 3], groups: 2 }],
  ["depthwise to twice the channels", 3, 6, [3, 5], { padding: [1, 2], groups: 3, bias: true }],
];

for (const [name, inChannels, outChannels, kernel, options] of CONVOLUTIONS) {
  layers(`a convolution with PyTorch's weight: ${name}`, async () => {
    const golden = await loadCase("conv2d", name);
    const layer = new Convolution("conv", inChannels, outChannels, kernel, options);
    const weight = options.groups
      ? Float64Array.from(fromTorch(layer.tensors[0], new Float32Array(golden.floats("torchWeight"))))
      : golden.floats("weight");
    assert.equal(weight, golden.floats("weight"));
    const values = { "conv.weight": weight, ...(options.bias && { "conv.bias": golden.floats("bias") }) };
    const { y } = await run(layer, values, golden);
    assertNear(y, golden.floats("y"), "y");
  });
}

const NORMS: readonly [string, number, BatchNormLayerOptions][] = [
  ["training another epsilon and momentum", 6, { epsilon: 0.25, momentum: 0.7, relu: true }],
  ["training not affine", 7, { affine: false }],
];

for (const [name, channels, options] of NORMS) {
  layers(`a batch norm with PyTorch's values: ${name}`, async () => {
    const golden = await loadCase("batch-norm", name);
    const affine = options.affine ?? true;
    const values = {
      ...(affine && { "bn.weight": golden.floats("gamma"), "bn.bias": golden.floats("beta") }),
      "bn.running_mean": golden.floats("runningMean"),
      "bn.running_var": golden.floats("runningVariance"),
    };
    const { y, after } = await run(new BatchNorm("bn", channels, options), values, golden);
    assertNear(y, golden.floats("y"), "y");
    assertNear(after.get("bn.running_mean") ?? [], golden.floats("nextRunningMean"), "running mean");
    assertNear(after.get("bn.running_var") ?? [], golden.floats("nextRunningVariance"), "running variance");
  });
}

layers("a batch norm refuses one row in training, and takes it afterwards", async () => {
  const device = await testDevice();
  const layer = new BatchNorm("bn", 3);
  const model = new ModelTensors(device, layer.tensors, 1);
  const record = (training: boolean) => {
    const tape = new Tape(device);
    return layer.forward(model.pass(tape, { training }), tape.tensor([1, 3], "x"));
  };
  throws(() => record(true), ShapeError, /x \[1, 3\] has one row/);
  assert.equal(record(false).shape, [1, 3]);
  model.dispose();
});

layers.run();
