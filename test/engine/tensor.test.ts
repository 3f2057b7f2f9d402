import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openDevice } from "../../src/engine/device.js";
import { Tape } from "../../src/engine/tape.js";
import { Tensor } from "../../src/engine/tensor.js";
import { OutOfMemoryError, ShapeError, UsageError } from "../../src/errors.js";
import { add } from "../../src/ops/elementwise.js";
import { rejects, throws } from "../data/expect.js";
import { testDevice } from "../lib/device.js";
import { lowerLimits } from "./observe.js";

const tensors = suite("tensors");

tensors("are made from arrays and read back", async () => {
  const device = await testDevice();
  const numbers = device.tensor([2, 3], [1, 2.5, -3, 0, 1e30, -1e-30]);
  const floats = device.tensor([5], Float32Array.of(1, 2, 3, 4, 5));
  const whole = device.tensor([3], Uint32Array.of(0, 7, 4294967295));
  const zeros = device.tensor([17]);
  const indices = device.indices([2, 2]);
  assert.equal([...(await device.read(numbers))], [...Float32Array.of(1, 2.5, -3, 0, 1e30, -1e-30)]);
  assert.equal([...(await device.read(floats))], [1, 2, 3, 4, 5]);
  assert.equal([...(await device.readIndices(whole))], [0, 7, 4294967295]);
  assert.equal([...(await device.read(zeros))], Array<number>(17).fill(0));
  assert.equal([...(await device.readIndices(indices))], [0, 0, 0, 0]);
  assert.is(whole.type, "u32");
  assert.is(numbers.type, "f32");
  for (const tensor of [numbers, floats, whole, zeros, indices]) device.free(tensor);
});

tensors("are overwritten", async () => {
  const device = await testDevice();
  const x = device.tensor([3], [1, 2, 3]);
  device.write(x, Float32Array.of(4, 5, 6));
  assert.equal([...(await device.read(x))], [4, 5, 6]);
  device.free(x);
});

tensors("refuse data of another length, and take no memory for it", async () => {
  const device = await testDevice();
  const before = device.memory.currentBytes;
  throws(() => device.tensor([2, 3], [1, 2], "weight"), ShapeError, /weight \[2, 3\].*6 elements, not 2/);
  assert.is(device.memory.currentBytes, before);
  const x = device.tensor([4], undefined, "x");
  throws(() => device.write(x, new Float32Array(5)), ShapeError, /x \[4\].*4 elements, not 5/);
  device.free(x);
});

tensors("refuse elements of another type", async () => {
  const device = await testDevice();
  const x = device.tensor([2], [1, 2], "x");
  const labels = device.tensor([2], Uint32Array.of(1, 2), "labels");
  throws(() => device.write(x, Uint32Array.of(1, 2)), ShapeError, /x \[2\] holds f32/);
  throws(() => device.write(labels, Float32Array.of(1, 2)), ShapeError, /labels \[2\] holds u32/);
  await rejects(device.read(labels), ShapeError, /labels \[2\] holds u32 elements, not f32/);
  await rejects(device.readIndices(x), ShapeError, /x \[2\] holds f32 elements, not u32/);
  const tape = new Tape(device);
  add(tape, x, x);
  const program = await tape.compile();
  await rejects(program.runAndRead(labels), ShapeError, /labels \[2\] holds u32 elements, not f32/);
  program.dispose();
  for (const tensor of [x, labels]) device.free(tensor);
});

tensors("take arrays of numbers and memory that threads share, made and overwritten", async () => {
  const device = await testDevice();
  const x = device.tensor([3], [1, 2, 3], "x");
  const labels = device.tensor([2], [7, 4294967295], "labels", "u32");
  assert.equal([...(await device.readIndices(labels))], [7, 4294967295]);
  device.write(x, [4, 5, Number.POSITIVE_INFINITY]);
  assert.equal([...(await device.read(x))], [4, 5, Number.POSITIVE_INFINITY]);
  device.write(labels, [0, 1]);
  assert.equal([...(await device.readIndices(labels))], [0, 1]);
  // Pages have it only where they are isolated from others.
  const shared: ArrayBufferLike =
    typeof SharedArrayBuffer === "undefined" ? new ArrayBuffer(16) : new SharedArrayBuffer(16);
  const floats = new Float32Array(shared, 4, 3);
  floats.set([7, 8, 9]);
  device.write(x, floats);
  assert.equal([...(await device.read(x))], [7, 8, 9]);
  const made = device.tensor([3], floats);
  floats.fill(0);
  assert.equal([...(await device.read(made))], [7, 8, 9]);
  const words = device.tensor([2], new Uint32Array(shared, 0, 2).fill(3));
  assert.equal([...(await device.readIndices(words))], [3, 3]);
  for (const tensor of [x, labels, made, words]) device.free(tensor);
});

tensors("refuse what would become other numbers", async () => {
  const device = await testDevice();
  const before = device.memory.currentBytes;
  const x = device.tensor([2], undefined, "x");
  const labels = device.indices([2], "labels");
  // As plain JavaScript calls it, which no compiler checks.
  const give = (tensor: Tensor, data: unknown) => Reflect.apply(device.write, device, [tensor, data]);
  const make = (data: unknown) => Reflect.apply(device.tensor, device, [[2], data, "made"]);
  for (const [kind, data] of [
    ["an Int32Array", Int32Array.of(1, 2)],
    ["a Float64Array", Float64Array.of(1, 2)],
    ["a BigInt64Array", BigInt64Array.of(1n, 2n)],
    ["a Uint8Array", Uint8Array.of(1, 2)],
    ["a Uint16Array", Uint16Array.of(1, 2)],
    ["an ArrayBuffer", new ArrayBuffer(8)],
    ["an Object", { 0: 1, 1: 2, length: 2 }],
    ["12", "12"],
    ["null", null],
  ] as const) {
    throws(
      () => give(x, data),
      ShapeError,
      `x [2] holds f32 elements and takes a Float32Array or an array of numbers, not ${kind}`,
    );
    throws(
      () => give(labels, data),
      ShapeError,
      `labels [2] holds u32 elements and takes a Uint32Array or an array of whole numbers, not ${kind}`,
    );
    throws(() => make(data), ShapeError, `made [2] holds f32 elements`, kind);
  }
  throws(() => give(x, [1, "2"]), ShapeError, 'element 1 for x [2] is "2", which is no number');
  throws(() => give(x, [Number.NaN, 1]), ShapeError, "element 0 for x [2] is NaN, which is no number");
  throws(() => give(x, [1, undefined]), ShapeError, "element 1 for x [2] is undefined");
  throws(() => give(x, new Array(2)), ShapeError, "element 0 for x [2] is undefined");
  throws(() => give(x, [[1], [2]]), ShapeError, "element 0 for x [2] is 1, which is no number");
  for (const wrong of [-1, 1.5, 2 ** 32])
    throws(
      () => device.write(labels, [0, wrong]),
      ShapeError,
      `element 1 for labels [2], which holds u32, is ${wrong}`,
    );
  throws(() => device.tensor([2], Uint32Array.of(1, 2), "made", "f32"), ShapeError, "made [2] holds f32 elements");
  device.write(x, Float32Array.of(Number.NaN, 1));
  assert.equal([...(await device.read(x))], [Number.NaN, 1]);
  for (const tensor of [x, labels]) device.free(tensor);
  assert.is(device.memory.currentBytes, before);
});

tensors("refuse shapes that are none", async () => {
  const device = await testDevice();
  for (const extent of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
    throws(() => device.tensor([2, extent], undefined, "x"), ShapeError, /x: \[2, .+\] is not a shape/);
  }
  // As plain JavaScript calls it, which no compiler checks.
  const make = (...given: readonly unknown[]) => Reflect.apply(device.tensor, device, given);
  throws(() => make(3, undefined, "x"), ShapeError, "x: 3 is not a shape: give a list of extents, such as [2, 3]");
  throws(() => make([1], undefined, "x", "f64"), ShapeError, "x: there are no elements of type f64: choose f32, u32");
});

tensors("are gone when they are freed", async () => {
  const device = await testDevice();
  const before = device.memory.currentBytes;
  const x = device.tensor([100], undefined, "x");
  assert.is(device.memory.currentBytes, before + 400);
  device.free(x);
  assert.is(device.memory.currentBytes, before);
  await rejects(device.read(x), UsageError, /x \[100\] was freed/);
  throws(() => device.free(x), UsageError, /x \[100\] was freed/);
  assert.is(device.memory.currentBytes, before);
});

tensors("of many sizes are read back through few staging buffers", async () => {
  const device = await testDevice();
  const before = device.memory.currentBytes;
  for (let size = 1; size <= 300; size++) {
    const x = device.tensor(
      [size],
      Float32Array.from({ length: size }, (_, i) => i),
    );
    const read = await device.read(x);
    assert.is(read.length, size);
    assert.is(read[size - 1], size - 1);
    device.free(x);
  }
  // At most one each of 256, 512, 1,024 and 2,048 bytes.
  assert.ok(device.memory.currentBytes - before <= 3840, `${device.memory.currentBytes - before} bytes of staging`);
});

tensors("are read side by side", async () => {
  const device = await testDevice();
  const all = Array.from({ length: 8 }, (_, i) => device.tensor([3], [i, i + 1, i + 2]));
  const read = await Promise.all(all.map((tensor) => device.read(tensor)));
  assert.equal(
    read.map((values) => [...values]),
    all.map((_, i) => [i, i + 1, i + 2]),
  );
  for (const tensor of all) device.free(tensor);
});

tensors("labels that are made of others stay short", () => {
  let tensor = new Tensor([1], "f32", "x");
  for (let i = 0; i < 100; i++) tensor = new Tensor([1], "f32", `${tensor.label} + ${tensor.label}`);
  assert.is(tensor.label.length, 100);
  assert.match(tensor.label, /^x \+ x.*…$/);
});

tensors.run();

const slabs = suite("slabs");

slabs("lie in one buffer at aligned places, with zeros between", async () => {
  const device = await testDevice();
  const before = device.memory.currentBytes;
  const made = device.slabs([3, 64, 65, 1].map((size, i) => ({ shape: [size], label: `part ${i}` })));
  assert.is(made.length, 1);
  const [{ all, tensors: parts }] = made;
  assert.equal(
    parts.map((part) => device.placeOf(part).offset),
    [0, 256, 512, 1024],
  );
  assert.is(all.bytes, 1280);
  assert.is(device.memory.currentBytes, before + 1280);
  parts.forEach((part, i) => {
    device.write(part, new Float32Array(part.size).fill(i + 1));
  });
  const expected = new Float32Array(320).fill(1, 0, 3).fill(2, 64, 128).fill(3, 128, 193).fill(4, 256, 257);
  assert.equal([...(await device.read(all))], [...expected]);
  assert.equal([...(await device.read(parts[2]))], Array<number>(65).fill(3));
  device.free(all);
  assert.is(device.memory.currentBytes, before);
});

slabs("are several where the limit is small", async () => {
  const device = await openDevice();
  lowerLimits(device.gpu, { maxStorageBufferBindingSize: 1024 });
  const made = device.slabs([200, 100, 50, 256].map((size, i) => ({ shape: [size], label: `part ${i}` })));
  assert.equal(
    made.map(({ all, tensors: parts }) => [all.bytes, ...parts.map((part) => device.placeOf(part).offset)]),
    [
      [1024, 0],
      [768, 0, 512],
      [1024, 0],
    ],
  );
  device.write(made[1].tensors[1], new Float32Array(50).fill(9));
  assert.equal([...(await device.read(made[1].all)).subarray(126, 180)], [0, 0, ...Array<number>(50).fill(9), 0, 0]);

  const before = device.memory.currentBytes;
  const tooLarge = [
    { shape: [10], label: "small" },
    { shape: [257], label: "embedding" },
  ];
  throws(() => device.slabs(tooLarge), OutOfMemoryError, /embedding.*1280 bytes.*1024.*maxStorageBufferBindingSize/);
  assert.is(device.memory.currentBytes, before);
  device.close();
});

slabs.run();
