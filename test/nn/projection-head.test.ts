import { suite } from "uvu";
import * as assert from "uvu/assert";
import { evaluate } from "../../src/doctor/check.js";
import { randomInputs } from "../../src/doctor/random-inputs.js";
import { UNIT } from "../../src/doctor/rounding.js";
import { Tape } from "../../src/engine/tape.js";
import { ConfigError } from "../../src/errors.js";
import { ModelTensors } from "../../src/nn/model-tensors.js";
import { type HeadOptions, projectionHead } from "../../src/nn/projection-head.js";
import { batchNormTrainingForward } from "../../src/reference/batch-norm.js";
import { reluForward } from "../../src/reference/elementwise.js";
import { matmulForward } from "../../src/reference/matmul.js";
import { throws } from "../data/expect.js";
import { testDevice } from "../lib/device.js";

const heads = suite("projection heads");

function shapesOf(options: HeadOptions): Record<string, readonly number[]> {
  return Object.fromEntries(projectionHead(12, options).tensors.map(({ name, shape }) => [name, shape]));
}

const norm = (name: string, size: number) =>
  Object.fromEntries(["weight", "bias", "running_mean", "running_var"].map((part) => [`${name}.${part}`, [size]]));

heads("have the tensors of a torch.nn.Sequential", () => {
  assert.equal(shapesOf({ layers: 0 }), {});
  assert.equal(shapesOf({ layers: 1, output: 5 }), { "head.0.weight": [12, 5], "head.0.bias": [5] });
  assert.equal(shapesOf({ layers: 2 }), {
    "head.0.weight": [12, 12],
    "head.0.bias": [12],
    "head.2.weight": [12, 128],
    "head.2.bias": [128],
  });
  assert.equal(shapesOf({ layers: 3, hidden: 7, output: 5, batchNorm: true }), {
    "head.0.weight": [12, 7],
    ...norm("head.1", 7),
    "head.3.weight": [7, 7],
    ...norm("head.4", 7),
    "head.6.weight": [7, 5],
    "head.6.bias": [5],
  });
});

heads("know the dimension of z", () => {
  assert.is(projectionHead(12, { layers: 0, output: 5 }).output, 12);
  assert.is(projectionHead(12, { layers: 1 }).output, 128);
  assert.is(projectionHead(12, { layers: 3, output: 5 }).output, 5);
});

/** What a head does to h [6, 12], on the device and by the references. */
async function compare(options: HeadOptions): Promise<void> {
  const device = await testDevice();
  const head = projectionHead(12, options);
  const model = new ModelTensors(device, head.tensors, 5);
  const h = randomInputs(1).normal(6 * 12);
  const { z } = await evaluate(device, (tape, input) => ({
    z: head.forward(model.pass(tape, { training: true }), input(h, [6, 12])),
  }));
  const values = await model.read();
  model.dispose();
  const get = (name: string) => Float64Array.from(values.get(name) ?? []);

  let expected = h;
  const linear = head.tensors.filter(({ shape }) => shape.length === 2);
  linear.forEach(({ name, shape: [k, n] }, i) => {
    const layer = name.replace(/\.weight$/, "");
    const bias = values.has(`${layer}.bias`) ? get(`${layer}.bias`) : undefined;
    expected = matmulForward(expected, get(name), { m: 6, n, k }, bias);
    if (i === linear.length - 1) return;
    if (options.batchNorm) {
      const one = new Float64Array(n).fill(1);
      const zero = new Float64Array(n);
      const state = { gamma: one, beta: zero, runningMean: zero, runningVariance: one };
      expected = batchNormTrainingForward(expected, state).y;
    }
    expected = reluForward(expected);
  });
  assert.is(z.length, 6 * head.output);
  const largest = expected.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
  assert.ok(largest > 0.1, `all of z is below ${largest}`);
  // Each layer sums up to 13 terms below some units of its largest output, and batch norm divides by a deviation of about
  // half: hundreds of roundings at most, where a wrong layer is off by a large share.
  const tolerance = 500 * UNIT * largest;
  expected.forEach((value, i) => {
    assert.ok(Math.abs(z[i] - value) <= tolerance, `z[${i}] is ${z[i]}, expected ${value} +- ${tolerance}`);
  });
}

heads("without a layer pass h on", async () => {
  const device = await testDevice();
  const head = projectionHead(12, { layers: 0 });
  const h = device.tensor([6, 12]);
  const model = new ModelTensors(device, [], 1);
  assert.is(head.forward(model.pass(new Tape(device), { training: false }), h), h);
  device.free(h);
});

heads("compute linear layers with rectifiers between", async () => {
  await compare({ layers: 1, output: 5 });
  await compare({ layers: 3, hidden: 12, output: 12 });
});

heads("put batch norm before the rectifiers", () => compare({ layers: 2, hidden: 12, output: 12, batchNorm: true }));

heads("refuse other numbers of layers and sizes", () => {
  const layers = JSON.parse("4");
  throws(() => projectionHead(12, { layers }), ConfigError, /a head of 4 layers/);
  throws(() => projectionHead(12, { layers: 2, hidden: 0 }), ConfigError, /hidden dimension 0/);
  throws(() => projectionHead(12, { layers: 1, output: 2.5 }), ConfigError, /output dimension 2.5/);
});

heads.run();
