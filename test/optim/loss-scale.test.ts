import { suite } from "uvu";
import * as assert from "uvu/assert";
import { randomInputs } from "../../src/doctor/random-inputs.js";
import type { Device } from "../../src/engine/device.js";
import { Tape } from "../../src/engine/tape.js";
import { ConfigError } from "../../src/errors.js";
import { ModelTensors } from "../../src/nn/model-tensors.js";
import type { TensorSpec } from "../../src/nn/module.js";
import { adamW } from "../../src/optim/adamw.js";
import { lars } from "../../src/optim/lars.js";
import { type LossScaleOptions, withLossScale } from "../../src/optim/loss-scale.js";
import type { Optimizer } from "../../src/optim/optimizer.js";
import { sgd } from "../../src/optim/sgd.js";
import { throws } from "../data/expect.js";
import { testDevice } from "../lib/device.js";

const scaling = suite("loss scale");

const spec = (name: string, role: TensorSpec["role"], size: number): TensorSpec => {
  return { name, shape: [size], role, initial: { kind: "uniform", fanIn: 4 } };
};
/** Gaps of different lengths lie behind them, and the first spans several workgroups of the test for infinities. */
const specs = [
  spec("first.weight", "weight", 5001),
  spec("first.bias", "offset", 7),
  spec("last.weight", "weight", 64),
];

const makers: Readonly<Record<string, (model: ModelTensors) => Optimizer>> = {
  AdamW: (model) => adamW(model, { weightDecay: 0.1 }),
  SGD: (model) => sgd(model, { weightDecay: 0.1 }),
  LARS: (model) => lars(model, { weightDecay: 0.1 }),
  "LARS, clipped,": (model) => lars(model, { weightDecay: 0.1, eta: 0.02, trustClip: true }),
};

/** A model whose gradients are written by hand, and its optimizer. */
async function handmade(device: Device, make: (model: ModelTensors) => Optimizer) {
  const model = new ModelTensors(device, specs, 1);
  const optimizer = make(model);
  const tape = new Tape(device);
  optimizer.record(tape);
  const program = await tape.compile();
  let step = 0;
  return {
    optimizer,
    /** One step with random gradients times a factor, of which one element is replaced. */
    async run(factor: number, replaced?: number) {
      const random = randomInputs(step + 1);
      for (const { value, gradient } of model.parameters) {
        const values = Float32Array.from(random.normal(value.size), (g) => factor * g);
        if (replaced !== undefined && value.size === 5001) values[4999] = replaced;
        device.write(gradient, values);
      }
      step += 1;
      optimizer.setStep(step, 0.1 / step);
      program.run();
    },
    /** Leaves steps out. */
    pass(steps: number) {
      step += steps;
    },
    /** All parameters and moments, and not the loss scale. */
    async values(): Promise<Float32Array[]> {
      const moments = [...optimizer.state].filter(([name]) => /velocity|moment/.test(name));
      assert.ok(moments.length > 0);
      const read = await Promise.all(moments.map(([, tensor]) => device.read(tensor)));
      return [...(await model.read()).values(), ...read];
    },
    /** The scale, and the good steps since it changed. */
    async state(): Promise<[scale: number, goodSteps: number]> {
      const read = async (name: string) => {
        const tensor = optimizer.state.get(name);
        assert.ok(tensor, name);
        return (await device.read(tensor))[0];
      };
      return [await read("loss_scale"), await read("good_steps")];
    },
    dispose() {
      for (const part of [program, optimizer, model]) part.dispose();
    },
  };
}

function scaled(make: (model: ModelTensors) => Optimizer, options?: LossScaleOptions) {
  return (model: ModelTensors) => withLossScale(model, make(model), options);
}

for (const [name, make] of Object.entries(makers)) {
  scaling(`${name} moves as without it, to the bit, and not at all where a gradient is infinite`, async () => {
    const device = await testDevice();
    const before = device.memory.currentBytes;
    const plain = await handmade(device, make);
    const subject = await handmade(device, scaled(make, { initial: 1024, growthInterval: 3 }));
    const both = async (factor: number) => {
      await plain.run(1);
      await subject.run(factor);
      assert.equal(await subject.values(), await plain.values());
    };
    await both(1024);
    await both(1024);
    assert.equal(await subject.state(), [1024, 2]);

    const stood = await subject.values();
    for (const [replaced, scale] of [
      [Number.POSITIVE_INFINITY, 512],
      [Number.NEGATIVE_INFINITY, 256],
      [Number.NaN, 128],
    ]) {
      await subject.run(1024, replaced);
      assert.equal(await subject.values(), stood, `after ${replaced}`);
      const [now, skipped] = await subject.state();
      assert.is(now, scale);
      assert.ok(skipped < 0);
    }

    // The steps that were skipped count in the schedule.
    plain.pass(3);
    await both(128);
    assert.equal(await subject.state(), [128, 1]);
    assert.not.equal(await subject.values(), stood);
    for (const part of [plain, subject]) part.dispose();
    // Read-back buffers are kept for the next read.
    assert.ok(
      device.memory.currentBytes - before <= 4 * 65536,
      `${device.memory.currentBytes - before} bytes are left`,
    );
  });
}

scaling("recovers after an overflow, doubles after good steps, and stays at 1 or above", async () => {
  const device = await testDevice();
  const subject = await handmade(device, scaled(makers.SGD, { initial: 2, growthInterval: 3 }));
  const infinity = Number.POSITIVE_INFINITY;
  const seen: [number, number][] = [];
  for (const replaced of [infinity, infinity, infinity, 1, 1, 1, 1, infinity, 1, 1, 1, 1, 1, 1]) {
    const before = await subject.values();
    await subject.run(1, replaced);
    seen.push(await subject.state());
    const moved = (await subject.values()).some((values, i) => values.some((value, j) => value !== before[i][j]));
    assert.is(moved, replaced !== infinity);
  }
  assert.equal(seen, [
    ...[-1, -2, -3].map((skipped) => [1, skipped]),
    ...[
      [1, 1],
      [1, 2],
      [2, 0],
      [2, 1],
    ],
    [1, -1],
    ...[
      [1, 1],
      [1, 2],
      [2, 0],
      [2, 1],
      [2, 2],
      [4, 0],
    ],
  ]);
  subject.dispose();
});

scaling("begins at 65536, and refuses settings that make no sense", async () => {
  const device = await testDevice();
  const subject = await handmade(device, scaled(makers.AdamW));
  assert.equal(await subject.state(), [65536, 0]);
  assert.equal([...(await device.read(subject.optimizer.lossScale))], [65536]);
  subject.dispose();
  const model = new ModelTensors(device, specs, 1);
  const optimizer = makers.SGD(model);
  assert.equal([...(await device.read(optimizer.lossScale))], [1]);
  const wrong: readonly [LossScaleOptions, RegExp][] = [
    [{ initial: 0.5 }, /begins at 0\.5/],
    [{ initial: Number.POSITIVE_INFINITY }, /begins at Infinity/],
    [{ initial: Number.NaN }, /begins at NaN/],
    [{ growthInterval: 0 }, /interval of 0 steps/],
    [{ growthInterval: 2.5 }, /interval of 2\.5 steps/],
  ];
  for (const [options, message] of wrong) throws(() => withLossScale(model, optimizer, options), ConfigError, message);
  for (const part of [optimizer, model]) part.dispose();
});

scaling.run();
