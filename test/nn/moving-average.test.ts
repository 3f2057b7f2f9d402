import { suite } from "uvu";
import * as assert from "uvu/assert";
import { randomInputs } from "../../src/doctor/random-inputs.js";
import { UNIT } from "../../src/doctor/rounding.js";
import { Device, openDevice } from "../../src/engine/device.js";
import { Tape } from "../../src/engine/tape.js";
import { ConfigError, ShapeError } from "../../src/errors.js";
import { softmaxCrossEntropy } from "../../src/losses/softmax-cross-entropy.js";
import { BatchNorm, Convolution, Linear } from "../../src/nn/layers.js";
import { ModelTensors } from "../../src/nn/model-tensors.js";
import type { ForwardPass, Module, TensorSpec } from "../../src/nn/module.js";
import { MovingAverage } from "../../src/nn/moving-average.js";
import { globalAveragePool } from "../../src/ops/pooling.js";
import { sgd } from "../../src/optim/sgd.js";
import { movingAverageStep } from "../../src/reference/moving-average.js";
import { throws } from "../data/expect.js";
import { countCalls, lowerLimits } from "../engine/observe.js";
import { testDevice } from "../lib/device.js";

const averages = suite("moving average of a model");

/** A convolution, a batch norm and a linear layer: images [batch, 5, 5, 3] to [batch, 7]. */
function encoder(): Module {
  const layers = [new Convolution("conv", 3, 6, 3, { padding: 1 }), new BatchNorm("bn", 6, { relu: true })] as const;
  const last = new Linear("fc", 6, 7, true);
  return {
    tensors: [...layers, last].flatMap(({ tensors }) => tensors),
    forward(pass, images) {
      const maps = layers.reduce((x, layer, i) => pass.segment(`layer ${i}`, () => layer.forward(pass, x)), images);
      return last.forward(pass, globalAveragePool(pass.tape, maps));
    },
  };
}

const net = encoder();
const predictor = new Linear("predictor", 7, 7, true);

/** A model whose tensors have all been moved from where they began, statistics too. */
function movedModel(device: Device, specs: readonly TensorSpec[] = [...net.tensors, ...predictor.tensors]) {
  const model = new ModelTensors(device, specs, 5);
  const random = randomInputs(4);
  const values = specs.map(({ name, shape }) => {
    const size = shape.reduce((a, b) => a * b, 1);
    // Positive, as variances are.
    return [name, Float32Array.from(random.uniform(size, 0.1, 1))] as const;
  });
  model.write(new Map(values));
  return model;
}

async function read(average: MovingAverage): Promise<Map<string, Float32Array>> {
  const values = new Map<string, Float32Array>();
  for (const [name, tensor] of average.state) values.set(name, await average.model.device.read(tensor));
  return values;
}

/** What a net makes of fixed images: a program, with the output. */
async function forward(device: Device, record: (tape: Tape) => ForwardPass) {
  const images = device.tensor([4, 5, 5, 3], Float32Array.from(randomInputs(6).normal(300)), "images");
  const tape = new Tape(device);
  const y = net.forward(record(tape), images);
  const program = await tape.compile({ keep: [y] });
  const values = await program.runAndRead(y);
  program.dispose();
  device.free(images);
  return { values, launches: tape.launches.map(({ kernel }) => kernel.name) };
}

averages("begins with the model's parameters and running statistics, and is made equal to it again", async () => {
  const device = await testDevice();
  const model = movedModel(device);
  const average = new MovingAverage(model, net.tensors);
  const student = await model.read();
  assert.equal([...average.state.keys()].sort(), net.tensors.map(({ name }) => name).sort());
  for (const [name, values] of await read(average)) assert.equal(values, student.get(name), name);

  for (const tensor of average.state.values()) device.write(tensor, new Float32Array(tensor.size));
  assert.equal(await model.read(), student, "it has buffers of its own");
  average.copy();
  for (const [name, values] of await read(average)) assert.equal(values, student.get(name), name);
  for (const part of [average, model]) part.dispose();
});

averages("follows what the optimizer made of the parameters, with a momentum that is recorded once", async () => {
  const device = await testDevice();
  const before = device.memory.currentBytes;
  const model = movedModel(device);
  const average = new MovingAverage(model, net.tensors);
  const optimizer = sgd(model);
  const tape = new Tape(device);
  optimizer.record(tape);
  const launches = tape.launches.length;
  average.record(tape);
  assert.is(tape.launches.length - launches, 1, "one dispatch for the slab");
  const program = await tape.compile();

  const random = randomInputs(8);
  const trained = net.tensors.filter(({ role }) => role !== "statistic");
  const expected = new Map(
    Array.from(await read(average), ([name, values]) => [name, Float64Array.from(values)] as const),
  );
  let largest = 0;
  for (const [i, momentum] of [null, 0.9, 0.996, 0, 0.5, 1].entries()) {
    for (const { gradient } of model.parameters)
      device.write(gradient, Float32Array.from(random.normal(gradient.size)));
    optimizer.setStep(i + 1, 0.1);
    if (momentum !== null) average.setMomentum(momentum);
    program.run();
    const [student, teacher] = [await model.read(), await read(average)];
    for (const { name } of trained) {
      const values = Float64Array.from(student.get(name) ?? []);
      // Nobody has set a momentum before the first step: the average stands still.
      const next = movingAverageStep(expected.get(name) ?? values, values, momentum ?? 1);
      expected.set(name, Float64Array.from(next));
      const found = teacher.get(name) ?? new Float32Array();
      assert.is(found.length, next.length);
      largest = [...values, ...next].reduce((most, value) => Math.max(most, Math.abs(value)), largest);
      // Four roundings a step, of what is no larger than the sum of both.
      const tolerance = (i + 1) * 4 * UNIT * 2 * largest;
      next.forEach((value, k) => {
        const close = Math.abs(found[k] - value) <= tolerance;
        assert.ok(close, `${name}[${k}] is ${found[k]} after step ${i + 1}, expected ${value} +- ${tolerance}`);
      });
    }
    for (const { name, role } of net.tensors) {
      if (role === "statistic") assert.equal(teacher.get(name), Float32Array.from(expected.get(name) ?? []), name);
    }
  }
  for (const part of [program, optimizer, average, model]) part.dispose();
  // Read-back buffers are kept for the next read.
  assert.ok(device.memory.currentBytes - before <= 4 * 4096, `${device.memory.currentBytes - before} bytes are left`);
});

averages("has slabs that are the beginning of the model's, where they are several", async () => {
  const device = await openDevice();
  lowerLimits(device.gpu, { maxStorageBufferBindingSize: 1024 });
  const specs = [200, 100, 50, 3, 90, 256].map((size, i): TensorSpec => {
    return { name: `part ${i}`, shape: [size], initial: { kind: "constant", value: i + 1 }, role: "weight" };
  });
  const model = new ModelTensors(device, specs, 1);
  assert.equal(
    model.slabs.map(({ parameters }) => parameters.length),
    [1, 3, 1, 1],
  );
  // The first ends within a slab, the second with one.
  for (const count of [3, 4, 5]) {
    const average = new MovingAverage(model, specs.slice(0, count));
    for (const tensor of average.state.values()) device.write(tensor, new Float32Array(tensor.size));
    average.setMomentum(0.5);
    const tape = new Tape(device);
    average.record(tape);
    assert.is(tape.launches.length, count < 5 ? 2 : 3);
    const program = await tape.compile();
    program.run();
    for (const [i, spec] of specs.slice(0, count).entries()) {
      const tensor = average.state.get(spec.name);
      assert.ok(tensor);
      assert.equal(await device.read(tensor), new Float32Array(tensor.size).fill((i + 1) / 2), spec.name);
    }
    for (const part of [program, average]) part.dispose();
  }

  // Another device's slabs would be cut elsewhere.
  lowerLimits(device.gpu, { maxStorageBufferBindingSize: 2048 });
  const bytes = device.memory.currentBytes;
  throws(() => new MovingAverage(model, specs), ShapeError, /average of part 1 \[100\] does not lie as it does/);
  assert.is(device.memory.currentBytes, bytes);
  device.close();
});

averages("is of a model's first tensors only", async () => {
  const device = await testDevice();
  const model = movedModel(device);
  const [first, ...others] = model.specs;
  const bytes = device.memory.currentBytes;
  const wrong: readonly [readonly TensorSpec[], RegExp][] = [
    [others, /tensor 0 is the offset bn\.weight \[6\], not the weight conv\.weight \[3, 3, 3, 6\]/],
    [predictor.tensors, /tensor 0 is the weight predictor\.weight/],
    [[{ ...first, shape: [3, 3, 6, 3] }], /tensor 0 is the weight conv\.weight \[3, 3, 6, 3\], not .* \[3, 3, 3, 6\]/],
    [[{ ...first, role: "offset" }], /tensor 0 is the offset conv\.weight .* not the weight conv\.weight/],
    [[...model.specs, { ...first, name: "more" }], /tensor 9 is the weight more .* not one of the model's/],
  ];
  for (const [specs, message] of wrong) throws(() => new MovingAverage(model, specs), ShapeError, message);
  assert.is(device.memory.currentBytes, bytes);
  new MovingAverage(model, model.specs).dispose();
  model.dispose();
});

averages("passes forward like the student it equals, with statistics of its own", async () => {
  const device = await testDevice();
  const model = movedModel(device);
  const average = new MovingAverage(model, net.tensors);
  const start = await model.read();

  const teaching = await forward(device, (tape) => average.pass(tape, { training: true }));
  assert.equal(await model.read(), start, "nothing of the student's has moved");
  const moved = await read(average);
  const learning = await forward(device, (tape) => model.pass(tape, { training: true }));
  assert.equal(teaching, learning);
  const student = await model.read();
  assert.not.equal(student.get("bn.running_mean"), start.get("bn.running_mean"));
  for (const [name, values] of moved) assert.equal(values, student.get(name), name);

  const standing = await forward(device, (tape) => average.pass(tape, { training: true, movesRunning: false }));
  assert.equal(standing.values, teaching.values);
  assert.equal(await read(average), moved);
  const again = await forward(device, (tape) =>
    average.pass(tape, { training: true, movesRunning: false, recompute: true }),
  );
  assert.equal(again, standing);

  const evaluated = await forward(device, (tape) => average.pass(tape, { training: false }));
  assert.not.equal(evaluated.values, teaching.values);
  assert.equal(evaluated, await forward(device, (tape) => model.pass(tape, { training: false })));
  for (const part of [average, model]) part.dispose();
});

averages("takes no gradient, and lets those of the student through", async () => {
  const device = await testDevice();
  const model = movedModel(device);
  const average = new MovingAverage(model, net.tensors);
  const tape = new Tape(device);
  const images = tape.tensor([4, 5, 5, 3], "images");
  const teacher = net.forward(average.pass(tape, { training: true, recompute: true }), images);
  assert.is(tape.needsGradient(teacher), false);
  const pass = model.pass(tape, { training: true });
  const student = predictor.forward(pass, net.forward(pass, images));
  tape.backward(softmaxCrossEntropy(tape, student, tape.tensor([4], "labels", "u32")).loss);
  model.placeGradients(tape);
  for (const tensor of average.state.values()) assert.is(tape.gradient(tensor), null, tensor.label);
  for (const part of [average, model]) part.dispose();
});

averages("begins from a checkpoint's tensors", async () => {
  const device = await testDevice();
  const model = movedModel(device);
  const trained = new MovingAverage(model, net.tensors);
  for (const [i, tensor] of [...trained.state.values()].entries())
    device.write(tensor, Float32Array.from(randomInputs(i + 1).uniform(tensor.size, 0.1, 1)));
  const stored = await read(trained);
  const resumed = new MovingAverage(model, net.tensors);
  for (const [name, tensor] of resumed.state) device.write(tensor, Float32Array.from(stored.get(name) ?? []));
  const options = { training: false };
  const [first, second] = [trained, resumed].map((average) => forward(device, (tape) => average.pass(tape, options)));
  assert.equal(await first, await second);
  for (const part of [trained, resumed, model]) part.dispose();
});

averages("refuses a momentum that is none", async () => {
  const device = await testDevice();
  const model = movedModel(device);
  const average = new MovingAverage(model, net.tensors);
  for (const momentum of [-0.001, 1.001, Number.NaN, Number.POSITIVE_INFINITY])
    throws(() => average.setMomentum(momentum), ConfigError, new RegExp(`a momentum of ${momentum}:`));
  for (const momentum of [0, 1]) average.setMomentum(momentum);
  for (const part of [average, model]) part.dispose();
});

averages("rehearsed takes the memory that it then takes, and writes nothing", async () => {
  const { gpu, adapter } = await testDevice();
  // One with figures of its own.
  const device = new Device(gpu, adapter);
  const model = new ModelTensors(device, [...net.tensors, ...predictor.tensors], 1);
  const record = () => {
    const average = new MovingAverage(model, net.tensors);
    average.setMomentum(0.99);
    const tape = new Tape(device);
    average.record(tape);
    return { average, tape };
  };
  const created = countCalls(gpu, ["createBuffer"]);
  const written = countCalls(gpu.queue, ["writeBuffer", "submit"]);
  const figures = () => [device.memory.currentBytes, ...created.values(), ...written.values()];
  const before = figures();
  const { peakBytes } = device.memory.rehearse(() => record().tape.reserve());
  assert.equal(figures(), before);
  const { average, tape } = record();
  const program = await tape.compile();
  assert.is(device.memory.currentBytes, peakBytes);
  for (const part of [program, average, model]) part.dispose();
  assert.is(device.memory.currentBytes, 0);
});

averages.run();
