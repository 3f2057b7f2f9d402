import { suite } from "uvu";
import * as assert from "uvu/assert";
import * as kernels from "../../kernels/generated.js";
import type { Device } from "../../src/engine/device.js";
import { Tape } from "../../src/engine/tape.js";
import type { Tensor } from "../../src/engine/tensor.js";
import { ShapeError } from "../../src/errors.js";
import { softmaxCrossEntropy } from "../../src/losses/softmax-cross-entropy.js";
import { attention } from "../../src/ops/attention.js";
import { batchNorm } from "../../src/ops/batch-norm.js";
import { batchedMatmul } from "../../src/ops/batched-matmul.js";
import { broadcast, divide, multiply, subtract } from "../../src/ops/binary.js";
import { conv2d } from "../../src/ops/conv2d.js";
import { dropout } from "../../src/ops/dropout.js";
import { add } from "../../src/ops/elementwise.js";
import { groupNorm } from "../../src/ops/group-norm.js";
import { layerNorm } from "../../src/ops/layer-norm.js";
import { addBias, matmul } from "../../src/ops/matmul.js";
import { normalizeRows } from "../../src/ops/normalize-rows.js";
import { globalAveragePool, maxPool } from "../../src/ops/pooling.js";
import { scatterAddRows, standardize, topK } from "../../src/ops/rows.js";
import { concatenate, permute, reshape, slice } from "../../src/ops/shape.js";
import { testDevice } from "../lib/device.js";

const shapes = suite("shapes that do not fit");

type Make = (shape: readonly number[], label: string) => Tensor;

/** Each mistake, and what the message has to name. */
const mistakes: readonly [string, (tape: Tape, t: Make) => unknown, readonly string[]][] = [
  [
    "matmul with other inner extents",
    (tape, t) => matmul(tape, t([2, 3], "a"), t([4, 5], "b")),
    ["a [2, 3]", "b [4, 5]", "3 and 4"],
  ],
  [
    "matmul of two types",
    (tape, t) => matmul(tape, t([2, 3], "a"), tape.tensor([3, 4], "b", "f16")),
    ["a [2, 3]", "f32", "b [3, 4]", "f16"],
  ],
  [
    "matmul with other inner extents, transposed",
    (tape, t) => matmul(tape, t([3, 2], "a"), t([5, 4], "b"), { transposeA: true, transposeB: true }),
    ["a [3, 2] transposed", "b [5, 4] transposed", "3 and 4"],
  ],
  [
    "matmul of maps",
    (tape, t) => matmul(tape, t([2, 3, 4], "maps"), t([4, 5], "b")),
    ["maps [2, 3, 4]", "two dimensions"],
  ],
  [
    "bias of another length",
    (tape, t) => addBias(tape, t([2, 3], "x"), t([2], "bias")),
    ["bias [2]", "[3]", "x [2, 3]"],
  ],
  ["sum of other shapes", (tape, t) => add(tape, t([2, 3], "a"), t([3, 2], "b")), ["b [3, 2]", "a [2, 3]"]],
  [
    "convolution with other channels",
    (tape, t) => conv2d(tape, t([1, 5, 5, 3], "x"), t([3, 3, 4, 8], "weight")),
    ["weight [3, 3, 4, 8]", "4 channels", "x [1, 5, 5, 3]", "has 3"],
  ],
  [
    "convolution larger than the padded map",
    (tape, t) => conv2d(tape, t([1, 3, 9, 2], "x"), t([7, 7, 2, 4], "weight"), { padding: 1 }),
    ["x [1, 3, 9, 2]", "weight [7, 7, 2, 4]", "window of 7", "3 pixels with padding 1"],
  ],
  [
    "attention of more heads than there are",
    (tape, t) => attention(tape, t([2, 5, 24], "qkv"), 3),
    ["qkv [2, 5, 24]", "3 heads", "multiple of 4"],
  ],
  [
    "attention of a matrix",
    (tape, t) => attention(tape, t([10, 24], "qkv"), 2),
    ["qkv [10, 24]", "[batch, tokens, 3 heads depth]"],
  ],
  [
    "convolution with a stride of 0",
    (tape, t) => conv2d(tape, t([1, 5, 5, 2], "x"), t([3, 3, 2, 4], "weight"), { stride: 0 }),
    ["stride 0", "x [1, 5, 5, 2]"],
  ],
  [
    "convolution with a padding below 0",
    (tape, t) => conv2d(tape, t([1, 5, 5, 2], "x"), t([3, 3, 2, 4], "weight"), { padding: [0, -1] }),
    ["padding -1", "from 0 up", "x [1, 5, 5, 2]"],
  ],
  [
    "convolution with a dilation below 1",
    (tape, t) => conv2d(tape, t([1, 5, 5, 2], "x"), t([3, 3, 2, 4], "weight"), { dilation: [1, 0] }),
    ["dilation 0", "from 1 up", "x [1, 5, 5, 2]"],
  ],
  [
    "convolution whose dilation takes it beyond the padded map",
    (tape, t) => conv2d(tape, t([1, 9, 5, 2], "x"), t([3, 3, 2, 4], "weight"), { dilation: 4, padding: [0, 1] }),
    ["weight [3, 3, 2, 4]", "window of 3, 9 with dilation 4", "5 pixels with padding 1"],
  ],
  [
    "convolution in no groups",
    (tape, t) => conv2d(tape, t([1, 5, 5, 2], "x"), t([3, 3, 2, 4], "weight"), { groups: 0 }),
    ["0 groups", "x [1, 5, 5, 2]"],
  ],
  [
    "convolution in groups that do not divide the channels",
    (tape, t) => conv2d(tape, t([1, 5, 5, 8], "x"), t([3, 3, 2, 6], "weight"), { groups: 4 }),
    ["4 groups", "8 channels before", "6 after", "x [1, 5, 5, 8]", "weight [3, 3, 2, 6]"],
  ],
  [
    "convolution in groups with the weight of a dense one",
    (tape, t) => conv2d(tape, t([1, 5, 5, 8], "x"), t([3, 3, 8, 8], "weight"), { groups: 4 }),
    ["weight [3, 3, 8, 8]", "8 channels in each of 4 groups", "x [1, 5, 5, 8]", "has 8"],
  ],
  [
    "convolution with another bias",
    (tape, t) => conv2d(tape, t([1, 5, 5, 2], "x"), t([3, 3, 2, 4], "weight"), { bias: t([2], "bias") }),
    ["bias [2]", "[4]", "weight [3, 3, 2, 4]"],
  ],
  [
    "convolution of a matrix",
    (tape, t) => conv2d(tape, t([5, 5], "x"), t([3, 3, 2, 4], "weight")),
    ["x [5, 5]", "four dimensions"],
  ],
  [
    "batch norm with parameters of other channels",
    (tape, t) => batchNorm(tape, t([4, 3], "x"), batchNormTensors(t, 2)),
    ["gamma [2]", "[3]", "x [4, 3]"],
  ],
  [
    "batch norm of one row in training",
    (tape, t) => batchNorm(tape, t([1, 1, 1, 3], "x"), batchNormTensors(t, 3)),
    ["x [1, 1, 1, 3]", "one row", "in training"],
  ],
  [
    "batch norm with another residual",
    (tape, t) => batchNorm(tape, t([4, 3], "x"), batchNormTensors(t, 3), { residual: t([3, 4], "residual") }),
    ["residual [3, 4]", "[4, 3]"],
  ],
  [
    "group norm in groups that do not divide the channels",
    (tape, t) => groupNorm(tape, t([2, 3, 3, 6], "x"), groupNormTensors(t, 6), { groups: 4 }),
    ["4 groups", "6 channels", "x [2, 3, 3, 6]"],
  ],
  [
    "group norm of single values",
    (tape, t) => groupNorm(tape, t([2, 1, 1, 6], "x"), groupNormTensors(t, 6), { groups: 6 }),
    ["6 groups", "x [2, 1, 1, 6]", "one value"],
  ],
  [
    "group norm with parameters of other channels",
    (tape, t) => groupNorm(tape, t([2, 3, 3, 6], "x"), groupNormTensors(t, 2), { groups: 2 }),
    ["gamma [2]", "[6]", "x [2, 3, 3, 6]"],
  ],
  [
    "group norm with another residual",
    (tape, t) => {
      const residual = t([2, 3, 3, 3], "residual");
      return groupNorm(tape, t([2, 3, 3, 6], "x"), groupNormTensors(t, 6), { groups: 2, residual });
    },
    ["residual [2, 3, 3, 3]", "[2, 3, 3, 6]"],
  ],
  [
    "group norm of a matrix",
    (tape, t) => groupNorm(tape, t([5, 6], "x"), groupNormTensors(t, 6), { groups: 2 }),
    ["x [5, 6]", "four dimensions"],
  ],
  [
    "max-pool with more padding than half its window",
    (tape, t) => maxPool(tape, t([1, 5, 5, 1], "x"), { kernel: 2, padding: 2 }),
    ["padding 2", "window of 2"],
  ],
  ["average of a matrix", (tape, t) => globalAveragePool(tape, t([5, 5], "x")), ["x [5, 5]", "four dimensions"]],
  ["rows of a vector", (tape, t) => normalizeRows(tape, t([5], "x")), ["x [5]", "two dimensions"]],
  [
    "labels of another length",
    (tape, t) => softmaxCrossEntropy(tape, t([4, 3], "logits"), tape.tensor([5], "labels", "u32")),
    ["labels [5]", "[4]", "logits [4, 3]"],
  ],
  [
    "labels that are no whole numbers",
    (tape, t) => softmaxCrossEntropy(tape, t([4, 3], "logits"), t([4], "labels")),
    ["labels", "u32", "f32"],
  ],
  [
    "statistics of other columns",
    (tape, t) => standardize(tape, t([4, 3], "x"), t([2, 4], "statistics")),
    ["statistics [2, 4]", "[2, 3]", "x [4, 3]"],
  ],
  [
    "more of the largest than there are",
    (tape, t) => topK(tape, t([2, 3], "x"), 4),
    ["k = 4", "3 columns", "x [2, 3]"],
  ],
  [
    "a product element by element of other shapes",
    (tape, t) => multiply(tape, t([2, 3], "a"), t([2], "b")),
    ["b [2]", "a [2, 3]", "2 and 3"],
  ],
  [
    "a dimension repeated between others",
    (tape, t) => subtract(tape, t([2, 3, 4], "a"), t([2, 1, 4], "b")),
    ["b [2, 1, 4]", "a [2, 3, 4]", "leading or trailing"],
  ],
  [
    "operands of other types",
    (tape, t) => divide(tape, t([2], "a"), tape.tensor([2], "b", "f16")),
    ["b [2]", "f32", "a [2]", "f16"],
  ],
  [
    "a tensor repeated to a smaller shape",
    (tape, t) => broadcast(tape, t([2, 3], "x"), [3]),
    ["x [2, 3]", "[3]", "smaller"],
  ],
  [
    "a tensor repeated to a shape that it does not go with",
    (tape, t) => broadcast(tape, t([2], "x"), [2, 3]),
    ["x [2]", "[2, 3]", "3 and 2"],
  ],
  ["a shape with other elements", (tape, t) => reshape(tape, t([2, 3], "x"), [4]), ["x [2, 3]", "6 elements", "[4]"]],
  [
    "a slice past the end",
    (tape, t) => slice(tape, t([2, 3], "x"), 1, 1, 4),
    ["places 1 to 4", "axis 1", "x [2, 3]", "0 to 3"],
  ],
  ["an empty slice", (tape, t) => slice(tape, t([2, 3], "x"), 0, 1, 1), ["places 1 to 1", "x [2, 3]"]],
  ["a slice of half a place", (tape, t) => slice(tape, t([2, 3], "x"), 0, 0.5), ["places 0.5 to 2", "x [2, 3]"]],
  ["an axis that is not there", (tape, t) => slice(tape, t([2, 3], "x"), -3, 0), ["x [2, 3]", "axis -3"]],
  ["nothing to concatenate", (tape) => concatenate(tape, [], 0), ["nothing to concatenate"]],
  [
    "a concatenation of other extents",
    (tape, t) => concatenate(tape, [t([2, 3], "a"), t([2, 4], "b")], 0),
    ["b [2, 4]", "a [2, 3]", "axis 0"],
  ],
  [
    "a concatenation of other dimensions",
    (tape, t) => concatenate(tape, [t([2, 3], "a"), t([2, 3, 1], "b")], 0),
    ["b [2, 3, 1]", "a [2, 3]"],
  ],
  ["an order that leaves one out", (tape, t) => permute(tape, t([2, 3], "x"), [0, 0]), ["x [2, 3]", "[0, 0]"]],
  [
    "an order of five dimensions",
    (tape, t) => permute(tape, t([1, 1, 1, 1, 2], "x"), [4, 3, 2, 1, 0]),
    ["x [1, 1, 1, 1, 2]", "[4, 3, 2, 1, 0]", "up to 4"],
  ],
  [
    "rows added up by other indices",
    (tape, t) => scatterAddRows(tape, t([4, 3], "x"), tape.tensor([5], "indices", "u32"), 2),
    ["indices [5]", "[4]", "x [4, 3]"],
  ],
  [
    "a layer norm with parameters of other columns",
    (tape, t) => layerNorm(tape, t([4, 3], "x"), { gamma: t([3], "gamma"), beta: t([4], "beta") }),
    ["beta [4]", "[3]", "x [4, 3]"],
  ],
  [
    "a dropout by one number",
    (tape, t) => dropout(tape, t([4], "x"), { probability: 0.5, counter: tape.tensor([1], "counter", "u32"), site: 0 }),
    ["counter [1]", "[2]"],
  ],
  [
    "a dropout by numbers that are not whole",
    (tape, t) => dropout(tape, t([4], "x"), { probability: 0.5, counter: t([2], "counter"), site: 0 }),
    ["counter [2]", "u32", "f32"],
  ],
  [
    "batched products of matrices",
    (tape, t) => batchedMatmul(tape, t([2, 3], "a"), t([3, 4], "b")),
    ["a [2, 3]", "three dimensions"],
  ],
  [
    "batched products of other batches",
    (tape, t) => batchedMatmul(tape, t([2, 3, 4], "a"), t([3, 4, 5], "b")),
    ["a [2, 3, 4]", "b [3, 4, 5]", "[2] and [3]"],
  ],
  [
    "batched products with other inner extents",
    (tape, t) => batchedMatmul(tape, t([2, 3, 4], "a"), t([2, 3, 5], "b"), { transposeB: true }),
    ["a [2, 3, 4]", "b [2, 3, 5] transposed", "4 and 5"],
  ],
  [
    "a kernel's tensor of another size",
    (tape, t) => tape.launch(kernels.add, { a: t([3], "a"), b: t([4], "b"), y: t([3], "y") }, { elements: 3 }),
    ["add: b", "3 elements", "b [4]"],
  ],
  ["a tensor without elements", (tape) => tape.tensor([2, 0], "nothing"), ["nothing: [2, 0]"]],
  [
    "a backward pass from many elements without their gradient",
    (tape, t) => {
      const x = t([3], "x");
      tape.watch(x);
      tape.backward(add(tape, x, x));
    },
    ["x + x [3]", "3 elements"],
  ],
  [
    "a backward pass with a gradient of another shape",
    (tape, t) => {
      const x = t([3], "x");
      tape.watch(x);
      tape.backward(add(tape, x, x), t([4], "seed"));
    },
    ["seed [4]", "[3]"],
  ],
  [
    "a backward pass from what depends on nothing",
    (tape, t) => tape.backward(add(tape, t([1], "x"), t([1], "y"))),
    ["x + y [1]", "watched"],
  ],
];

function batchNormTensors(make: Make, channels: number) {
  const [gamma, beta, runningMean, runningVar] = ["gamma", "beta", "running mean", "running variance"].map((label) =>
    make([channels], label),
  );
  return { gamma, beta, runningMean, runningVar };
}

function groupNormTensors(make: Make, channels: number) {
  return { gamma: make([channels], "gamma"), beta: make([channels], "beta") };
}

/** Calls `attempt` with persistent tensors that are freed afterwards. */
function withTensors(device: Device, attempt: (make: Make) => unknown): void {
  const made: Tensor[] = [];
  try {
    attempt((shape, label) => {
      const tensor = device.tensor(shape, undefined, label);
      made.push(tensor);
      return tensor;
    });
  } finally {
    for (const tensor of made) device.free(tensor);
  }
}

for (const [name, attempt, parts] of mistakes) {
  shapes(name, async () => {
    const device = await testDevice();
    let caught: unknown;
    try {
      withTensors(device, (make) => attempt(new Tape(device), make));
    } catch (error) {
      caught = error;
    }
    assert.instance(caught, ShapeError);
    const { message } = caught instanceof Error ? caught : new Error();
    for (const part of parts) assert.ok(message.includes(part), `"${message}" names ${part}`);
  });
}

shapes.run();
