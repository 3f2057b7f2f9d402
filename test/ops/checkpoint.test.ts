import { suite } from "uvu";
import * as assert from "uvu/assert";
import { evaluate, gradientOf, type Input, type Outputs } from "../../src/doctor/check.js";
import { randomInputs } from "../../src/doctor/random-inputs.js";
import type { StoredType } from "../../src/doctor/rounding.js";
import type { Tape } from "../../src/engine/tape.js";
import type { Tensor } from "../../src/engine/tensor.js";
import { batchNorm } from "../../src/ops/batch-norm.js";
import { conv2d } from "../../src/ops/conv2d.js";
import { add, relu } from "../../src/ops/elementwise.js";
import { testDevice } from "../lib/device.js";

const checkpointing = suite("checkpoint");

type Segment = (tape: Tape, make: () => Tensor) => Tensor;
const kept: Segment = (_, make) => make();
const recomputed: Segment = (tape, make) => tape.checkpoint(make);

/** A residual block with a segment inside of a segment; the gradients, the output and the running statistics after a run. */
async function runBlock(outer: Segment, inner: Segment, type: StoredType = "f32"): Promise<Outputs> {
  const random = randomInputs(41, type);
  const [data, first, second] = [random.normal(2 * 5 * 4 * 3), random.normal(81), random.normal(81)];
  const values = random.normal(12);
  const seed = random.normal(data.length);
  return evaluate(await testDevice(), (tape, input) => {
    const [x, w1, w2] = [input(data, [2, 5, 4, 3], type), input(first, [3, 3, 3, 3]), input(second, [3, 3, 3, 3])];
    const [one, two] = [norms(input, values.subarray(0, 6)), norms(input, values.subarray(6))];
    tape.watch(x, w1, w2, one.gamma, two.gamma);
    const y = outer(tape, () => {
      const half = inner(tape, () => batchNorm(tape, conv2d(tape, x, w1, { padding: 1 }), one, { relu: true }));
      return batchNorm(tape, conv2d(tape, half, w2, { padding: 1 }), two, { residual: x, relu: true });
    });
    const output = relu(tape, add(tape, y, x));
    tape.backward(output, input(seed, output.shape, type));
    const gradients = { x, w1, w2, gamma1: one.gamma, gamma2: two.gamma };
    return {
      output,
      mean1: one.runningMean,
      var1: one.runningVar,
      mean2: two.runningMean,
      var2: two.runningVar,
      ...Object.fromEntries(Object.entries(gradients).map(([name, tensor]) => [`d${name}`, gradientOf(tape, tensor)])),
    };
  });
}

function norms(input: Input, values: Float64Array) {
  return {
    gamma: input(values.slice(0, 3), [3]),
    beta: input(values.slice(3), [3]),
    runningMean: input(new Float64Array(3), [3]),
    runningVar: input(new Float64Array(3).fill(1), [3]),
  };
}

checkpointing("gradients are the same to the bit, and running statistics move once", async () => {
  const expected = await runBlock(kept, kept);
  assert.not.equal(Array.from(expected.mean1), [0, 0, 0]);
  assert.equal(await runBlock(recomputed, kept), expected);
  assert.equal(await runBlock(kept, recomputed), expected);
  assert.equal(await runBlock(recomputed, recomputed), expected);
});

// Where the device has no f16, nothing of f16 is there to be computed again.
if ((await testDevice()).has("shader-f16")) {
  checkpointing("the same with activations in f16", async () => {
    const expected = await runBlock(kept, kept, "f16");
    assert.not.equal(expected, await runBlock(kept, kept));
    assert.equal(await runBlock(recomputed, recomputed, "f16"), expected);
  });
}

checkpointing("needs less memory where there is more to keep than to compute again", async () => {
  const device = await testDevice();
  const liveBytes = async (segment: Segment) => {
    const { Tape } = await import("../../src/engine/tape.js");
    const tape = new Tape(device);
    const input = device.tensor([4096], undefined, "x");
    tape.watch(input);
    const layers = (from: Tensor) => {
      let x = from;
      for (let i = 0; i < 8; i++) x = relu(tape, x);
      return x;
    };
    let x = input;
    for (let i = 0; i < 4; i++) {
      const before = x;
      x = segment(tape, () => layers(before));
    }
    tape.backward(x, input);
    const program = await tape.compile();
    program.dispose();
    device.free(input);
    return program.liveBytes;
  };
  const [all, few] = [await liveBytes(kept), await liveBytes(recomputed)];
  assert.ok(few < all / 2, `${few} bytes with checkpoints, ${all} without`);
});

checkpointing.run();
