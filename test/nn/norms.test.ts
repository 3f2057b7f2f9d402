import { suite } from "uvu";
import * as assert from "uvu/assert";
import { evaluate, gradientOf, type Outputs } from "../../src/doctor/check.js";
import { randomInputs } from "../../src/doctor/random-inputs.js";
import { UNIT } from "../../src/doctor/rounding.js";
import { ConfigError } from "../../src/errors.js";
import { convnet } from "../../src/nn/convnet.js";
import { groupsOf } from "../../src/nn/layers.js";
import { ModelTensors } from "../../src/nn/model-tensors.js";
import type { Encoder } from "../../src/nn/module.js";
import type { Norm } from "../../src/nn/normalized-convolution.js";
import { resnet } from "../../src/nn/resnet.js";
import { throws } from "../data/expect.js";
import { testDevice } from "../lib/device.js";

const norms = suite("norms of encoders");

norms("32 groups, fewer for few channels or such that do not divide", () => {
  const groups = {
    1: 1,
    3: 1,
    4: 1,
    7: 1,
    8: 2,
    12: 3,
    16: 4,
    32: 8,
    37: 1,
    64: 16,
    96: 24,
    128: 32,
    144: 24,
    512: 32,
  };
  for (const [channels, expected] of Object.entries(groups)) assert.is(groupsOf(Number(channels)), expected, channels);
});

norms("group norm has the tensors of batch norm but its running statistics, which begin alike", () => {
  const pairs: readonly [Encoder, Encoder][] = [
    [convnet(), convnet(1, "group")],
    ...([18, 50] as const).map((depth): [Encoder, Encoder] => {
      const options = { depth, stem: "cifar" } as const;
      return [resnet(options), resnet({ ...options, norm: "group" })];
    }),
  ];
  for (const [batch, group] of pairs) {
    const kept = batch.tensors.filter(({ role }) => role !== "statistic");
    assert.ok(kept.length < batch.tensors.length);
    assert.equal(group.tensors, kept);
    assert.equal([group.name, group.features], [`${batch.name}-gn`, batch.features]);
  }
  assert.is(resnet({ depth: 18, stem: "cifar", width: 2, norm: "group" }).name, "resnet18-2x-gn");
});

norms("an unknown norm is refused", () => {
  // What a caller without types may pass.
  const norm = JSON.parse('"layer"');
  throws(() => convnet(1, norm), ConfigError, /"layer"/, /batch, group/);
  throws(() => resnet({ depth: 18, stem: "cifar", norm }), ConfigError, /"layer"/, /batch, group/);
});

const SIZE = 16;
const BATCH = 6;

/** Features of the images [begin, end) of a batch, and the gradients of their sum with fixed weights. */
async function run(norm: Norm, begin: number, end: number): Promise<Outputs> {
  const device = await testDevice();
  const encoder = convnet(0.25, norm);
  const model = new ModelTensors(device, encoder.tensors, 3);
  const random = randomInputs(17);
  const [pixels, seed] = [random.normal(BATCH * SIZE * SIZE * 3), random.normal(BATCH * encoder.features)];
  const outputs = await evaluate(device, (tape, input) => {
    const part = (values: Float64Array, shape: readonly number[]) => {
      const image = values.length / BATCH;
      return input(values.slice(begin * image, end * image), [end - begin, ...shape]);
    };
    const features = encoder.forward(model.pass(tape, { training: true }), part(pixels, [SIZE, SIZE, 3]));
    tape.backward(features, part(seed, [encoder.features]));
    const gradients = model.parameters.map(({ spec, value }) => [spec.name, gradientOf(tape, value)]);
    return { features, ...Object.fromEntries(gradients) };
  });
  model.dispose();
  return outputs;
}

/** The largest distance between the gradients of the batch and the sums of those of its parts, in largest gradients. */
function distance(whole: Outputs, parts: readonly Outputs[]): number {
  const distances = Object.entries(whole).map(([name, values]) => {
    if (name === "features") return 0;
    const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    assert.ok(largest > 0, `no gradient reaches ${name}`);
    const sums = values.map((_, i) => parts.reduce((sum, part) => sum + part[name][i], 0));
    return values.reduce((most, value, i) => Math.max(most, Math.abs(value - sums[i]) / largest), 0);
  });
  return Math.max(...distances);
}

norms("with group norm, a batch is the sum of its parts", async () => {
  const whole = await run("group", 0, BATCH);
  const parts = [await run("group", 0, 1), await run("group", 1, 4), await run("group", 4, BATCH)];
  assert.equal(
    parts.flatMap(({ features }) => [...features]),
    [...whole.features],
    "features, to the bit",
  );
  // The longest sums on the way: 9 taps of 32 channels, and all pixels of the first map for its weights, in other orders.
  const terms = 9 * 32 + BATCH * (SIZE / 2) ** 2;
  const found = distance(whole, parts);
  assert.ok(found < terms * UNIT, `gradients are off by ${found} of the largest`);
});

norms("with batch norm, it is not", async () => {
  const whole = await run("batch", 0, BATCH);
  const found = distance(whole, [await run("batch", 0, 3), await run("batch", 3, BATCH)]);
  assert.ok(found > 0.1, `gradients are off by ${found} of the largest`);
});

norms.run();
