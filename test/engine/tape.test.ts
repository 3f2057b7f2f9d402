import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Device } from "../../src/engine/device.js";
import { Tape } from "../../src/engine/tape.js";
import type { Tensor } from "../../src/engine/tensor.js";
import { GradientError, ShapeError, UsageError } from "../../src/errors.js";
import { softmaxCrossEntropy } from "../../src/losses/softmax-cross-entropy.js";
import { add, relu } from "../../src/ops/elementwise.js";
import { matmul } from "../../src/ops/matmul.js";
import { throws } from "../data/expect.js";
import { testDevice } from "../lib/device.js";

const tape = suite("tape");

// All values are small whole numbers: f32 arithmetic on them is exact.

/** Runs a recording and reads tensors of it. */
async function run(recording: Tape, tensors: readonly (Tensor | null)[]): Promise<number[][]> {
  const keep = tensors.filter((tensor) => tensor !== null);
  const program = await recording.compile({ keep });
  program.run();
  const read = await Promise.all(keep.map((tensor) => recording.device.read(tensor)));
  program.dispose();
  return read.map((values) => [...values]);
}

/** x [3] and a seed [3], for recordings whose gradient is known. */
function inputs(device: Device): { x: Tensor; seed: Tensor; free(): void } {
  const x = device.tensor([3], [2, -1, 3], "x");
  const seed = device.tensor([3], [1, 10, 100], "seed");
  return {
    x,
    seed,
    free() {
      device.free(x);
      device.free(seed);
    },
  };
}

tape("adds up the gradients of a diamond", async () => {
  const device = await testDevice();
  const { x, seed, free } = inputs(device);
  const recording = new Tape(device);
  recording.watch(x);
  const positive = relu(recording, x);
  // 2 relu(x) + x
  const y = add(recording, add(recording, positive, x), positive);
  recording.backward(y, seed);
  const [value, gradient] = await run(recording, [y, recording.gradient(x)]);
  assert.equal(value, [6, -1, 9]);
  assert.equal(gradient, [3, 10, 300]);
  free();
});

tape("adds the gradients of a second backward pass to those of the first", async () => {
  const device = await testDevice();
  const { x, seed, free } = inputs(device);
  const other = device.tensor([3], [5, 6, 7]);
  const recording = new Tape(device);
  recording.watch(x);
  const trunk = add(recording, relu(recording, x), x);
  const left = add(recording, trunk, trunk);
  const right = relu(recording, trunk);
  recording.backward(left, seed);
  recording.backward(right, other);
  // Recorded after a backward pass, on the same trunk.
  const late = add(recording, trunk, x);
  recording.backward(late, seed);
  const [gradient] = await run(recording, [recording.gradient(x)]);
  // d trunk / dx is 2, 1, 2; left takes it twice, right where the trunk is positive (4, -1, 6), late once and x itself.
  const expected = [2 * 2 * 1 + 2 * 5 + (2 + 1) * 1, 2 * 10 + 0 + (1 + 1) * 10, 2 * 2 * 100 + 2 * 7 + (2 + 1) * 100];
  assert.equal(gradient, expected);
  device.free(other);
  free();
});

tape("doubles the gradient when the same output is differentiated twice", async () => {
  const device = await testDevice();
  const { x, seed, free } = inputs(device);
  const recording = new Tape(device);
  recording.watch(x);
  const y = relu(recording, x);
  recording.backward(y, seed);
  recording.backward(y, seed);
  const [gradient] = await run(recording, [recording.gradient(x)]);
  assert.equal(gradient, [2, 0, 200]);
  free();
});

tape("starts at a watched tensor in the middle", async () => {
  const device = await testDevice();
  const { x, seed, free } = inputs(device);
  const recording = new Tape(device);
  const middle = add(recording, x, x);
  recording.watch(middle);
  const y = add(recording, relu(recording, middle), middle);
  recording.backward(y, seed);
  assert.is(recording.gradient(x), null);
  assert.not(recording.needsGradient(x));
  assert.ok(recording.needsGradient(y));
  const [gradient] = await run(recording, [recording.gradient(middle)]);
  assert.equal(gradient, [2, 10, 200]);
  free();
});

tape("starts from 1 where the output is one number", async () => {
  const device = await testDevice();
  const logits = device.tensor([1, 4], [0, 0, 0, 0], "logits");
  const labels = device.tensor([1], Uint32Array.of(2), "labels");
  const recording = new Tape(device);
  recording.watch(logits);
  const { loss } = softmaxCrossEntropy(recording, logits, labels);
  recording.backward(loss);
  const [gradient] = await run(recording, [recording.gradient(logits)]);
  // softmax - one-hot; exp and log are approximate: WGSL gives exp(x) 3 + 2 |x| ulp, and log 2^-21 near 1.
  [0.25, 0.25, -0.75, 0.25].forEach((expected, i) => {
    assert.ok(Math.abs(gradient[i] - expected) < 1e-5, `${gradient[i]} is not ${expected}`);
  });
  for (const tensor of [logits, labels]) device.free(tensor);
});

tape("starts from one number in any shape, and from a view of what was computed", async () => {
  const device = await testDevice();
  const a = device.tensor([1, 2], [2, 3], "a");
  const b = device.tensor([2, 1], [5, 7], "b");
  const recording = new Tape(device);
  recording.watch(b);
  const product = matmul(recording, a, b);
  assert.equal(product.shape, [1, 1]);
  recording.backward(product);
  // Again, by other views of the same number: gradients add up.
  recording.backward(product.view([1]));
  recording.backward(product.view([1, 1, 1]));
  const { x, seed, free } = inputs(device);
  recording.watch(x);
  recording.backward(relu(recording, x).view([1, 3]), seed.view([1, 3]));
  const [gradient, other] = await run(recording, [recording.gradientOf(b), recording.gradientOf(x)]);
  assert.equal(gradient, [6, 9]);
  assert.equal(other, [1, 0, 100]);
  for (const tensor of [a, b]) device.free(tensor);
  free();
});

tape("has a gradient that is null and one that throws, where none came", async () => {
  const device = await testDevice();
  const { x, seed, free } = inputs(device);
  const recording = new Tape(device);
  recording.watch(x);
  const y = relu(recording, x);
  assert.is(recording.gradient(x), null);
  throws(() => recording.gradientOf(x), GradientError, "no gradient reached x [3]: what backward() was called with");
  throws(() => recording.gradientOf(seed), GradientError, "no gradient reached seed [3]: it is not watched");
  recording.backward(y, seed);
  assert.is(recording.gradientOf(x), recording.gradient(x));
  free();
});

tape("refuses outputs and seeds that cannot be", async () => {
  const device = await testDevice();
  const { x, seed, free } = inputs(device);
  const recording = new Tape(device);
  const unwatched = relu(recording, x);
  throws(() => recording.backward(unwatched, seed), ShapeError, /relu of x \[3\] does not depend on a watched tensor/);
  recording.watch(x);
  const y = relu(recording, x);
  throws(() => recording.backward(y), ShapeError, /relu of x \[3\] has 3 elements: give the gradient to start from/);
  const short = recording.tensor([2], "short");
  throws(() => recording.backward(y, short), ShapeError, /short \[2\] must be \[3\]/);
  assert.is(recording.launches.length, 2);
  assert.is(recording.gradient(x), null);
  free();
});

tape("gives the same bits with checkpoints within checkpoints, for less memory", async () => {
  const device = await testDevice();
  const size = 16;
  const weights = [1, 2, 3, 4].map((k) =>
    device.tensor(
      [size, size],
      Float32Array.from({ length: size * size }, (_, i) => Math.sin(k * i)),
      `weight ${k}`,
    ),
  );
  const x = device.tensor(
    [64, size],
    Float32Array.from({ length: 64 * size }, (_, i) => Math.cos(i)),
    "x",
  );
  const seed = device.tensor(
    [64, size],
    Float32Array.from({ length: 64 * size }, (_, i) => 1 / (1 + i)),
    "seed",
  );

  const record = async (checkpoint: (recording: Tape, segment: () => Tensor) => Tensor) => {
    const recording = new Tape(device);
    recording.watch(x, ...weights);
    const calls: string[] = [];
    const layer = (input: Tensor, weight: Tensor) => {
      calls.push(`${weight.label}${recording.recomputing ? " again" : ""}`);
      return relu(recording, matmul(recording, relu(recording, input), weight));
    };
    const first = layer(x, weights[0]);
    const y = checkpoint(recording, () => {
      const second = layer(first, weights[1]);
      return layer(
        checkpoint(recording, () => layer(second, weights[2])),
        weights[3],
      );
    });
    recording.backward(y, seed);
    const gradients = [x, ...weights].map((tensor) => recording.gradient(tensor));
    const program = await recording.compile();
    const { liveBytes } = program;
    program.dispose();
    return { values: await run(recording, [y, ...gradients]), calls, liveBytes };
  };
  const plain = await record((_, segment) => segment());
  const nested = await record((recording, segment) => recording.checkpoint(segment));
  assert.is(nested.values.length, 6);
  nested.values.forEach((values, i) => {
    assert.equal(values, plain.values[i], `tensor ${i}`);
    assert.ok(values.some((value) => value !== 0));
  });
  assert.equal(nested.calls, [
    "weight 1",
    "weight 2",
    "weight 3",
    "weight 4",
    "weight 2 again",
    "weight 3 again",
    "weight 4 again",
    "weight 3 again",
  ]);
  assert.ok(nested.liveBytes < plain.liveBytes, `${nested.liveBytes} bytes, ${plain.liveBytes} without checkpoints`);
  for (const tensor of [x, seed, ...weights]) device.free(tensor);
});

tape("takes a checkpoint that hands on what it was given", async () => {
  const device = await testDevice();
  const { x, seed, free } = inputs(device);
  const recording = new Tape(device);
  recording.watch(x);
  const middle = add(recording, x, x);
  const y = relu(
    recording,
    recording.checkpoint(() => middle),
  );
  recording.backward(y, seed);
  const [gradient] = await run(recording, [recording.gradient(x)]);
  assert.equal(gradient, [2, 0, 200]);
  free();
});

tape("places what is computed in persistent tensors", async () => {
  const device = await testDevice();
  const { x, seed, free } = inputs(device);
  const [{ all, tensors }] = device.slabs([
    { shape: [3], label: "doubled" },
    { shape: [3], label: "gradient" },
  ]);
  const recording = new Tape(device);
  recording.watch(x);
  const doubled = add(recording, x, x);
  const y = relu(recording, doubled);
  recording.backward(y, seed);
  const gradient = recording.gradient(x);
  assert.ok(gradient);
  throws(
    () => recording.place(doubled, seed.shape.length === 1 ? all : seed),
    ShapeError,
    /must be \[128\] to be placed/,
  );
  throws(() => recording.place(doubled, recording.tensor([3], "other")), UsageError, /other \[3\] is an intermediate/);
  recording.place(doubled, tensors[0]);
  recording.place(gradient, tensors[1]);
  const program = await recording.compile();
  program.run();
  assert.equal([...(await device.read(tensors[0]))], [4, -2, 6]);
  assert.equal([...(await device.read(tensors[1]))], [2, 0, 200]);
  assert.is(
    (await device.read(all)).findIndex((value, i) => value !== 0 && i % 64 > 2),
    -1,
  );
  program.dispose();
  assert.equal([...(await device.read(tensors[1]))], [2, 0, 200]);
  device.free(all);
  free();
});

tape("a scope names its launches, those of its gradients and those computed again", async () => {
  const device = await testDevice();
  const x = device.tensor([5], [1, -2, 3, -4, 5]);
  const tape = new Tape(device);
  tape.watch(x);
  const first = tape.scope("first", () => relu(tape, x));
  const second = tape.scope("outer", () =>
    tape.checkpoint(() => tape.scope("inner", () => relu(tape, add(tape, first, first)))),
  );
  tape.backward(second, device.tensor([5]));
  assert.equal(
    tape.launches.map(({ kernel, scope }) => `${scope}: ${kernel.name}`),
    [
      "first: relu",
      "inner: add",
      "inner: relu",
      "inner: add",
      "inner: relu",
      "inner: reluGradient",
      "inner: add",
      "first: reluGradient",
    ],
  );
  device.free(x);
});

tape.run();
