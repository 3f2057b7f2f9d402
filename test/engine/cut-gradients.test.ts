import { suite } from "uvu";
import * as assert from "uvu/assert";
import * as kernels from "../../kernels/generated.js";
import { Tape } from "../../src/engine/tape.js";
import type { Tensor } from "../../src/engine/tensor.js";
import { GradientError, ShapeError } from "../../src/errors.js";
import { add, relu } from "../../src/ops/elementwise.js";
import { matmul } from "../../src/ops/matmul.js";
import { stopGradient } from "../../src/ops/stop-gradient.js";
import { throws } from "../data/expect.js";
import { testDevice } from "../lib/device.js";

const cuts = suite("gradients");

const device = await testDevice();
// All values are small whole numbers: f32 arithmetic on them is exact.
const x = device.tensor([2, 2], [1, 2, 3, 4], "x");
const w = device.tensor([2, 2], [1, -1, 2, 1], "w");
const ones = device.tensor([2, 2], [1, 1, 1, 1], "ones");

/** An operation as somebody may write it who forgot the gradient, or means none. */
function copy(tape: Tape, input: Tensor, label = "copy"): Tensor {
  const y = tape.tensor(input.shape, label);
  tape.launch(kernels.transpose, { x: input, y }, { matrices: input.size, rows: 1, cols: 1 });
  return y;
}

async function values(tape: Tape, tensors: readonly Tensor[]): Promise<number[][]> {
  const program = await tape.compile({ keep: tensors });
  program.run();
  const read = await Promise.all(tensors.map((tensor) => device.read(tensor)));
  program.dispose();
  return read.map((numbers) => [...numbers]);
}

/** A tape that watches w, and x w on it. */
function begin() {
  const tape = new Tape(device);
  tape.watch(w);
  return { tape, y: matmul(tape, x, w) };
}

/** What a message has to name: the kernel, the tensor that it read, and the remedy. */
const REMEDY = /stopGradient\(tape, x\) .*where the cut is meant/;

cuts("are not halved by an operation that has none", async () => {
  const { tape, y } = begin();
  const detour = matmul(tape, x, copy(tape, copy(tape, w), "second copy"));
  // A gradient comes through the first of the operations before it meets the cut.
  const sum = relu(tape, add(tape, y, detour));
  const launches = tape.launches.length;
  for (let round = 0; round < 2; round++) {
    throws(
      () => tape.backward(sum, ones),
      GradientError,
      /gradient of x x w \+ x x second copy \[2, 2\] would be cut: x x second copy \[2, 2\] comes from w \[2, 2\] through the kernel transpose/,
      REMEDY,
    );
  }
  // Refused, the tape is as it was.
  assert.is(tape.launches.length, launches);
  assert.is(tape.gradient(w), null);
  tape.backward(y, ones);
  assert.equal(await values(tape, [tape.gradientOf(w)]), [[4, 4, 6, 6]]);
});

cuts("are not missed where nothing but such an operation leads to the output", () => {
  const { tape, y } = begin();
  const end = copy(tape, y, "end");
  throws(
    () => tape.backward(end, ones),
    GradientError,
    /end \[2, 2\] has no gradient: end \[2, 2\] comes from x x w \[2, 2\] through the kernel transpose/,
    REMEDY,
  );
  const other = copy(tape, x);
  throws(() => tape.backward(other, ones), ShapeError, /does not depend on a watched tensor/);
});

cuts("may miss what is measured beside them", async () => {
  const { tape, y } = begin();
  const measured = copy(tape, copy(tape, y));
  tape.backward(relu(tape, y), ones);
  // x w is [5, 1, 11, 1].
  assert.equal(await values(tape, [tape.gradientOf(w), measured]), [
    [4, 4, 6, 6],
    [5, 1, 11, 1],
  ]);
});

cuts("stop where that is said, for the value, its views and all that comes of them", async () => {
  const { tape, y } = begin();
  const before = device.memory.currentBytes;
  const constant = stopGradient(tape, w);
  assert.is(constant.base, w);
  assert.not(tape.needsGradient(constant));
  const teacher = matmul(tape, x, copy(tape, constant.view([4]).view([2, 2])));
  const sum = add(tape, add(tape, y, teacher), stopGradient(tape, copy(tape, y)));
  tape.backward(sum, ones);
  assert.is(device.memory.currentBytes, before);
  assert.equal(await values(tape, [sum, tape.gradientOf(w)]), [
    [15, 3, 33, 3],
    [4, 4, 6, 6],
  ]);
});

cuts("pass views both ways", async () => {
  const tape = new Tape(device);
  const [row, column] = [w.view([1, 4], "row"), w.view([4, 1], "column")];
  tape.watch(row);
  assert.ok(tape.needsGradient(w) && tape.needsGradient(column) && tape.needsGradient(row.view([2, 2])));
  // row column is a sum of squares.
  const squares = matmul(tape, row, column);
  assert.equal(squares.shape, [1, 1]);
  tape.backward(squares);
  assert.equal(tape.gradientOf(w).shape, [2, 2]);
  assert.equal(tape.gradientOf(column).shape, [4, 1]);
  const [square, gradient, ofColumn] = await values(tape, [squares, tape.gradientOf(w), tape.gradientOf(column)]);
  assert.equal(square, [7]);
  assert.equal(gradient, [2, -2, 4, 2]);
  assert.equal(ofColumn, gradient);

  const missed = copy(tape, w.view([4]));
  throws(
    () => tape.backward(missed, device.tensor([4])),
    GradientError,
    /comes from w \[4\] through the kernel transpose/,
  );
});

cuts("are not cut within a checkpoint either, and the tape survives it", async () => {
  const { tape, y } = begin();
  const segment = (cut: boolean) =>
    tape.checkpoint(() => {
      const middle = relu(tape, y);
      return add(tape, middle, cut ? copy(tape, middle) : stopGradient(tape, copy(tape, middle)));
    });
  const [broken, whole] = [segment(true), segment(false)];
  for (let round = 0; round < 2; round++) {
    throws(() => tape.backward(broken, ones), GradientError, /through the kernel transpose/, REMEDY);
    assert.not(tape.recomputing);
  }
  tape.backward(whole, ones);
  tape.backward(whole, ones);
  assert.equal(await values(tape, [tape.gradientOf(w)]), [[8, 8, 12, 12]]);
});

cuts("do not pass a tensor that a kernel wrote to afterwards", () => {
  const { tape, y } = begin();
  const h = relu(tape, y);
  tape.launch(kernels.accumulate, { x: ones, continues: device.indices([1]), y: h }, { elements: 4, weight: 1 });
  const sum = add(tape, h, y);
  const message = /the kernel accumulate, which has no gradient, wrote to relu of x x w \[2, 2\] after it was computed/;
  throws(() => tape.backward(sum, ones), GradientError, message);
  throws(() => tape.backward(h, ones), GradientError, message);
  tape.backward(y, ones);
});

cuts("do not pass unseen through what was written by way of a constant view", () => {
  const { tape, y } = begin();
  const state = device.tensor([2, 2], undefined, "state");
  const view = stopGradient(tape, state);
  tape.launch(kernels.accumulate, { x: y, continues: device.indices([1]), y: view }, { elements: 4, weight: 1 });
  tape.backward(add(tape, y, view), ones);
  throws(() => tape.backward(add(tape, y, state), ones), GradientError, "state [2, 2] comes from x x w [2, 2]");
});

cuts("begin anew at a watched tensor that is updated, and at what was written before anything read it", async () => {
  const tape = new Tape(device);
  const weight = device.tensor([2, 2], [1, -1, 2, 1], "weight");
  const running = device.tensor([2, 2], [0, 0, 0, 0], "running");
  tape.watch(weight);
  // Used first, and moved by what depends on the weight afterwards, as running statistics and queues are.
  const y = add(tape, matmul(tape, x, weight), running);
  tape.launch(kernels.accumulate, { x: y, continues: device.indices([1]), y: running }, { elements: 4, weight: 1 });
  tape.backward(y, ones);
  const gradient = tape.gradientOf(weight);
  tape.launch(
    kernels.accumulate,
    { x: gradient, continues: device.tensor([1], Uint32Array.of(1)), y: weight },
    { elements: 4, weight: -1 },
  );
  const after = matmul(tape, x, weight);
  tape.backward(after, ones);
  throws(() => tape.backward(add(tape, after, running), ones), GradientError, /running \[2, 2\] comes from/);
  const program = await tape.compile();
  program.run();
  assert.equal([...(await device.read(weight))], [-3, -5, -4, -5]);
  program.dispose();
});

cuts("do not pass what was computed before their tensor was watched", async () => {
  const tape = new Tape(device);
  tape.watch(x);
  const constant = stopGradient(tape, w);
  const early = matmul(tape, x, relu(tape, w));
  const teacher = matmul(tape, x, relu(tape, constant));
  const earlier = relu(tape, relu(tape, w));
  // This one passes: the operation knows all its inputs, and is asked for their gradients later.
  const both = matmul(tape, x, w);
  tape.watch(w);
  tape.watch(w, x);
  const late = add(tape, both, teacher);
  tape.backward(late, ones);
  assert.equal(await values(tape, [tape.gradientOf(w), tape.gradientOf(x)]), [
    [4, 4, 6, 6],
    [1, 6, 1, 6],
  ]);
  throws(
    () => tape.backward(add(tape, late, early), ones),
    GradientError,
    "relu of w [2, 2] comes from w [2, 2] through the kernel relu before that was watched, which has no gradient",
  );
  throws(
    () => tape.backward(add(tape, late, earlier), ones),
    GradientError,
    "relu of relu of w [2, 2] comes from w [2, 2]",
  );
});

cuts("have no gradients themselves", () => {
  const { tape, y } = begin();
  const v = device.tensor([2, 2], [1, 2, 3, 4], "v");
  tape.watch(v);
  // The gradient of w is computed by operations, from v.
  tape.backward(matmul(tape, y, v), ones);
  const gradient = tape.gradientOf(w);
  assert.not(tape.needsGradient(gradient));
  const penalty = add(tape, y, gradient);
  throws(() => tape.backward(penalty, ones), GradientError, /comes from .* through the kernel/, REMEDY);
});

cuts("are asked of operations for every input that needs one, in its shape", () => {
  const { tape, y } = begin();
  const other = copy(tape, x, "other");
  const custom = (backward: (dy: Tensor) => readonly (Tensor | null)[]) => {
    const output = copy(tape, y, "custom");
    tape.differentiate([other, y], output, backward);
    return output;
  };
  const none = /the gradient of custom \[2, 2\] would be cut: its operation gives none to x x w \[2, 2\]/;
  throws(
    () =>
      tape.backward(
        custom((dy) => [dy, null]),
        ones,
      ),
    GradientError,
    none,
  );
  throws(
    () =>
      tape.backward(
        custom((dy) => [dy]),
        ones,
      ),
    GradientError,
    none,
  );
  throws(
    () =>
      tape.backward(
        custom((dy) => [null, dy.view([4], "flat")]),
        ones,
      ),
    ShapeError,
    /flat \[4\] must be \[2, 2\] as the gradient of x x w \[2, 2\]/,
  );
  tape.backward(
    custom((dy) => [null, dy]),
    ones,
  );
});

cuts("that did not come are told apart from those that were not asked for", () => {
  const { tape, y } = begin();
  tape.watch(x);
  const unused = device.tensor([1], [1], "unused");
  tape.watch(unused);
  tape.backward(y, ones);
  assert.is(tape.gradient(unused), null);
  assert.is(tape.gradientOf(x).size, 4);
  throws(() => tape.gradientOf(unused), GradientError, /no gradient reached unused \[1\]: .*does not depend on it/);
  throws(() => tape.gradientOf(ones), GradientError, /no gradient reached ones \[2, 2\]: it is not watched/);
  device.free(unused);
});

cuts("are refused where what they are computed from was placed over", async () => {
  const written = (at: Tensor, what: Tensor) => {
    const { tape, y } = begin();
    tape.watch(x);
    const own = matmul(tape, add(tape, y, x), w);
    tape.place(add(tape, what, what), at);
    return { tape, own };
  };
  for (const at of [x, w]) {
    const { tape, own } = written(at, ones);
    throws(() => tape.backward(own, ones), GradientError, /would be wrong: \w \[2, 2\].*written over by Tape\.place/);
  }
  const elsewhere = device.tensor([2, 2]);
  const { tape, own } = written(elsewhere, ones);
  tape.backward(own, ones);
  tape.place(tape.gradientOf(x), x);
  device.free(elsewhere);
});

cuts.run();
