import { suite } from "uvu";
import * as assert from "uvu/assert";
import * as kernels from "../../kernels/generated.js";
import { type Device, openDevice } from "../../src/engine/device.js";
import { Tape } from "../../src/engine/tape.js";
import type { Tensor } from "../../src/engine/tensor.js";
import { DeviceLostError, GpuValidationError, OutOfMemoryError } from "../../src/errors.js";
import { add, relu } from "../../src/ops/elementwise.js";
import { matmul } from "../../src/ops/matmul.js";
import { rejects, throws } from "../data/expect.js";
import { testDevice } from "../lib/device.js";
import { wrapMethod } from "./observe.js";

const errors = suite("errors");

/** A device of its own, and a program on it: y = x + x. */
async function openWithProgram() {
  const device = await openDevice();
  const x = device.tensor([3], [1, 2, 3], "x");
  const tape = new Tape(device);
  const y = add(tape, x, x);
  const program = await tape.compile({ keep: [y] });
  return { device, x, y, tape, program };
}

/** That nothing on this device goes on as if nothing had happened. */
async function expectStopped(
  { device, x, y, tape, program }: Awaited<ReturnType<typeof openWithProgram>>,
  kind: new (message: string) => Error,
  message: RegExp,
): Promise<void> {
  for (let round = 0; round < 2; round++) {
    throws(() => program.run(), kind, message);
    throws(() => device.tensor([4]), kind, message);
    throws(() => device.slabs([{ shape: [4], label: "slab" }]), kind, message);
    throws(() => device.write(x, Float32Array.of(1, 2, 3)), kind, message);
    await rejects(program.runAndRead(y), kind, message);
    await rejects(device.read(x), kind, message);
    await rejects(device.idle(), kind, message);
    await rejects(program.profile(), kind, message);
    await rejects(tape.compile(), kind, message);
  }
}

errors("of validation come up at the next read, and stay", async () => {
  const opened = await openWithProgram();
  const { device, x } = opened;
  device.gpu.createBuffer({ size: 16, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.STORAGE, label: "impossible" });
  await rejects(device.read(x), GpuValidationError, /./);
  await expectStopped(opened, GpuValidationError, /./);
  device.close();
});

errors("of validation in a run come up at its own read", async () => {
  const opened = await openWithProgram();
  const { device, x, y, program } = opened;
  device.placeOf(x).buffer.destroy();
  await rejects(program.runAndRead(y), GpuValidationError, /./);
  await expectStopped(opened, GpuValidationError, /./);
  device.close();
});

errors("of memory come up as such", async () => {
  const opened = await openWithProgram();
  const { device, x } = opened;
  const error = new GPUOutOfMemoryError("nothing left");
  device.gpu.dispatchEvent(new GPUUncapturedErrorEvent("uncapturederror", { error }));
  await rejects(device.read(x), OutOfMemoryError, /out of memory: nothing left/);
  await expectStopped(opened, OutOfMemoryError, /nothing left/);
  device.close();
});

errors("of memory while compiling give everything back", async () => {
  const opened = await openWithProgram();
  const { device, x } = opened;
  const tape = new Tape(device);
  const y = relu(tape, add(tape, x, x));
  (await tape.compile()).dispose();
  const before = device.memory.currentBytes;
  wrapMethod(device.gpu, "popErrorScope", async (call) => (await call()) ?? new GPUOutOfMemoryError("nothing left"));
  await rejects(tape.compile({ keep: [y] }), OutOfMemoryError, /12 bytes of intermediate tensors: nothing left/);
  assert.is(device.memory.currentBytes, before);
  assert.is(y.place, null);
  device.close();
});

errors("name the tensor, the bytes and the limit of a buffer that is too large", async () => {
  const device = await testDevice();
  const { maxStorageBufferBindingSize, maxBufferSize } = device.gpu.limits;
  const limit = Math.min(maxStorageBufferBindingSize, maxBufferSize);
  const size = Math.floor(limit / 4) + 4;
  const message = (name: string, bytes: number) =>
    new RegExp(`${name} needs ${Math.ceil(bytes / 16) * 16} bytes.*${limit} in one buffer \\(max\\w+Size\\)`);
  const before = device.memory.currentBytes;
  throws(() => device.tensor([size], undefined, "embeddings"), OutOfMemoryError, message("embeddings", size * 4));
  assert.is(device.memory.currentBytes, before);

  const side = Math.ceil(Math.sqrt(limit / 4)) + 1;
  const column = device.tensor([side, 1], undefined, "column");
  const tape = new Tape(device);
  const square: Tensor = matmul(tape, column, column, { transposeB: true });
  const whole = device.memory.currentBytes;
  const expected = message("column x column", square.bytes);
  await rejects(tape.compile(), OutOfMemoryError, expected);
  await rejects(tape.compile({ keep: [square] }), OutOfMemoryError, expected);
  assert.is(device.memory.currentBytes, whole);
  // No scope is left open to swallow what happens later.
  await device.gpu.popErrorScope().then(
    () => assert.unreachable("a scope is open"),
    () => {},
  );
  device.free(column);
  await device.read(device.one);
});

errors("of a kernel that does not compile name the line, and leave the device usable", async () => {
  const device = await testDevice();
  const lines = kernels.relu.source.split("\n");
  const line = lines.findIndex((text) => text.includes("max(f32(x[i]), 0.0)"));
  const source = kernels.relu.source.replace("max(f32(x[i]), 0.0)", "maximum(f32(x[i]))");
  assert.ok(line > 0);
  const x = device.tensor([3], [1, 2, 3]);
  const tape = new Tape(device);
  const y = tape.tensor([3], "y");
  tape.launch({ ...kernels.relu, name: "mistaken", source }, { x, y }, { elements: 3 });
  const expected = new RegExp(`kernel mistaken does not compile: error at line ${line + 1}: .*maximum`, "s");
  await rejects(tape.compile(), GpuValidationError, expected);
  await rejects(tape.compile(), GpuValidationError, expected);
  assert.equal([...(await device.read(x))], [1, 2, 3]);
  device.free(x);
});

errors("of a device lost in the middle reach the reads that wait, and everything after", async () => {
  const opened = await openWithProgram();
  const { device, x, y, program } = opened;
  const waiting = [program.runAndRead(y), device.read(x), device.idle()];
  const outcomes = Promise.allSettled(waiting);
  device.gpu.destroy();
  for (const outcome of await outcomes) {
    // Work that was done before the loss may be told as done; all else is told as lost.
    if (outcome.status === "rejected") assert.instance(outcome.reason, DeviceLostError);
  }
  assert.is((await outcomes)[0].status, "rejected");
  await device.gpu.lost;
  await expectStopped(opened, DeviceLostError, /lost/);
  device.close();
});

errors("of a device lost while compiling are not blamed on the kernel", async () => {
  const { device, x } = await openWithProgram();
  const tape = new Tape(device);
  relu(tape, x);
  device.gpu.destroy();
  const compileAndRun = async () => (await tape.compile()).run();
  await rejects(compileAndRun(), DeviceLostError, /lost/);
  device.close();
});

errors("come from a closed device whatever is asked of it", async () => {
  const opened = await openWithProgram();
  const pending = opened.program.runAndRead(opened.y);
  opened.device.close();
  await rejects(pending, DeviceLostError, /closed/);
  await expectStopped(opened, DeviceLostError, /this device was closed/);
  opened.device.close();
});

errors("do not come from devices opened and closed one after another", async () => {
  for (let round = 0; round < 5; round++) {
    const { device, y, program } = await openWithProgram();
    assert.equal([...(await program.runAndRead(y))], [2, 4, 6]);
    device.close();
  }
  const left: Device = await openDevice();
  const right: Device = await openDevice();
  left.close();
  assert.equal([...(await right.read(right.one))], [1]);
  right.close();
});

errors.run();
