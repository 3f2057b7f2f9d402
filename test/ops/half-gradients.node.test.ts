import { suite } from "uvu";
import type { Tape } from "../../src/engine/tape.js";
import type { Tensor } from "../../src/engine/tensor.js";
import { ConfigError } from "../../src/errors.js";
import { batchNorm } from "../../src/ops/batch-norm.js";
import { multiply, subtract } from "../../src/ops/binary.js";
import { columnSums } from "../../src/ops/column-sums.js";
import { conv2d } from "../../src/ops/conv2d.js";
import { dropout } from "../../src/ops/dropout.js";
import { add, mean, relu, transpose } from "../../src/ops/elementwise.js";
import { layerNorm } from "../../src/ops/layer-norm.js";
import { matmul } from "../../src/ops/matmul.js";
import { globalAveragePool, maxPool } from "../../src/ops/pooling.js";
import { toFloat, toHalf } from "../../src/ops/precision.js";
import { columnMaxima, rowLogSumExp } from "../../src/ops/reductions.js";
import { concatenate, permute, reshape, slice } from "../../src/ops/shape.js";
import { softmax } from "../../src/ops/softmax.js";
import { gelu, square } from "../../src/ops/unary.js";
import { batchNormInferenceForward, batchNormTrainingForward } from "../../src/reference/batch-norm.js";
import { conv2dForward } from "../../src/reference/conv2d.js";
import { dropoutFactors } from "../../src/reference/dropout.js";
import { reluForward } from "../../src/reference/elementwise.js";
import { gelu as exactGelu } from "../../src/reference/functions.js";
import { layerNormForward } from "../../src/reference/layer-norm.js";
import { matmulForward } from "../../src/reference/matmul.js";
import { globalAveragePoolForward, maxPoolForward } from "../../src/reference/pooling.js";
import {
  columnSums as columnSumsReference,
  rowLogSumExp as rowLogSumExpReference,
  rowMaxima as rowMaximaReference,
} from "../../src/reference/reduction.js";
import { softmaxForward } from "../../src/reference/softmax.js";
import { rejects } from "../data/expect.js";
import { testDevice } from "../lib/device.js";
import { type Chain, checkGradients } from "./gradient-check.js";

const gradients = suite("gradients in the middle of a graph, with activations in f16");

const device = await testDevice();

/** Checks a chain's gradients where the device has f16, and that the chain is refused where it has none. */
function check(name: string, chain: Chain & { readonly stores: number }): void {
  gradients(name, () =>
    device.has("shader-f16")
      ? checkGradients(chain)
      : rejects(checkGradients(chain), ConfigError, /no f16 in its kernels \(shader-f16\)/),
  );
}

// Rectifiers and max-pools come first, where f16 holds their inputs exactly: behind a rounding, another sign or another winner
// would make another gradient.

const sum = (a: Float64Array, b: Float64Array) => a.map((value, i) => value + b[i]);
const sumOf = (x: Float64Array) => x.reduce((a, b) => a + b);
const columnMaximaReference = (x: Float64Array, rows: number, columns: number) => {
  const turned = Float64Array.from(x, (_, i) => x[(i % rows) * columns + Math.floor(i / rows)]);
  return rowMaximaReference(turned, columns, rows);
};
const window = { kernelHeight: 3, kernelWidth: 3 };

check("relu and add, with a tensor used three times", {
  inputs: { x: [5, 7] },
  record: (tape, { x }) => {
    const half = toHalf(tape, x);
    const double = add(tape, half, half);
    return toFloat(tape, add(tape, relu(tape, double), add(tape, double, half)));
  },
  reference: ({ x }) => sum(reluForward(sum(x, x)), sum(sum(x, x), x)),
  terms: 8,
  // The gradient of the output, and four sums of gradients.
  stores: 5,
});

check("convolutions", {
  inputs: { x: [2, 5, 4, 2], w1: [3, 3, 2, 3], w2: [3, 3, 3, 5] },
  record: (tape, { x, w1, w2 }) => {
    const y = conv2d(tape, relu(tape, toHalf(tape, x)), w1, { padding: 1 });
    return toFloat(tape, conv2d(tape, y, w2, { stride: 2, padding: 1 }));
  },
  reference: ({ x, w1, w2 }) => {
    const first = { batch: 2, height: 5, width: 4, inChannels: 2, outChannels: 3, ...window, stride: 1, padding: 1 };
    const second = { ...first, inChannels: 3, outChannels: 5, stride: 2 };
    return conv2dForward(conv2dForward(reluForward(x), w1, first), w2, second);
  },
  terms: 18 + 27 + 45 + 40,
  // Both outputs, and the gradients of both and of the first one's input.
  stores: 5,
});

check("convolution of four channels, whose vectors take 8 bytes", {
  inputs: { x: [1, 5, 5, 4], w1: [3, 3, 4, 8], w2: [1, 1, 8, 4] },
  record: (tape, { x, w1, w2 }) =>
    toFloat(tape, conv2d(tape, conv2d(tape, relu(tape, toHalf(tape, x)), w1), w2, { stride: 2 })),
  reference: ({ x, w1, w2 }) => {
    const first = { batch: 1, height: 5, width: 5, inChannels: 4, outChannels: 8, ...window, stride: 1, padding: 0 };
    const y = conv2dForward(reluForward(x), w1, first);
    const second = { batch: 1, height: 3, width: 3, inChannels: 8, outChannels: 4, kernelHeight: 1, kernelWidth: 1 };
    return conv2dForward(y, w2, { ...second, stride: 2, padding: 0 });
  },
  terms: 36 + 8 + 72 + 9,
  stores: 5,
});

check("max-pool, convolution and global average pool", {
  inputs: { x: [2, 9, 7, 2], weight: [3, 3, 2, 3], head: [3, 4] },
  record: (tape, { x, weight, head }) => {
    const pooled = maxPool(tape, toHalf(tape, x));
    return matmul(tape, globalAveragePool(tape, conv2d(tape, pooled, weight, { padding: 1 })), head);
  },
  reference: ({ x, weight, head }) => {
    const pool = { batch: 2, height: 9, width: 7, channels: 2, ...window, stride: 2, padding: 1 };
    const shape = { batch: 2, height: 5, width: 4, inChannels: 2, outChannels: 3, ...window, stride: 1, padding: 1 };
    const y = conv2dForward(maxPoolForward(x, pool).y, weight, shape);
    const average = globalAveragePoolForward(y, { batch: 2, pixels: 20, channels: 3 });
    return matmulForward(average, head, { m: 2, n: 4, k: 3 });
  },
  terms: 18 + 20 + 3 + 4 + 4 + 40,
  // The convolution's output and its gradient, those of the pooled map and of x.
  stores: 4,
});

for (const training of [true, false]) {
  check(`batch norm, ${training ? "training" : "inference"}, with the residual that it began with`, {
    inputs: { x: [2, 3, 4, 4], weight: [3, 3, 4, 4], gamma: [4], beta: [4], head: [4, 2] },
    record: (tape, { x, weight, gamma, beta, head }, input) => {
      const running = {
        runningMean: input(Float64Array.of(0.5, 0, -0.25, 1), [4]),
        runningVar: input(Float64Array.of(2, 1, 0.5, 1), [4]),
      };
      const start = relu(tape, toHalf(tape, x));
      const z = conv2d(tape, start, weight, { padding: 1 });
      const y = batchNorm(tape, z, { gamma, beta, ...running }, { training, residual: start });
      return matmul(tape, globalAveragePool(tape, conv2d(tape, y, weight, { padding: 1 })), head);
    },
    reference: ({ x, weight, gamma, beta, head }) => {
      const shape = { batch: 2, height: 3, width: 4, inChannels: 4, outChannels: 4, ...window, stride: 1, padding: 1 };
      const start = reluForward(x);
      const z = conv2dForward(start, weight, shape);
      const state = {
        ...{ gamma, beta, runningMean: Float64Array.of(0.5, 0, -0.25, 1) },
        runningVariance: Float64Array.of(2, 1, 0.5, 1),
      };
      const options = { residual: start };
      const y = training ? batchNormTrainingForward(z, state, options).y : batchNormInferenceForward(z, state, options);
      const average = globalAveragePoolForward(conv2dForward(y, weight, shape), { batch: 2, pixels: 12, channels: 4 });
      return matmulForward(average, head, { m: 2, n: 2, k: 4 });
    },
    terms: 4 * 36 + 5 * 24 + 12 + 6 + 20,
    // Three outputs, their gradients, that of the convolution's input, and the sum with that of the residual.
    stores: 8,
  });
}

check("layer norm, GELU and softmax", {
  inputs: { x: [5, 8], gamma: [8], beta: [8], shift: [8] },
  record: (tape, { x, gamma, beta, shift }) => {
    const y = gelu(tape, layerNorm(tape, toHalf(tape, x), { gamma, beta }));
    return toFloat(tape, softmax(tape, add(tape, y, toHalf(tape, shift))));
  },
  reference: ({ x, gamma, beta, shift }) => {
    const { y } = layerNormForward(x, { rows: 5, columns: 8 }, { gamma, beta });
    const moved = y.map((value, i) => exactGelu.value(value) + shift[i % 8]);
    return softmaxForward(moved, 5, 8);
  },
  // Two sums of 8 in each norm, forward and back, those of the columns, and functions.
  terms: 4 * 8 + 3 * 5 + 100,
  // Outputs and gradients of four operations, each of them in the gradients of those before; the shift's sum.
  stores: 12,
});

for (const [name, operation, exact] of [
  ["a product", multiply, (a: number, b: number) => a * b],
  ["a difference", subtract, (a: number, b: number) => a - b],
] as const) {
  check(`${name} with a row, a column and a number`, {
    inputs: { x: [5, 7], row: [7], column: [5, 1], number: [1] },
    record: (tape, { x, row, column, number }) => {
      const first = operation(tape, toHalf(tape, x), toHalf(tape, row));
      const second = operation(tape, first, toHalf(tape, column));
      return toFloat(tape, operation(tape, second, toHalf(tape, number)));
    },
    reference: ({ x, row, column, number }) =>
      x.map((value, i) => exact(exact(exact(value, row[i % 7]), column[Math.floor(i / 7)]), number[0])),
    terms: 35 + 6,
    // Two factors on the way forward; the result's gradient, three products on the way back, and a sum.
    stores: 7,
  });
}

check("dropout, slices, a concatenation and dimensions in another order", {
  inputs: { x: [4, 3, 5] },
  record: (tape, { x }, input) => {
    const counter = input(Uint32Array.of(3, 4), [2]);
    const y = dropout(tape, toHalf(tape, x), { probability: 0.25, counter, site: 1 });
    const turned = permute(tape, concatenate(tape, [slice(tape, y, 0, 2), slice(tape, y, 0, 0, 2)], 0), [2, 0, 1]);
    return toFloat(tape, transpose(tape, reshape(tape, square(tape, turned), [5, 12])));
  },
  reference: ({ x }) => {
    const factors = dropoutFactors(60, 0.25, [3, 4], 1);
    const y = x.map((value, i) => value * factors[i]);
    return y.map((_, i) => y[(i + 30) % 60] ** 2);
  },
  terms: 10,
  // The dropped elements, squared, and gradients on the way back.
  stores: 8,
});

for (const [name, reduce, reference] of [
  ["the mean of everything", (tape: Tape, x: Tensor) => mean(tape, x), (x: Float64Array) => [sumOf(x) / 35]],
  ["the sum of columns", columnSums, (x: Float64Array) => columnSumsReference(x, 5, 7)],
  ["the log-sum-exp of rows", rowLogSumExp, (x: Float64Array) => rowLogSumExpReference(x, 5, 7)],
  ["the largest of columns", columnMaxima, (x: Float64Array) => columnMaximaReference(x, 5, 7)],
] as const) {
  check(`${name}, which is f32`, {
    inputs: { x: [5, 7] },
    record: (tape, { x }) => square(tape, reduce(tape, toHalf(tape, x))),
    reference: ({ x }) => Float64Array.from(reference(x), (value) => value ** 2),
    terms: 35 + 40,
    stores: 2,
  });
}

gradients.run();
