import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Tape } from "../../src/engine/tape.js";
import { CheckpointError, ShapeError } from "../../src/errors.js";
import { softmaxCrossEntropy } from "../../src/losses/softmax-cross-entropy.js";
import { convnet } from "../../src/nn/convnet.js";
import { Linear } from "../../src/nn/layers.js";
import { ModelTensors } from "../../src/nn/model-tensors.js";
import { throws } from "../data/expect.js";
import { testDevice } from "../lib/device.js";

const tensors = suite("tensors of a model");

/** Mean and standard deviation. */
function moments(values: Float32Array): { mean: number; deviation: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return { mean, deviation: Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length) };
}

async function initialOf(seed: number): Promise<Map<string, Float32Array<ArrayBuffer>>> {
  const device = await testDevice();
  const specs = [...convnet(0.5).tensors, ...new Linear("head.0", 128, 96, true).tensors];
  const model = new ModelTensors(device, specs, seed);
  const values = await model.read();
  model.dispose();
  return values;
}

tensors("convolutions begin with He's normal distribution by fan out", async () => {
  const values = (await initialOf(3)).get("layers.3.conv.weight") ?? new Float32Array();
  assert.is(values.length, 9 * 64 * 128);
  const { mean, deviation } = moments(values);
  const expected = Math.sqrt(2 / (9 * 128));
  // Of n normal numbers, the mean is off by 1 / sqrt(n) and the deviation by 1 / sqrt(2 n) deviations, give or take; five
  // times that happens once in two million seeds, and this one is fixed.
  assert.ok(Math.abs(mean) < (5 * expected) / Math.sqrt(values.length), `mean ${mean}`);
  assert.ok(Math.abs(deviation / expected - 1) < 5 / Math.sqrt(2 * values.length), `deviation ${deviation / expected}`);
  const beyond = values.filter((value) => Math.abs(value) > 2 * expected).length / values.length;
  assert.ok(Math.abs(beyond - 0.0455) < 5 * Math.sqrt(0.0455 / values.length), `${beyond} beyond two deviations`);
});

tensors("linear layers begin uniform in 1 / sqrt(fan in), batch norm as nothing", async () => {
  const initial = await initialOf(3);
  const weight = initial.get("head.0.weight") ?? new Float32Array();
  const reach = 1 / Math.sqrt(128);
  assert.is(weight.length, 128 * 96);
  assert.ok(weight.every((value) => Math.abs(value) <= reach));
  const { mean, deviation } = moments(weight);
  assert.ok(Math.abs(mean) < (5 * reach) / Math.sqrt(3 * weight.length), `mean ${mean}`);
  // The fourth moment of a uniform distribution is 9/5 of the squared second: the deviation is off by sqrt(1 / (5 n)).
  assert.ok(Math.abs((deviation * Math.sqrt(3)) / reach - 1) < 5 / Math.sqrt(5 * weight.length), `${deviation}`);
  const bias = initial.get("head.0.bias") ?? new Float32Array();
  assert.ok(
    bias.length === 96 && bias.every((value) => Math.abs(value) <= reach) && moments(bias).deviation > reach / 3,
  );
  for (const [part, value] of Object.entries({ weight: 1, bias: 0, running_mean: 0, running_var: 1 })) {
    assert.equal(initial.get(`layers.0.bn.${part}`), new Float32Array(16).fill(value), part);
  }
});

tensors("the same seed gives the same values, and another one others", async () => {
  const [first, again, other, far] = [
    await initialOf(3),
    await initialOf(3),
    await initialOf(4),
    await initialOf(2 ** 32 + 3),
  ];
  for (const [name, values] of first) {
    assert.equal(again.get(name), values, name);
    if (values.every((value) => value === values[0])) continue;
    for (const different of [other, far]) {
      const same = values.filter((value, i) => value === different.get(name)?.[i]).length;
      assert.ok(same / values.length < 0.01, `${name}: ${same} values are the same`);
    }
  }
  assert.not.equal(first.get("layers.0.conv.weight")?.slice(0, 9), first.get("layers.1.conv.weight")?.slice(0, 9));
});

tensors("are written and read by name", async () => {
  const device = await testDevice();
  const layer = new Linear("a", 3, 2, true);
  const model = new ModelTensors(device, layer.tensors, 1);
  // Any Float32Array will do, whatever its buffer is.
  const values = new Map<string, Float32Array>([
    ["a.weight", Float32Array.of(1, 2, 3, 4, 5, 6)],
    ["a.bias", Float32Array.of(7, 8)],
  ]);
  model.write(values);
  assert.equal(await model.read(), values);
  assert.is(model.parameterCount, 8);

  const before = await model.read();
  throws(() => model.write(new Map([["a.weight", new Float32Array(6)]])), CheckpointError, /a\.bias is missing/);
  throws(
    () => model.write(new Map([...values, ["a.bias", new Float32Array(3)]])),
    CheckpointError,
    /3 elements, not 2/,
  );
  throws(() => model.write(new Map([...values, ["b.bias", new Float32Array(2)]])), CheckpointError, /called b\.bias/);
  assert.equal(await model.read(), before, "nothing is written where something does not fit");
  throws(() => model.tensor("b"), CheckpointError, /no tensor called b/);
  model.dispose();
});

tensors("must have different names", async () => {
  const device = await testDevice();
  const { tensors: specs } = new Linear("a", 3, 2, false);
  throws(() => new ModelTensors(device, [...specs, ...specs], 1), ShapeError, /two tensors.*a\.weight/);
});

tensors("that the loss does not depend on are named", async () => {
  const device = await testDevice();
  const [used, unused] = [new Linear("used", 3, 2, false), new Linear("unused", 3, 2, false)];
  const model = new ModelTensors(device, [...used.tensors, ...unused.tensors], 1);
  const tape = new Tape(device);
  const y = used.forward(model.pass(tape, { training: true }), tape.tensor([4, 3], "x"));
  tape.backward(softmaxCrossEntropy(tape, y, tape.tensor([4], "labels", "u32")).loss);
  throws(() => model.placeGradients(tape), ShapeError, /no gradient reaches unused\.weight/);
  model.dispose();
});

tensors.run();
