import { suite } from "uvu";
import * as assert from "uvu/assert";
import { randomInputs } from "../../src/doctor/random-inputs.js";
import { UNIT } from "../../src/doctor/rounding.js";
import { Tape } from "../../src/engine/tape.js";
import { ConfigError } from "../../src/errors.js";
import { ModelTensors } from "../../src/nn/model-tensors.js";
import type { TensorSpec } from "../../src/nn/module.js";
import { adamW } from "../../src/optim/adamw.js";
import { lars } from "../../src/optim/lars.js";
import type { Optimizer } from "../../src/optim/optimizer.js";
import { sgd } from "../../src/optim/sgd.js";
import { adamWStep, clippedLarsStep, larsStep, sgdStep } from "../../src/reference/optimizers.js";
import { throws } from "../data/expect.js";
import { testDevice } from "../lib/device.js";
import { loadCase } from "../reference/goldens.js";

const optimizers = suite("optimizers of a model");

const spec = (name: string, role: TensorSpec["role"], ...shape: number[]): TensorSpec => ({
  name,
  shape,
  initial: { kind: "constant", value: 0 },
  role,
});

/** Sizes that leave gaps in the slab, weights and offsets in turn, and a weight of zeros. */
const specs = [
  spec("conv.weight", "weight", 3, 3, 5, 7),
  spec("bn.weight", "offset", 7),
  spec("bn.running_mean", "statistic", 7),
  spec("bn.bias", "offset", 7),
  spec("fc.weight", "weight", 65, 3),
  spec("zeros.weight", "weight", 70),
  spec("fc.bias", "offset", 1),
];
const trained = specs.filter(({ role }) => role !== "statistic");
/** Elements of the largest tensor. */
const largestSize = 315;

const steps = 4;
const learningRates = [0.05, 0.3, 0.2, 0.1];

/** The update of one tensor by a reference. It keeps its own state. */
type Reference = (weight: Float64Array, gradient: Float64Array, step: number, learningRate: number) => Float64Array;

/**
 * Runs some steps with random gradients and compares all parameters after each.
 * @param roundings of one step, of what the parameter is and of what is added to it: a step is off by as many units at
 *   most, and what it starts from by those of the steps before.
 */
async function compare(
  make: (model: ModelTensors) => Optimizer,
  reference: (role: TensorSpec["role"], size: number) => Reference,
  state: readonly string[],
  roundings: number,
): Promise<void> {
  const device = await testDevice();
  const before = device.memory.currentBytes;
  const model = new ModelTensors(device, specs, 1);
  const random = randomInputs(9);
  const initial = new Map(
    specs.map(({ name, shape }) => {
      const size = shape.reduce((a, b) => a * b, 1);
      return [name, name === "zeros.weight" ? new Float64Array(size) : random.normal(size)] as const;
    }),
  );
  model.write(new Map([...initial].map(([name, values]) => [name, Float32Array.from(values)])));
  const optimizer = make(model);
  assert.equal([...optimizer.state.keys()], state);
  const tape = new Tape(device);
  optimizer.record(tape);
  const program = await tape.compile();

  const expected = new Map(
    trained.map(({ name, role }) => {
      const values = initial.get(name) ?? new Float64Array();
      return [name, { values, update: reference(role, values.length) }] as const;
    }),
  );
  for (let step = 1; step <= steps; step++) {
    const learningRate = learningRates[step - 1];
    for (const {
      spec: { name },
      value,
      gradient,
    } of model.parameters) {
      const gradients = random.normal(value.size, 0.5);
      device.write(gradient, Float32Array.from(gradients));
      const tensor = expected.get(name);
      if (!tensor) throw new RangeError(`no parameter ${name}`);
      expected.set(name, { ...tensor, values: tensor.update(tensor.values, gradients, step, learningRate) });
    }
    optimizer.setStep(step, learningRate);
    program.run();
    const actual = await model.read();
    for (const [name, { values }] of expected) {
      const largest = values.reduce((a, b) => Math.max(a, Math.abs(b)), 1);
      const tolerance = step * roundings * UNIT * largest;
      values.forEach((value, i) => {
        const found = actual.get(name)?.[i] ?? Number.NaN;
        const close = Math.abs(found - value) <= tolerance;
        assert.ok(close, `${name}[${i}] is ${found} after step ${step}, expected ${value} +- ${tolerance}`);
      });
    }
    assert.equal(actual.get("bn.running_mean"), Float32Array.from(initial.get("bn.running_mean") ?? []));
  }
  for (const { values, parameters } of model.slabs) {
    const all = await device.read(values.all);
    for (const { value } of parameters) {
      const start = device.placeOf(value).offset / 4;
      all.fill(0, start, start + value.size);
    }
    assert.ok(
      all.every((value) => value === 0),
      "the gaps between the tensors stay zero",
    );
  }
  program.dispose();
  optimizer.dispose();
  model.dispose();
  // Read-back buffers are kept for the next read.
  assert.ok(device.memory.currentBytes - before <= 4 * 4096, `${device.memory.currentBytes - before} bytes are left`);
}

for (const [nesterov, decay] of [
  [true, "weights"],
  [false, "weights"],
  [true, "all"],
] as const) {
  optimizers(`SGD with ${nesterov ? "Nesterov" : "plain"} momentum, decay of ${decay}`, () =>
    compare(
      (model) => sgd(model, { momentum: 0.8, nesterov, weightDecay: 0.1, decay }),
      (role, size) => {
        let velocity: Float64Array = new Float64Array(size);
        return (weight, gradient, _step, learningRate) => {
          const weightDecay = role === "weight" || decay === "all" ? 0.1 : 0;
          const next = sgdStep(weight, gradient, velocity, { learningRate, momentum: 0.8, nesterov, weightDecay });
          velocity = next.velocity;
          return next.weight;
        };
      },
      ["velocity.0"],
      // Two for the decayed gradient, two for the velocity, three for the step, and the settings in f32; the velocity is up
      // to five times the gradient.
      50,
    ),
  );
}

for (const [weightDecay, decay] of [
  [0, "weights"],
  [0.1, "weights"],
  [0.1, "all"],
] as const) {
  optimizers(`AdamW with weight decay ${weightDecay} of ${decay}`, () =>
    compare(
      (model) => adamW(model, { beta1: 0.8, beta2: 0.95, epsilon: 1e-6, weightDecay, decay }),
      (role, size) => {
        let moments = { first: new Float64Array(size), second: new Float64Array(size) };
        return (weight, gradient, step, learningRate) => {
          const options = { learningRate, beta1: 0.8, beta2: 0.95, epsilon: 1e-6 };
          const decayed = role === "weight" || decay === "all" ? weightDecay : 0;
          const next = adamWStep(weight, gradient, moments, step, { ...options, weightDecay: decayed });
          moments = { first: Float64Array.from(next.moments.first), second: Float64Array.from(next.moments.second) };
          return next.weight;
        };
      },
      ["first_moment.0", "second_moment.0"],
      // Moments of 4 each, three divisions of 5, a root of 9, and the rest; a step is up to a few times the rate of 0.3.
      50,
    ),
  );
}

for (const [nesterov, decay, trustClip] of [
  [false, "weights", false],
  [true, "all", false],
  [false, "weights", true],
  [true, "all", true],
] as const) {
  const form = `${trustClip ? ", clipped" : ""}, ${nesterov ? "Nesterov" : "plain"} momentum, decay of ${decay}`;
  optimizers(`LARS${form}`, () =>
    compare(
      // With these rates, tensors are clipped in some steps and not in others.
      (model) =>
        lars(model, { momentum: 0.8, nesterov, weightDecay: 0.1, decay, eta: trustClip ? 0.1 : 0.5, trustClip }),
      (role, size) => {
        const adapted = role === "weight";
        const weightDecay = adapted || decay === "all" ? 0.1 : 0;
        const options = { momentum: 0.8, nesterov, weightDecay, eta: trustClip ? 0.1 : 0.5, adapted };
        const larsOf = trustClip ? clippedLarsStep : larsStep;
        let velocity: Float64Array = new Float64Array(size);
        return (weight, gradient, _step, learningRate) => {
          const next = larsOf(weight, gradient, velocity, { ...options, learningRate });
          velocity = next.velocity;
          return next.weight;
        };
      },
      ["velocity.0"],
      // As SGD, and the two norms, whose squares are sums of as many terms as the largest tensor has elements.
      50 + largestSize,
    ),
  );
}

optimizers("LARS by default is the plain one of the paper, with offsets that only follow their gradient", () =>
  compare(
    (model) => lars(model),
    (role, size) => {
      const options = { momentum: 0.9, nesterov: false, eta: 0.001 };
      const own = role === "weight" ? { weightDecay: 1e-6, adapted: true } : { weightDecay: 0, adapted: false };
      let velocity: Float64Array = new Float64Array(size);
      return (weight, gradient, _step, learningRate) => {
        const next = larsStep(weight, gradient, velocity, { ...options, ...own, learningRate });
        velocity = next.velocity;
        return next.weight;
      };
    },
    ["velocity.0"],
    50 + largestSize,
  ),
);

for (const [name, make] of [
  ["sgd", (model: ModelTensors, weightDecay: number) => sgd(model, { weightDecay, decay: "all" })],
  ["adamw", (model: ModelTensors, weightDecay: number) => adamW(model, { weightDecay, decay: "all" })],
] as const) {
  optimizers(`${name} of a layer moves its weight and bias as PyTorch's does by default`, async () => {
    const device = await testDevice();
    const golden = await loadCase("weight-decay", name);
    const parts = ["weight", "bias"];
    const [steps, ...weightShape] = golden.shape("gradients.weight");
    const model = new ModelTensors(
      device,
      [spec("weight", "weight", ...weightShape), spec("bias", "offset", ...golden.shape("initial.bias"))],
      1,
    );
    model.write(new Map(parts.map((part) => [part, Float32Array.from(golden.floats(`initial.${part}`))])));
    const optimizer = make(model, golden.number("weightDecay"));
    const tape = new Tape(device);
    optimizer.record(tape);
    const program = await tape.compile();
    for (let step = 0; step < steps; step++) {
      const rowOf = (values: Float64Array) =>
        values.subarray((step * values.length) / steps).subarray(0, values.length / steps);
      for (const { spec, gradient } of model.parameters)
        device.write(gradient, Float32Array.from(rowOf(golden.floats(`gradients.${spec.name}`))));
      optimizer.setStep(step + 1, golden.number("learningRate"));
      program.run();
      for (const { spec, value } of model.parameters) {
        const found = await device.read(value);
        const expected = rowOf(golden.floats(`values.${spec.name}`));
        const largest = expected.reduce((a, b) => Math.max(a, Math.abs(b)), 1);
        // As above.
        const tolerance = (step + 1) * 50 * UNIT * largest;
        expected.forEach((x, i) => {
          const close = Math.abs(found[i] - x) <= tolerance;
          assert.ok(close, `${spec.name}[${i}] is ${found[i]} after step ${step + 1}, PyTorch's ${x} +- ${tolerance}`);
        });
      }
    }
    for (const part of [program, optimizer, model]) part.dispose();
  });
}

optimizers("a new learning rate and step need no new recording", async () => {
  const device = await testDevice();
  const model = new ModelTensors(device, [spec("w", "weight", 3)], 1);
  const optimizer = adamW(model, { beta1: 0.5, beta2: 0.5, epsilon: 0 });
  const tape = new Tape(device);
  optimizer.record(tape);
  const program = await tape.compile();
  device.write(model.parameters[0].gradient, Float32Array.of(3, -2, 0.5));
  for (const [step, learningRate, sum] of [
    [1, 0.25, 0.25],
    [2, 0.5, 0.75],
  ] as const) {
    optimizer.setStep(step, learningRate);
    program.run();
    // With bias correction, a gradient that stays the same moves a weight by the rate, whatever its size.
    const values = await device.read(model.tensor("w"));
    [-sum, sum, -sum].forEach((value, i) => {
      assert.ok(Math.abs(values[i] - value) < 1e-5, `w[${i}] is ${values[i]} after step ${step}, expected ${value}`);
    });
  }
  for (const part of [program, optimizer, model]) part.dispose();
});

for (const [name, make] of Object.entries({ sgd, adamW, lars })) {
  optimizers(`${name} moves no parameter before the first step is set`, async () => {
    const device = await testDevice();
    const model = new ModelTensors(device, specs, 1);
    const values = specs.map(({ name, shape }) => {
      return [name, Float32Array.from(randomInputs(3).normal(shape.reduce((a, b) => a * b, 1)))] as const;
    });
    model.write(new Map(values));
    for (const { gradient } of model.parameters)
      device.write(gradient, Float32Array.from(randomInputs(2).normal(gradient.size)));
    const optimizer = make(model, { weightDecay: 0.1 });
    const tape = new Tape(device);
    optimizer.record(tape);
    const program = await tape.compile();
    program.run();
    assert.equal(await model.read(), new Map(values));
    for (const part of [program, optimizer, model]) part.dispose();
  });
}

optimizers("refuse steps that they do not count, and rates that are no numbers", async () => {
  const model = new ModelTensors(await testDevice(), specs, 1);
  for (const make of [adamW, lars, sgd]) {
    const optimizer = make(model);
    for (const step of [0, -1, 1.5, Number.NaN])
      throws(
        () => optimizer.setStep(step, 0.1),
        ConfigError,
        /must be a whole number from 1 up: an optimizer counts from 1/,
      );
    throws(() => optimizer.setStep(1, Number.NaN), ConfigError, /the learning rate of step 1 is NaN/);
    optimizer.setStep(1, 0);
    optimizer.dispose();
  }
  model.dispose();
});

optimizers.run();
