import { suite } from "uvu";
import * as assert from "uvu/assert";
import * as kernels from "../../kernels/generated.js";
import { evaluate } from "../../src/doctor/check.js";
import { roundToHalf } from "../../src/doctor/rounding.js";
import type { Site } from "../../src/engine/choices.js";
import { Device, openDevice } from "../../src/engine/device.js";
import { fromHalfBits, toHalfBits } from "../../src/engine/half.js";
import { Tape } from "../../src/engine/tape.js";
import { Tensor } from "../../src/engine/tensor.js";
import { tune } from "../../src/engine/tuner.js";
import { ConfigError, ShapeError } from "../../src/errors.js";
import { conv2d } from "../../src/ops/conv2d.js";
import { add, relu } from "../../src/ops/elementwise.js";
import { matmul } from "../../src/ops/matmul.js";
import { normalizeRows } from "../../src/ops/normalize-rows.js";
import { globalAveragePool } from "../../src/ops/pooling.js";
import { toFloat, toHalf } from "../../src/ops/precision.js";
import { rejects, throws } from "../data/expect.js";
import { testDevice } from "../lib/device.js";
import { withoutFeatures } from "./observe.js";

const half = suite("tensors of f16");

const device = await testDevice();

half("take two bytes an element, in words of four", () => {
  for (const [size, bytes] of [
    [1, 4],
    [2, 4],
    [3, 8],
    [131, 264],
    [132, 264],
  ])
    assert.is(new Tensor([size], "f16", "x").bytes, bytes);
});

half("are made from numbers, which are rounded, and read back as they are", async () => {
  // Odd and even lengths; to the even neighbour; the smallest number, and half of it; the largest, and what is beyond.
  for (const [values, rounded] of [
    [
      [1, -2.5, 0.1],
      [1, -2.5, 0.0999755859375],
    ],
    [
      [1 + 2 ** -11, 1 + 3 * 2 ** -11],
      [1, 1 + 2 ** -9],
    ],
    [
      [2 ** -24, 2 ** -25, 3 * 2 ** -25, -(2 ** -14), 1023.75 * 2 ** -24],
      [2 ** -24, 0, 2 ** -23, -(2 ** -14), 2 ** -14],
    ],
    [
      [65504, 65519.99, 65520, -1e30],
      [65504, 65504, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
    ],
  ]) {
    for (const data of [values, Float32Array.from(values)]) {
      const x = device.tensor([values.length], data, "x", "f16");
      assert.equal([...(await device.read(x))], rounded);
      device.write(x, new Float32Array(values.length));
      assert.ok((await device.read(x)).every((value) => value === 0));
      device.write(x, values);
      assert.equal([...(await device.read(x))], rounded);
      device.free(x);
    }
  }
});

half("have the bits that the standard gives them", () => {
  const all = Uint16Array.from({ length: 65536 }, (_, bits) => bits);
  const values = fromHalfBits(all);
  const back = toHalfBits(values);
  const finite = [...all].filter((bits) => (bits & 0x7c00) !== 0x7c00);
  assert.is(
    finite.find((bits) => back[bits] !== bits),
    undefined,
  );
  assert.equal([values[0x3c00], values[0xc000], values[0x0001], values[0x7bff]], [1, -2, 2 ** -24, 65504]);
  assert.equal(
    [values[0x7c00], values[0xfc00], values[0x7e00]],
    [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN],
  );
  assert.equal([...toHalfBits([Number.NaN, Number.POSITIVE_INFINITY, -0])], [0x7e00, 0x7c00, 0x8000]);
  // Halfway between neighbours, the even one is nearer; a little to the side of it, the nearer one.
  for (let bits = 0; bits < 0x7bff; bits++) {
    const [low, high] = [values[bits], values[bits + 1]];
    const middle = (low + high) / 2;
    const [below, at, above] = toHalfBits([middle - (high - low) / 8, middle, middle + (high - low) / 8]);
    if (below !== bits || at !== bits + (bits % 2) || above !== bits + 1) assert.unreachable(`bits ${bits}`);
  }
});

half("refuse whole numbers, and what is read as whole numbers", async () => {
  const x = device.zeros([3], "f16", "x");
  throws(() => device.write(x, new Uint32Array(3)), ShapeError, /x \[3\] holds f16 elements and takes a Float32Array/);
  await rejects(device.readIndices(x), ShapeError, /x \[3\] holds f16 elements, not u32/);
  device.free(x);
});

half("are refused where the device has no f16, by the adapter's name", async () => {
  const without = await withoutFeatures(openDevice);
  const tape = new Tape(without);
  const message = new RegExp(`adapter "${without.adapter.name.replace(/[^\w ]/g, "\\$&")}" has no f16`);
  throws(() => toHalf(tape, tape.tensor([3], "x")), ConfigError, message, /shader-f16/);
  throws(() => relu(tape, tape.tensor([3], "x", "f16")), ConfigError, message);
  assert.is(tape.launches.length, 0);
  without.close();
});

/** Runs where the device has f16; where it has not, the test above is what there is to test. */
function withHalf(name: string, test: () => Promise<void> | void): void {
  if (device.has("shader-f16")) half(name, test);
}

withHalf("are computed with as they were given, and read with the run", async () => {
  const x = device.tensor([3], [0.1, 2, -3], "x", "f16");
  const tape = new Tape(device);
  const sum = add(tape, x, x);
  const program = await tape.compile({ keep: [sum] });
  assert.equal([...(await program.runAndRead(sum))], [2 * 0.0999755859375, 4, -6]);
  program.dispose();
  device.free(x);
});

withHalf("of odd and even numbers of elements hold what they are given", async () => {
  for (const size of [1, 2, 3, 7, 131]) {
    const x = Float64Array.from({ length: size }, (_, i) => roundToHalf(Math.sin(i + 1) * 1.5 ** (i % 27)));
    const { y, sum } = await evaluate(device, (tape, input) => {
      const y = toHalf(tape, input(x, [size]));
      return { y, sum: add(tape, y, y) };
    });
    assert.equal(y, x);
    const large = (value: number) => Math.abs(value) > 65504 / 2;
    assert.equal(
      sum,
      x.map((value) => (large(value) ? Math.sign(value) * Number.POSITIVE_INFINITY : 2 * value)),
    );
  }
});

withHalf("become infinite where a number is too large, and round where it is not", async () => {
  const x = Float64Array.of(65504, 65504 + 15, 65536, -1e6, 3e38, 1 + 2 ** -12, 1 + 3 * 2 ** -11);
  const { y } = await evaluate(device, (tape, input) => ({ y: toHalf(tape, input(x, [x.length])) }));
  const infinity = Number.POSITIVE_INFINITY;
  assert.equal([...y], [65504, 65504, infinity, -infinity, infinity, 1, 1 + 2 ** -9]);
});

withHalf("are taken by a launch where all its activations are, and only there", () => {
  const tape = new Tape(device);
  const [f16, other] = [tape.tensor([4], "small", "f16"), tape.tensor([4], "large")];
  throws(() => add(tape, f16, other), ShapeError, /add: b must hold 4 elements of f16; large \[4\] holds 4 of f32/);
  throws(() => add(tape, other, f16), ShapeError, /add: a must hold 4 elements of f16; large \[4\] holds 4 of f32/);
  throws(() => toHalf(tape, f16), ShapeError, /toHalf: x must hold 4 elements of f32; small \[4\] holds 4 of f16/);
  throws(() => toFloat(tape, other), ShapeError, /large \[4\] must hold f16 to become f32, not f32/);
  const matrix = tape.tensor([2, 2], "matrix", "f16");
  const none = /matrix \[2, 2\] holds 4 of f16 \(there is no form for f16: see toFloat\)/;
  throws(() => normalizeRows(tape, matrix), ShapeError, none);
  throws(
    () => matmul(tape, matrix, tape.tensor([2, 2], "b")),
    ShapeError,
    /b \[2, 2\] must hold f16 to be multiplied by matrix/,
  );
  const weight = tape.tensor([1, 1, 2, 2], "weight", "f16");
  throws(
    () => conv2d(tape, tape.tensor([1, 2, 2, 2], "x", "f16"), weight),
    ShapeError,
    /weight must hold 4 elements of f32/,
  );
  assert.is(tape.launches.length, 0);
});

withHalf("have gradients of f16, and what follows the region has f32", () => {
  const tape = new Tape(device);
  const [x, weight] = [tape.tensor([1, 4, 4, 3], "x"), tape.tensor([1, 1, 3, 5], "weight")];
  tape.watch(x, weight);
  const start = toHalf(tape, x);
  const y = conv2d(tape, start, weight);
  const h = globalAveragePool(tape, y);
  assert.equal([start.type, y.type, h.type], ["f16", "f16", "f32"]);
  tape.backward(h, tape.tensor(h.shape, "seed"));
  assert.equal(
    [x, start, y, weight].map((tensor) => tape.gradient(tensor)?.type),
    ["f32", "f16", "f16", "f32"],
  );
  throws(() => tape.backward(y, tape.tensor(y.shape, "seed")), ShapeError, /seed .* must hold f16 as the output/);
  const place = device.tensor([1, 4, 4, 3], undefined, "place");
  throws(() => tape.place(start, place), ShapeError, /must hold f32 to be placed in place/);
  device.free(place);
});

withHalf("have choices of variants of their own", () => {
  const own = new Device(device.gpu, device.adapter);
  const record = () => {
    const tape = new Tape(own);
    const weight = tape.tensor([3, 3, 16, 16], "weight");
    const x = tape.tensor([2, 4, 4, 16], "x");
    tape.watch(x, weight);
    for (const input of [x, toHalf(tape, x)]) {
      const y = conv2d(tape, input, weight, { padding: 1 });
      tape.backward(y, tape.tensor(y.shape, "seed", y.type));
    }
    return tape.launches.filter(({ kernel }) => kernel.name.startsWith("conv2d"));
  };
  const usual = record();
  const sites = own.choices.untuned.map(({ site }) => site);
  const inHalf = sites.filter(({ shape }) => shape.endsWith(" f16"));
  assert.is(inHalf.length, 3);
  assert.is(sites.length, 6);
  for (const { operation, shape, candidates } of inHalf)
    own.choices.set(operation, shape, candidates[candidates.length - 1].name);
  const tuned = record();
  const [f32, f16] = [false, true].map((wanted) =>
    usual.flatMap(({ constants }, i) => (wanted === (constants["HALF"] === true) ? [i] : [])),
  );
  assert.equal([f32.length, f16.length], [3, 3]);
  for (const i of f32) assert.equal(tuned[i].constants, usual[i].constants);
  for (const i of f16) assert.not.equal(tuned[i].constants, usual[i].constants);
});

withHalf("are what the tuner times an operation on, where it takes them", async () => {
  const own = new Device(device.gpu, device.adapter);
  const types: string[] = [];
  const site: Site = {
    operation: "sum",
    shape: "7 f16",
    candidates: ["one", "other"].map((name) => ({
      ...{ name, kernel: kernels.toFloat, tile: {}, threads: 64, workgroupBytes: 0 },
    })),
    inputs: [[7], [7]],
    types: ["f16", "f32"],
    record(recorder, _, [a, b]) {
      types.push(`${a.type} ${b.type}`);
      const x = recorder.tensor(a.shape, "a in f32");
      recorder.launch(kernels.toFloat, { x: a, y: x }, { elements: a.size });
      const y = recorder.tensor(a.shape, "sum");
      recorder.launch(kernels.add, { a: x, b, y }, { elements: a.size });
    },
  };
  own.choices.pick(site);
  const timings = await tune(own);
  assert.is(timings.filter(({ milliseconds }) => milliseconds !== null).length, 2);
  assert.equal(types, Array(3).fill("f16 f32"));
});

half.run();
