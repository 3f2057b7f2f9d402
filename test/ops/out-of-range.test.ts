import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Tape } from "../../src/engine/tape.js";
import { softmaxCrossEntropy } from "../../src/losses/softmax-cross-entropy.js";
import { gatherIndices, gatherRows, scatterAddRows, scatterRows } from "../../src/ops/rows.js";
import { testDevice } from "../lib/device.js";

const outside = suite("indices and labels out of range");

const device = await testDevice();

/** Just outside, far outside, and where the product with the columns comes out inside again. */
const WRONG = [3, 1000, 4294967295, 2 ** 31];

outside("are picked as rows of NaN", async () => {
  const x = device.tensor([3, 2], [1, 2, 3, 4, 5, 6]);
  const indices = device.tensor([6], [2, ...WRONG, 0], "indices", "u32");
  const tape = new Tape(device);
  const y = gatherRows(tape, x, indices);
  const program = await tape.compile({ keep: [y] });
  const nothing = Array(8).fill(Number.NaN);
  assert.equal([...(await program.runAndRead(y))], [5, 6, ...nothing, 1, 2]);
  program.dispose();
  for (const tensor of [x, indices]) device.free(tensor);
});

outside("add rows to none, and give these no gradient", async () => {
  const x = device.tensor([6, 2], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  const seed = device.tensor([3, 2], [1, 2, 3, 4, 5, 6]);
  const indices = device.tensor([6], [2, ...WRONG, 0], "indices", "u32");
  const tape = new Tape(device);
  tape.watch(x);
  const y = scatterAddRows(tape, x, indices, 3);
  tape.backward(y, seed);
  const gradient = tape.gradientOf(x);
  const program = await tape.compile({ keep: [y, gradient] });
  assert.equal([...(await program.runAndRead(y))], [11, 12, 0, 0, 1, 2]);
  assert.equal([...(await device.read(gradient))], [5, 6, ...Array(8).fill(0), 1, 2]);
  program.dispose();
  for (const tensor of [x, seed, indices]) device.free(tensor);
});

outside("are picked as entries that are out of every range", async () => {
  const x = device.tensor([3], [7, 8, 9], "x", "u32");
  const indices = device.tensor([6], [2, ...WRONG, 0], "indices", "u32");
  const tape = new Tape(device);
  const y = gatherIndices(tape, x, indices);
  const program = await tape.compile({ keep: [y] });
  program.run();
  assert.equal([...(await device.readIndices(y))], [9, ...Array(4).fill(4294967295), 7]);
  program.dispose();
  for (const tensor of [x, indices]) device.free(tensor);
});

outside("are written nowhere", async () => {
  const x = device.tensor([6, 2], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  const places = device.tensor([6], [2, ...WRONG, 1], "places", "u32");
  const y = device.tensor([3, 2], [-1, -2, -3, -4, -5, -6]);
  const tape = new Tape(device);
  scatterRows(tape, x, places, y);
  const program = await tape.compile();
  program.run();
  assert.equal([...(await device.read(y))], [-1, -2, 11, 12, 1, 2]);
  program.dispose();
  for (const tensor of [x, places, y]) device.free(tensor);
});

outside("make a loss NaN, with the gradients of their rows and no others", async () => {
  const logits = device.tensor([4, 3], [0, 1, 2, 2, 1, 0, 0, 0, 5, 1, 1, 1], "logits");
  const entries = device.tensor([3], [2, 0, 1], "labels of all", "u32");
  for (const [picked, wrong] of [
    [[0, 1, 0, 2], []],
    [[0, 7, 0, 2], [1]],
    [
      [0, 1, 4294967295, 3],
      [2, 3],
    ],
  ] as const) {
    const indices = device.tensor([4], picked, "picked", "u32");
    const tape = new Tape(device);
    tape.watch(logits);
    const { loss, accuracy } = softmaxCrossEntropy(tape, logits, gatherIndices(tape, entries, indices));
    tape.backward(loss);
    const gradient = tape.gradientOf(logits);
    const program = await tape.compile({ keep: [loss, accuracy, gradient] });
    program.run();
    const [[mean], [right], dlogits] = await Promise.all([loss, accuracy, gradient].map((each) => device.read(each)));
    assert.is(Number.isNaN(mean), wrong.length > 0);
    // The first three are right, as far as they are labels; of the last one's equal logits, the first counts.
    assert.is(right, (3 - wrong.filter((row) => row < 3).length) / 4);
    for (let row = 0; row < 4; row++) {
      const isWrong = wrong.some((other) => other === row);
      assert.ok(
        dlogits.subarray(3 * row, 3 * row + 3).every((value) => Number.isNaN(value) === isWrong),
        `row ${row}`,
      );
    }
    program.dispose();
    device.free(indices);
  }
  for (const tensor of [logits, entries]) device.free(tensor);
});

outside.run();
