import { suite } from "uvu";
import * as assert from "uvu/assert";
import { randomInputs } from "../../src/doctor/random-inputs.js";
import { Tape } from "../../src/engine/tape.js";
import { ModelTensors } from "../../src/nn/model-tensors.js";
import type { TensorSpec } from "../../src/nn/module.js";
import { adamW } from "../../src/optim/adamw.js";
import { lars } from "../../src/optim/lars.js";
import { withLossScale } from "../../src/optim/loss-scale.js";
import type { Optimizer } from "../../src/optim/optimizer.js";
import { sgd } from "../../src/optim/sgd.js";
import { testDevice } from "../lib/device.js";

const rates = suite("parameters with a constant learning rate");

const spec = (name: string, rate: TensorSpec["rate"]): TensorSpec => {
  return { name, shape: [70], role: "weight", initial: { kind: "normal", deviation: 1 }, rate };
};

/** Weights after steps with these two rates, with the same gradients for all tensors; in the second step, they overflow. */
async function trained(
  make: (model: ModelTensors) => Optimizer,
  specs: readonly TensorSpec[],
  steps: readonly (readonly [rate: number, constant: number])[],
): Promise<Map<string, Float32Array>> {
  const device = await testDevice();
  const model = new ModelTensors(device, specs, 1);
  const random = randomInputs(6);
  const start = Float32Array.from(random.normal(70));
  model.write(new Map(specs.map(({ name }) => [name, start])));
  const optimizer = withLossScale(model, make(model), { initial: 1 });
  const tape = new Tape(device);
  optimizer.record(tape);
  const program = await tape.compile();
  for (const [i, [rate, constant]] of steps.entries()) {
    const values = Float32Array.from(random.normal(70));
    if (i === 1) values[69] = Number.POSITIVE_INFINITY;
    for (const { gradient } of model.parameters) device.write(gradient, values);
    optimizer.setStep(i + 1, rate, constant);
    program.run();
  }
  const read = await model.read();
  for (const part of [program, optimizer, model]) part.dispose();
  return read;
}

for (const [name, make] of Object.entries({
  sgd: (model: ModelTensors) => sgd(model, { weightDecay: 0.1 }),
  adamW: (model: ModelTensors) => adamW(model, { weightDecay: 0.1 }),
  lars: (model: ModelTensors) => lars(model, { weightDecay: 0.1, eta: 0.02, trustClip: true }),
}))
  rates(`${name} moves them by it, and the others by the schedule`, async () => {
    // The one in the middle lies behind the others on the device.
    const specs = [spec("first", undefined), spec("steady", "constant"), spec("last", "schedule")];
    const falling = [0.1, 0.05, 0.02].map((rate) => [rate, 0.1] as const);
    const found = await trained(make, specs, falling);
    const alone = (rates: readonly number[]) =>
      trained(
        make,
        [spec("alone", undefined)],
        rates.map((rate) => [rate, rate]),
      );
    const [scheduled, constant] = [await alone([0.1, 0.05, 0.02]), await alone([0.1, 0.1, 0.1])];
    assert.equal(found.get("first"), scheduled.get("alone"));
    assert.equal(found.get("last"), scheduled.get("alone"));
    assert.equal(found.get("steady"), constant.get("alone"));
    assert.not.equal(found.get("steady"), found.get("first"));
  });

rates.run();
