import { suite } from "uvu";
import * as assert from "uvu/assert";
import * as kernels from "../../kernels/generated.js";
import { Device, openDevice } from "../../src/engine/device.js";
import { SUBMIT_FLOPS } from "../../src/engine/submits.js";
import { Tape } from "../../src/engine/tape.js";
import type { Tensor } from "../../src/engine/tensor.js";
import { OutOfMemoryError, UsageError } from "../../src/errors.js";
import { add, mean, relu } from "../../src/ops/elementwise.js";
import { rejects, throws } from "../data/expect.js";
import { testDevice } from "../lib/device.js";
import { countCalls, wrapMethod } from "./observe.js";
import { recordSmallTraining } from "./small-training.js";

const memory = suite("memory");

/** The intermediate tensors of a chain of four, and the last one. */
function chain(tape: Tape, x: Tensor): Tensor {
  return relu(tape, add(tape, relu(tape, add(tape, x, x)), x));
}

memory("of intermediate tensors is shared between programs, and given back with the last of them", async () => {
  const device = await testDevice();
  const x = device.tensor([25000], new Float32Array(25000).fill(1));
  const start = device.memory.currentBytes;
  const compiled = async (input: Tensor) => {
    const tape = new Tape(device);
    const y = chain(tape, input);
    return { y, program: await tape.compile({ keep: [y] }) };
  };
  const first = await compiled(x);
  assert.is(first.program.liveBytes, 200_000);
  const alone = device.memory.currentBytes;
  // Two slots, the kept tensor and the parameters.
  assert.is(alone - start, 300_000 + 256);
  const second = await compiled(first.y);
  assert.is(device.memory.currentBytes - alone, 100_000 + 256);
  assert.ok(device.memory.peakBytes >= device.memory.currentBytes);
  for (let round = 0; round < 2; round++) {
    first.program.run();
    // ((1 + 1) + 1) = 3, then (3 + 3) + 3 = 9.
    assert.is(
      (await second.program.runAndRead(second.y)).findIndex((value) => value !== 9),
      -1,
    );
    assert.is(
      (await device.read(first.y)).findIndex((value) => value !== 3),
      -1,
    );
  }
  const reading = device.memory.currentBytes - alone - 100_256;
  second.program.dispose();
  first.program.run();
  await device.idle();
  first.program.dispose();
  assert.is(device.memory.currentBytes, start + reading);
  first.program.dispose();
  assert.is(device.memory.currentBytes, start + reading);
  assert.ok(device.memory.peakBytes >= alone + 100_256);
  device.free(x);
});

memory("rehearsed is what recordings then take, and leaves nothing behind", async () => {
  const { gpu, adapter } = await testDevice();
  // One with figures of its own.
  const device = new Device(gpu, adapter);
  const record = () => {
    const x = device.tensor([25000], new Float32Array(25000).fill(1));
    const slabs = device.slabs([{ shape: [70], label: "part" }]);
    const tape = new Tape(device);
    tape.watch(x);
    const y = mean(tape, chain(tape, x), "mean");
    return { x, slabs, tape, y };
  };
  const earlier = record();
  const program = await earlier.tape.compile({ keep: [earlier.y] });
  const created = countCalls(gpu, ["createBuffer", "createBindGroup", "createShaderModule"]);
  const written = countCalls(gpu.queue, ["writeBuffer", "submit"]);
  const figures = () => [device.memory.currentBytes, device.memory.peakBytes, ...created.values(), ...written.values()];
  const before = figures();
  const { peakBytes, result } = device.memory.rehearse(() => {
    const { tape, y } = record();
    tape.place(y, device.tensor([1], [0]));
    return tape.reserve();
  });
  assert.equal(figures(), before);
  assert.is(result.liveBytes, 200_000);
  assert.ok(device.memory.rehearsing === false);
  const { tape, y } = record();
  tape.place(y, device.tensor([1], [0]));
  const second = await tape.compile();
  // The slots of the first program serve the second one, in the rehearsal as well.
  assert.is(device.memory.currentBytes, peakBytes);
  assert.is(peakBytes - before[0], 100_000 + 512 + 16 + 256);
  second.run();
  await device.idle();
  second.dispose();
  program.dispose();
  device.memory.resetPeak();
  assert.is(device.memory.peakBytes, device.memory.currentBytes);
  device.free(device.tensor([100]));
  assert.is(device.memory.peakBytes, device.memory.currentBytes + 400);
});

memory("rehearsed beyond the adapter's limits says which tensor it is", async () => {
  const {
    memory: figures,
    gpu,
    tensor,
  } = await testDevice().then((device) => ({
    memory: device.memory,
    gpu: device.gpu,
    tensor: device.tensor.bind(device),
  }));
  const limit = Math.min(gpu.limits.maxBufferSize, gpu.limits.maxStorageBufferBindingSize);
  const before = figures.currentBytes;
  const elements = Math.floor(limit / 4) + 4;
  throws(
    () => figures.rehearse(() => tensor([elements], undefined, "embeddings")),
    OutOfMemoryError,
    new RegExp(
      `^embeddings needs ${Math.ceil(elements / 4) * 16} bytes, and this adapter allows ${limit} in one buffer`,
    ),
  );
  assert.is(figures.currentBytes, before);
  assert.is(figures.rehearsing, false);
});

memory("is flat over a thousand steps, and nothing is created after the third", async () => {
  const device = await openDevice();
  const training = await recordSmallTraining(device);
  const created = countCalls(device.gpu, [
    "createBuffer",
    "createTexture",
    "createSampler",
    "createBindGroup",
    "createBindGroupLayout",
    "createPipelineLayout",
    "createShaderModule",
    "createComputePipeline",
    "createComputePipelineAsync",
    "createQuerySet",
  ]);
  const figures = () => [
    device.memory.currentBytes,
    device.memory.peakBytes,
    device.pipelines.size,
    ...created.values(),
  ];
  let flat: number[] = [];
  const losses: number[] = [];
  let pending: Promise<unknown> = Promise.resolve();
  for (let step = 0; step < 1000; step++) {
    if (step % 10 === 0) {
      await pending;
      pending = training.program.runAndRead(training.loss).then(([loss]) => losses.push(loss));
    } else {
      training.program.run();
    }
    if (step === 3) flat = figures();
    else if (step > 3 && step % 100 === 99) assert.equal(figures(), flat, `after step ${step + 1}`);
  }
  await pending;
  assert.equal(figures(), flat);
  assert.is(losses.length, 100);
  assert.ok(losses[99] < losses[0] / 2, `the loss went from ${losses[0]} to ${losses[99]}`);
  device.close();
});

memory("figures return to where they were when a training is disposed of", async () => {
  const device = await testDevice();
  // What stays on a device once it was used: the number 1, and a staging buffer.
  await device.read(device.one);
  const before = device.memory.currentBytes;
  const training = await recordSmallTraining(device);
  await training.program.runAndRead(training.loss);
  training.dispose();
  assert.is(device.memory.currentBytes, before);
});

memory.run();

const runs = suite("runs");

runs("take one encoder, one pass and one submit, with and without reading", async () => {
  const device = await openDevice();
  const training = await recordSmallTraining(device);
  const calls = countCalls(device.gpu, ["createCommandEncoder"]);
  const submits = countCalls(device.gpu.queue, ["submit", "onSubmittedWorkDone"]);
  let passes = 0;
  wrapMethod(device.gpu, "createCommandEncoder", (call) => {
    const encoder = call();
    assert.ok(typeof encoder === "object" && encoder !== null);
    wrapMethod(encoder, "beginComputePass", (begin) => {
      passes += 1;
      return begin();
    });
    return encoder;
  });
  const figures = () => [...calls.values(), passes, ...submits.values()];
  training.program.run();
  assert.equal(figures(), [1, 1, 1, 0]);
  await training.program.runAndRead(training.loss);
  assert.equal(figures(), [2, 2, 2, 0]);
  device.close();
});

runs("are cut into submits where they would keep a slow GPU busy for seconds", async () => {
  const device = await openDevice();
  const submits = countCalls(device.gpu.queue, ["submit"]);
  const x = device.tensor([4], [1, 2, 3, 4]);
  const submitsOf = async (work: readonly number[]) => {
    const tape = new Tape(device);
    let y = x;
    for (const flops of work) {
      const sum = tape.tensor([4], "sum");
      tape.launch({ ...kernels.add, flops: () => flops }, { a: y, b: y, y: sum }, { elements: 4 });
      y = sum;
    }
    const program = await tape.compile({ keep: [y] });
    const before = submits.get("submit") ?? 0;
    program.run();
    const count = (submits.get("submit") ?? 0) - before;
    const scale = 2 ** work.length;
    assert.equal([...(await program.runAndRead(y))], [scale, 2 * scale, 3 * scale, 4 * scale]);
    assert.is((submits.get("submit") ?? 0) - before, 2 * count);
    assert.ok((await program.profile()).every(({ launches }) => launches === work.length));
    assert.equal([...(await device.read(y))], [scale, 2 * scale, 3 * scale, 4 * scale]);
    program.dispose();
    return count;
  };
  const most = SUBMIT_FLOPS;
  assert.is(await submitsOf([most / 2, most / 2]), 1);
  assert.is(await submitsOf([most / 2, most / 2, 1]), 2);
  assert.is(await submitsOf([1, most, 1]), 3);
  // A launch is never cut.
  assert.is(await submitsOf([2 * most, most / 2, most / 4, 3 * most]), 3);
  device.close();
});

runs("that cannot be read submit nothing", async () => {
  const device = await openDevice();
  const submits = countCalls(device.gpu.queue, ["submit"]);
  const x = device.tensor([4], [1, 2, 3, 4]);
  const tape = new Tape(device);
  const middle = relu(tape, x);
  const program = await tape.compile({ keep: [add(tape, middle, x)] });
  await rejects(program.runAndRead(middle), UsageError, /is an intermediate tensor/);
  assert.equal([...submits.values()], [0]);
  device.close();
});

runs("on the same inputs give the same bits", async () => {
  const device = await testDevice();
  const results: Float32Array[] = [];
  for (let round = 0; round < 2; round++) {
    const training = await recordSmallTraining(device);
    for (let step = 0; step < 20; step++) training.program.run();
    results.push(await device.read(training.parameters), await device.read(training.loss));
    training.dispose();
  }
  const bits = results.map(({ buffer }) => [...new Uint32Array(buffer)]);
  assert.equal(bits[0], bits[2]);
  assert.equal(bits[1], bits[3]);
  assert.ok(bits[0].some((word) => word !== 0));
});

runs.run();
