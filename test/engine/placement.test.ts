import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Tape } from "../../src/engine/tape.js";
import type { Tensor } from "../../src/engine/tensor.js";
import { GradientError } from "../../src/errors.js";
import { add, relu } from "../../src/ops/elementwise.js";
import { stopGradient } from "../../src/ops/stop-gradient.js";
import { throws } from "../data/expect.js";
import { testDevice } from "../lib/device.js";

const placing = suite("placing");

const device = await testDevice();

const make = (values: readonly number[], label: string) => device.tensor([values.length], values, label);

/** The kernels of a recording. */
const launched = (tape: Tape) => tape.launches.map(({ kernel }) => kernel.name);

async function runTimes(tape: Tape, times: number): Promise<void> {
  const program = await tape.compile();
  for (let round = 0; round < times; round++) program.run();
  await device.idle();
  program.dispose();
}

async function expectValues(expected: readonly (readonly [Tensor, readonly number[]])[]): Promise<void> {
  for (const [tensor, values] of expected) assert.equal([...(await device.read(tensor))], values, String(tensor));
}

placing("copies where the launch that computes the tensor reads what it is placed in", async () => {
  const [teacher, student] = [make([1, 2, 3], "teacher"), make([10, 20, 30], "student")];
  const tape = new Tape(device);
  const moved = add(tape, teacher, student);
  tape.place(moved, teacher);
  assert.equal(launched(tape), ["add", "copy"]);
  await runTimes(tape, 3);
  await expectValues([
    [teacher, [31, 62, 93]],
    [moved, [31, 62, 93]],
    [student, [10, 20, 30]],
  ]);
  for (const tensor of [teacher, student]) device.free(tensor);
});

placing("needs no copy where what the tensor is placed in was read before", async () => {
  const [state, x] = [make([1, 2, 3], "state"), make([10, 20, 30], "x")];
  const tape = new Tape(device);
  const old = relu(tape, state);
  const moved = add(tape, old, x);
  tape.place(moved, state);
  assert.equal(launched(tape), ["relu", "add"]);
  await runTimes(tape, 2);
  await expectValues([[state, [21, 42, 63]]]);
  for (const tensor of [state, x]) device.free(tensor);
});

placing(
  "leaves old elements to launches recorded before, and gives new ones to those after, a slab's as well",
  async () => {
    const [{ all, tensors }] = device.slabs([
      { shape: [3], label: "state" },
      { shape: [3], label: "beside it" },
    ]);
    const [state, beside] = tensors;
    const results = ["before", "after", "through the tensor"].map((label) => make([0, 0, 0], label));
    const x = make([10, 20, 30], "x");
    device.write(state, [1, 2, 3]);
    device.write(beside, [100, 100, 100]);
    const tape = new Tape(device);
    const moved = add(tape, x, x);
    // Recorded after the tensor is computed, and before it is placed.
    tape.place(add(tape, state, x), results[0]);
    tape.place(moved, state);
    assert.equal(launched(tape), ["add", "add", "copy"]);
    tape.place(add(tape, state, x), results[1]);
    tape.place(relu(tape, moved), results[2]);
    const whole = relu(tape, all);
    const program = await tape.compile({ keep: [whole] });
    for (const round of [0, 1]) {
      const slab = await program.runAndRead(whole);
      assert.equal([...slab.subarray(0, 3)], [20, 40, 60]);
      assert.equal([...slab.subarray(64, 67)], [100, 100, 100]);
      await expectValues([
        [state, [20, 40, 60]],
        [results[0], round === 0 ? [11, 22, 33] : [30, 60, 90]],
        [results[1], [30, 60, 90]],
        [results[2], [20, 40, 60]],
      ]);
    }
    program.dispose();
    for (const tensor of [all, x, ...results]) device.free(tensor);
  },
);

placing(
  "copies where the launch reads another part of the slab, for a dispatch reads or writes a buffer as a whole",
  async () => {
    const [{ all, tensors }] = device.slabs([
      { shape: [3], label: "left" },
      { shape: [3], label: "right" },
    ]);
    const [left, right] = tensors;
    device.write(left, [1, 2, 3]);
    const tape = new Tape(device);
    const sum = add(tape, left, left);
    tape.place(sum, right);
    assert.equal(launched(tape), ["add", "copy"]);
    // From one part of a slab to the other.
    tape.place(sum, left);
    assert.equal(launched(tape), ["add", "copy", "copy"]);
    await runTimes(tape, 2);
    await expectValues([
      [left, [4, 8, 12]],
      [right, [4, 8, 12]],
    ]);
    device.free(all);
  },
);

placing("copies where what the tensor is placed in is written in between", async () => {
  const [state, x, seen] = [make([1, 2, 3], "state"), make([10, 20, 30], "x"), make([0, 0, 0], "seen")];
  const tape = new Tape(device);
  const first = add(tape, x, x);
  const second = relu(tape, x);
  tape.place(second, state);
  tape.place(add(tape, state, x), seen);
  tape.place(first, state);
  assert.equal(launched(tape), ["add", "relu", "add", "copy"]);
  await runTimes(tape, 1);
  await expectValues([
    [state, [20, 40, 60]],
    [seen, [20, 40, 60]],
  ]);
  for (const tensor of [state, x, seen]) device.free(tensor);
});

placing("copies one tensor to several places, of every type", async () => {
  const x = make([1, -2, 3], "x");
  const places = [1, 2, 3].map((i) => make([0, 0, 0], `place ${i}`));
  const tape = new Tape(device);
  tape.watch(x);
  const y = add(tape, x, x);
  for (const at of places) tape.place(y, at);
  tape.place(y, places[0]);
  tape.place(x, places[2]);
  assert.equal(launched(tape), ["add", "copy", "copy", "copy"]);
  await runTimes(tape, 1);
  await expectValues([
    [places[0], [2, -4, 6]],
    [places[1], [2, -4, 6]],
    [places[2], [1, -2, 3]],
  ]);
  const words = device.tensor([3], [1, 2, 4294967295], "words", "u32");
  const half = device.tensor([3], [1, -2, 0.5], "half", "f16");
  const [otherWords, otherHalf] = [device.indices([3]), device.zeros([3], "f16", "other half")];
  const other = new Tape(device);
  other.place(words, otherWords);
  other.place(half, otherHalf);
  await runTimes(other, 1);
  assert.equal([...(await device.readIndices(otherWords))], [1, 2, 4294967295]);
  await expectValues([[otherHalf, [1, -2, 0.5]]]);
  for (const tensor of [x, ...places, words, half, otherWords, otherHalf]) device.free(tensor);
});

placing("lets no gradient pass unseen", () => {
  const [teacher, student] = [make([1, 2, 3], "teacher"), make([10, 20, 30], "student")];
  const seed = make([1, 1, 1], "seed");
  const record = (pass: (tape: Tape) => Tensor) => {
    const tape = new Tape(device);
    tape.watch(student);
    tape.place(add(tape, teacher, pass(tape)), teacher);
    const loss = add(tape, add(tape, student, student), teacher);
    tape.backward(loss, seed);
    return tape;
  };
  throws(
    () => record(() => student),
    GradientError,
    "teacher [3] comes from teacher + student [3] through Tape.place, which has no gradient",
  );
  assert.ok(record((tape) => stopGradient(tape, student)).gradient(student));
  for (const tensor of [teacher, student, seed]) device.free(tensor);
});

placing.run();
