import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { KernelDefinition } from "../../kernels/definition.js";
import * as kernels from "../../kernels/generated.js";
import { openDevice } from "../../src/engine/device.js";
import { kernelFrom } from "../../src/engine/kernel-from.js";
import { Tape } from "../../src/engine/tape.js";
import { ShapeError, UsageError } from "../../src/errors.js";
import { add, relu } from "../../src/ops/elementwise.js";
import { rejects, throws } from "../data/expect.js";
import { testDevice } from "../lib/device.js";
import { lowerLimits } from "./observe.js";

const launches = suite("launches");

launches("are refused where a tensor has another size or type than the kernel takes", async () => {
  const device = await testDevice();
  const tape = new Tape(device);
  const a = device.tensor([4], undefined, "left");
  const labels = device.indices([4], "labels");
  const y = tape.tensor([5], "sum");
  throws(
    () => tape.launch(kernels.add, { a, b: a, y }, { elements: 4 }),
    ShapeError,
    /add: y must hold 4 elements of f32; sum \[5\] holds 5 of f32/,
  );
  throws(
    () => tape.launch(kernels.add, { a, b: labels, y: tape.tensor([4], "sum") }, { elements: 4 }),
    ShapeError,
    /add: b must hold 4 elements of f32; labels \[4\] holds 4 of u32/,
  );
  assert.is(tape.launches.length, 0);
  for (const tensor of [a, labels]) device.free(tensor);
});

launches("are refused where they name what the kernel does not have", async () => {
  const device = await testDevice();
  const tape = new Tape(device);
  const a = device.tensor([4]);
  const y = tape.tensor([4], "y");
  // As from JavaScript, or of a kernel whose source the compiler does not know.
  const kernel: KernelDefinition = kernels.add;
  const launch = (bindings = {}, params = {}, constants = {}) =>
    tape.launch(kernel, { a, b: a, y, ...bindings }, { elements: 4, ...params }, constants);
  throws(() => launch({ q: a }), ShapeError, /add has no binding q; it has a, b, y/);
  throws(() => launch({}, { z: 3 }), ShapeError, /add has no field of Params z; it has elements/);
  throws(() => launch({}, {}, { GRADIENTS: true }), ShapeError, /add has no constant GRADIENTS; it has .*LANES/);
  throws(() => launch({}, {}, { LANES: "64" }), ShapeError, /add: the constant LANES is 64, and has to be a number/);
  assert.is(tape.launches.length, 0);
  launch();
  assert.is(tape.launches.length, 1);
  device.free(a);
});

launches("are refused where the header asks for workgroups that cannot be, and the device goes on", async () => {
  const device = await testDevice();
  const x = device.tensor([6], [1, 2, 3, 4, 5, 6]);
  const twice = (workgroups: string) =>
    kernelFrom(
      `// shape x: elements
// shape y: elements
// workgroups: ${workgroups}
// flops: elements
struct Params { elements: u32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < params.elements) {
    y[id.x] = 2.0 * x[id.x];
  }
}
`,
      { name: "twice" },
    );
  const record = (workgroups: string) => {
    const tape = new Tape(device);
    const y = tape.tensor([6], "y");
    tape.launch(twice(workgroups), { x, y }, { elements: 6 });
    return { tape, y };
  };
  for (const wrong of ["elements * 1000000000", "elements - 6", "elements - 7", "elements / 0", "elements / 4"])
    throws(() => record(wrong), ShapeError, /^twice: its header's workgroups come to/);
  const { tape, y } = record("ceil(elements / 64)");
  const program = await tape.compile({ keep: [y] });
  assert.equal([...(await program.runAndRead(y))], [2, 4, 6, 8, 10, 12]);
  program.dispose();
  device.free(x);
});

launches("are refused where they read what nothing has written, and leave nothing behind", async () => {
  const device = await testDevice();
  const x = device.tensor([4], [1, 2, 3, 4]);
  const before = device.memory.currentBytes;
  const tape = new Tape(device);
  const kept = add(tape, x, x);
  add(tape, kept, tape.tensor([4], "ghost"));
  await rejects(tape.compile({ keep: [kept] }), ShapeError, /add reads ghost \[4\], which nothing has written/);
  assert.is(device.memory.currentBytes, before);
  throws(() => device.placeOf(kept), UsageError);
  // A scope left open would swallow later errors.
  assert.ok(await scopesAreClosed(device.gpu));

  const other = new Tape(device);
  add(other, x, x);
  await rejects(other.compile({ keep: [other.tensor([4], "ghost")] }), ShapeError, /cannot keep ghost \[4\]/);
  assert.is(device.memory.currentBytes, before);
  device.free(x);
});

async function scopesAreClosed(gpu: GPUDevice): Promise<boolean> {
  try {
    await gpu.popErrorScope();
    return false;
  } catch {
    return true;
  }
}

launches("leave only kept tensors to be read, before and after compiling", async () => {
  const device = await testDevice();
  const x = device.tensor([4], [-1, 2, -3, 4]);
  const tape = new Tape(device);
  const middle = relu(tape, x);
  const sum = add(tape, middle, x);
  await rejects(device.read(sum), UsageError, /is an intermediate tensor/);
  const program = await tape.compile({ keep: [sum] });
  assert.equal([...(await program.runAndRead(sum))], [-1, 4, -3, 8]);
  assert.equal([...(await device.read(sum))], [-1, 4, -3, 8]);
  await rejects(device.read(middle), UsageError, /relu of tensor \[4\] is an intermediate tensor/);
  await rejects(program.runAndRead(middle), UsageError, /is an intermediate tensor/);
  const other = new Tape(device);
  relu(other, middle);
  await rejects(other.compile(), ShapeError, /relu reads relu of tensor/);
  program.dispose();
  await rejects(device.read(sum), UsageError, /is an intermediate tensor/);
  device.free(x);
});

launches("of one recording can be compiled twice", async () => {
  const device = await testDevice();
  const x = device.tensor([3], [1, 2, 3]);
  const y = device.tensor([3]);
  const tape = new Tape(device);
  tape.launch(kernels.add, { a: add(tape, x, x), b: x, y }, { elements: 3 });
  const first = await tape.compile();
  const second = await tape.compile();
  first.run();
  first.dispose();
  device.write(x, Float32Array.of(10, 20, 30));
  second.run();
  assert.equal([...(await device.read(y))], [30, 60, 90]);
  second.dispose();
  for (const tensor of [x, y]) device.free(tensor);
});

launches("take constants in every form that a number prints as", async () => {
  const device = await testDevice();
  const source = kernels.relu.source
    .replace("const LANES", "const SCALE: f32 = 1.0;\nconst NEGATE: bool = false;\nconst LANES")
    .replace("max(f32(x[i]), 0.0)", "select(f32(x[i]), -f32(x[i]), NEGATE) * SCALE");
  const constants = {
    ...kernels.relu.constants,
    SCALE: { type: "f32", value: 1 },
    NEGATE: { type: "bool", value: 0 },
  } as const;
  const scale = { ...kernels.relu, name: "scale", source, constants };
  const x = device.tensor([3], [1, 2, 4]);
  for (const SCALE of [3, -0.5, 1e-7, 1e21, -2]) {
    const tape = new Tape(device);
    const y = tape.tensor([3], "scaled");
    tape.launch(scale, { x, y }, { elements: 3 }, { SCALE, NEGATE: true, LANES: 32 });
    const program = await tape.compile({ keep: [y] });
    // Products with powers of two are exact.
    assert.equal(
      [...(await program.runAndRead(y))],
      [1, 2, 4].map((value) => -value * Math.fround(SCALE)),
    );
    program.dispose();
  }
  device.free(x);
});

launches("of more workgroups than one dimension takes are folded", async () => {
  const device = await openDevice();
  lowerLimits(device.gpu, { maxComputeWorkgroupsPerDimension: 65535 });
  // 64 elements a workgroup.
  const elements = 65535 * 64 + 199;
  const a = device.tensor(
    [elements],
    Float32Array.from({ length: elements }, (_, i) => i),
  );
  const b = device.tensor(
    [elements],
    Float32Array.from({ length: elements }, (_, i) => i % 1021),
  );
  const tape = new Tape(device);
  const y = tape.tensor([elements], "sum");
  tape.launch(kernels.add, { a, b, y }, { elements }, { ELEMENTS: 1 });
  const program = await tape.compile({ keep: [y] });
  assert.is(program.steps[0].grid[1], 2);
  const result = await program.runAndRead(y);
  // Sums below 2^24 are exact.
  assert.is(
    result.findIndex((value, i) => value !== i + (i % 1021)),
    -1,
  );
  device.close();
});

launches("tell each pipeline as it is compiled", async () => {
  const device = await testDevice();
  const x = device.tensor([64], undefined);
  const tape = new Tape(device);
  for (const LANES of [8, 16, 8]) {
    tape.launch(kernels.relu, { x, y: tape.tensor([64], "y") }, { elements: 64 }, { LANES });
  }
  const progress: number[][] = [];
  const program = await tape.compile({ onProgress: (compiled, total) => progress.push([compiled, total]) });
  assert.equal(progress, [
    [1, 2],
    [2, 2],
  ]);
  program.dispose();
  device.free(x);
});

launches.run();
