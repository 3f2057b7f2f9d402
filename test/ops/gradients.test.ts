import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Device } from "../../src/engine/device.js";
import { Tape } from "../../src/engine/tape.js";
import { batchNorm } from "../../src/ops/batch-norm.js";
import { conv2d } from "../../src/ops/conv2d.js";
import { add, relu } from "../../src/ops/elementwise.js";
import { groupNorm } from "../../src/ops/group-norm.js";
import { addBias, matmul } from "../../src/ops/matmul.js";
import { normalizeRows } from "../../src/ops/normalize-rows.js";
import { globalAveragePool, maxPool } from "../../src/ops/pooling.js";
import { standardizeWeight } from "../../src/ops/weight-standardization.js";
import { batchNormInferenceForward, batchNormTrainingForward } from "../../src/reference/batch-norm.js";
import { conv2dForward } from "../../src/reference/conv2d.js";
import { biasForward, reluForward } from "../../src/reference/elementwise.js";
import { groupNormForward } from "../../src/reference/group-norm.js";
import { l2NormalizeForward } from "../../src/reference/l2-normalize.js";
import { matmulForward } from "../../src/reference/matmul.js";
import { globalAveragePoolForward, maxPoolForward } from "../../src/reference/pooling.js";
import { weightStandardizationForward } from "../../src/reference/weight-standardization.js";
import { testDevice } from "../lib/device.js";
import { checkGradients } from "./gradient-check.js";

const gradients = suite("gradients in the middle of a graph");

const sum = (a: Float64Array, b: Float64Array) => a.map((value, i) => value + b[i]);

for (const transposeA of [false, true]) {
  for (const transposeB of [false, true]) {
    const name = `matmul${transposeA ? ", a transposed" : ""}${transposeB ? ", b transposed" : ""}`;
    gradients(name, () => {
      const [m, n, k] = [5, 7, 3];
      return checkGradients({
        inputs: { a: transposeA ? [k, m] : [m, k], b: transposeB ? [n, k] : [k, n] },
        record: (tape, { a, b }) =>
          relu(tape, matmul(tape, add(tape, a, a), relu(tape, b), { transposeA, transposeB })),
        reference: ({ a, b }) =>
          reluForward(matmulForward(sum(a, a), reluForward(b), { m, n, k, transposeA, transposeB })),
        terms: k + Math.max(m, n) + 4,
      });
    });
  }
}

gradients("matmul of a tensor with itself", () =>
  checkGradients({
    inputs: { x: [5, 3] },
    record: (tape, { x }) => {
      const y = relu(tape, x);
      return matmul(tape, y, y, { transposeB: true });
    },
    reference: ({ x }) => {
      const y = reluForward(x);
      return matmulForward(y, y, { m: 5, n: 5, k: 3, transposeB: true });
    },
    terms: 3 + 5 + 2,
  }),
);

gradients("bias", () =>
  checkGradients({
    inputs: { x: [7, 3], weight: [3, 5], bias: [5] },
    record: (tape, { x, weight, bias }) => relu(tape, addBias(tape, matmul(tape, x, weight), bias)),
    reference: ({ x, weight, bias }) => reluForward(matmulForward(x, weight, { m: 7, n: 5, k: 3 }, bias)),
    terms: 3 + 7 + 2,
  }),
);

gradients("bias after each pixel of a map", () =>
  checkGradients({
    inputs: { x: [2, 3, 5, 3], bias: [3] },
    record: (tape, { x, bias }) => relu(tape, addBias(tape, relu(tape, x), bias)),
    reference: ({ x, bias }) => reluForward(biasForward(reluForward(x), bias)),
    terms: 30 + 2,
  }),
);

gradients("relu and add, with a tensor used three times", () =>
  checkGradients({
    inputs: { x: [5, 7] },
    record: (tape, { x }) => {
      const double = add(tape, x, x);
      return add(tape, relu(tape, double), add(tape, double, x));
    },
    reference: ({ x }) => sum(reluForward(sum(x, x)), sum(sum(x, x), x)),
    terms: 8,
  }),
);

gradients("a part of the graph that no gradient reaches changes nothing", () =>
  checkGradients({
    inputs: { x: [5, 7] },
    record: (tape, { x }) => {
      const y = relu(tape, x);
      add(tape, y, y);
      return add(tape, y, x);
    },
    reference: ({ x }) => sum(reluForward(x), x),
    terms: 4,
  }),
);

const window = { kernelHeight: 3, kernelWidth: 3 };

gradients("convolution", () => {
  const first = { batch: 2, height: 5, width: 4, inChannels: 2, outChannels: 3, ...window, stride: 1, padding: 1 };
  const second = { ...first, inChannels: 3, outChannels: 5, stride: 2 };
  return checkGradients({
    inputs: { x: [2, 5, 4, 2], w1: [3, 3, 2, 3], w2: [3, 3, 3, 5] },
    record: (tape, { x, w1, w2 }) => {
      const y = relu(tape, conv2d(tape, x, w1, { padding: 1 }));
      return relu(tape, conv2d(tape, y, w2, { stride: 2, padding: 1 }));
    },
    reference: ({ x, w1, w2 }) => {
      const y = reluForward(conv2dForward(x, w1, first));
      return reluForward(conv2dForward(y, w2, second));
    },
    // Windows of 9 taps by 2, 3 and 5 channels, and 40 pixels.
    terms: 18 + 27 + 45 + 40,
  });
});

gradients("convolution of one tensor with two kernels of other strides", () => {
  const wide = { batch: 1, height: 7, width: 5, inChannels: 2, outChannels: 3, ...window, stride: 3, padding: 2 };
  const narrow = { ...wide, kernelHeight: 1, kernelWidth: 1, padding: 0 };
  return checkGradients({
    inputs: { x: [1, 7, 5, 2], w1: [3, 3, 2, 3], w2: [1, 1, 2, 3] },
    record: (tape, { x, w1, w2 }) => {
      const y = relu(tape, x);
      const a = globalAveragePool(tape, conv2d(tape, y, w1, { stride: 3, padding: 2 }));
      return add(tape, a, globalAveragePool(tape, conv2d(tape, y, w2, { stride: 3 })));
    },
    reference: ({ x, w1, w2 }) => {
      const y = reluForward(x);
      const average = (z: Float64Array) => globalAveragePoolForward(z, { batch: 1, pixels: z.length / 3, channels: 3 });
      return sum(average(conv2dForward(y, w1, wide)), average(conv2dForward(y, w2, narrow)));
    },
    terms: 18 + 27 + 12 + 20,
  });
});

gradients("max-pool and global average pool", () => {
  const shape = { batch: 2, height: 5, width: 7, inChannels: 2, outChannels: 3, ...window, stride: 1, padding: 1 };
  const pool = { batch: 2, height: 5, width: 7, channels: 3, ...window, stride: 2, padding: 1 };
  return checkGradients({
    inputs: { x: [2, 5, 7, 2], weight: [3, 3, 2, 3], head: [3, 4] },
    record: (tape, { x, weight, head }) =>
      matmul(tape, globalAveragePool(tape, maxPool(tape, conv2d(tape, x, weight, { padding: 1 }))), head),
    reference: ({ x, weight, head }) => {
      const pooled = maxPoolForward(conv2dForward(x, weight, shape), pool).y;
      const average = globalAveragePoolForward(pooled, { batch: 2, pixels: 12, channels: 3 });
      return matmulForward(average, head, { m: 2, n: 4, k: 3 });
    },
    terms: 18 + 12 + 3 + 4 + 4 + 70,
  });
});

for (const { training, residual, rectify } of [
  { training: true, residual: false, rectify: false },
  { training: true, residual: false, rectify: true },
  { training: true, residual: true, rectify: true },
  { training: false, residual: false, rectify: true },
  { training: false, residual: true, rectify: true },
]) {
  const name = `batch norm, ${training ? "training" : "inference"}${residual ? ", residual" : ""}${rectify ? ", relu" : ""}`;
  gradients(name, () => {
    const shape = { batch: 2, height: 3, width: 4, inChannels: 3, outChannels: 3, ...window, stride: 1, padding: 1 };
    const statistics = { runningMean: Float64Array.of(0.5, 0, -0.25), runningVariance: Float64Array.of(2, 1, 0.5) };
    return checkGradients({
      inputs: { x: [2, 3, 4, 3], weight: [3, 3, 3, 3], gamma: [3], beta: [3], head: [3, 2] },
      record: (tape, { x, weight, gamma, beta, head }, input) => {
        const { runningMean, runningVariance } = statistics;
        const running = { runningMean: input(runningMean, [3]), runningVar: input(runningVariance, [3]) };
        const y = batchNorm(
          tape,
          conv2d(tape, x, weight, { padding: 1 }),
          { gamma, beta, ...running },
          // The block's input comes back as the residual: it is used twice.
          { training, relu: rectify, residual: residual ? x : undefined },
        );
        return matmul(tape, globalAveragePool(tape, relu(tape, add(tape, y, x))), head);
      },
      reference: ({ x, weight, gamma, beta, head }) => {
        const z = conv2dForward(x, weight, shape);
        const state = { gamma, beta, ...statistics };
        const epilogue = { relu: rectify, residual: residual ? x : undefined };
        const y = training
          ? batchNormTrainingForward(z, state, epilogue).y
          : batchNormInferenceForward(z, state, epilogue);
        const average = globalAveragePoolForward(reluForward(sum(y, x)), { batch: 2, pixels: 12, channels: 3 });
        return matmulForward(average, head, { m: 2, n: 2, k: 3 });
      },
      // Two convolutions of 27 terms, sums over 24 pixels for two statistics and two gradients and the weight, a pool.
      terms: 2 * 27 + 5 * 24 + 12 + 5 + 20,
    });
  });
}

for (const training of [true, false]) {
  gradients(`batch norm without scale and offset, ${training ? "training" : "inference"}, another epsilon`, () => {
    const shape = { batch: 2, height: 3, width: 4, inChannels: 3, outChannels: 3, ...window, stride: 1, padding: 1 };
    const state = {
      ...{ runningMean: Float64Array.of(0.5, 0, -0.25), runningVariance: Float64Array.of(2, 1, 0.5) },
      epsilon: 0.5,
    };
    return checkGradients({
      inputs: { x: [2, 3, 4, 3], weight: [3, 3, 3, 3], head: [3, 2] },
      record: (tape, { x, weight, head }, input) => {
        const running = { runningMean: input(state.runningMean, [3]), runningVar: input(state.runningVariance, [3]) };
        // The input of the norm comes back as the residual: it is used twice.
        const z = conv2d(tape, x, weight, { padding: 1 });
        const y = batchNorm(tape, z, running, { training, residual: z, relu: true, epsilon: state.epsilon });
        return matmul(tape, globalAveragePool(tape, y), head);
      },
      reference: ({ x, weight, head }) => {
        const z = conv2dForward(x, weight, shape);
        const epilogue = { relu: true, residual: z };
        const y = training
          ? batchNormTrainingForward(z, state, epilogue).y
          : batchNormInferenceForward(z, state, epilogue);
        const average = globalAveragePoolForward(y, { batch: 2, pixels: 12, channels: 3 });
        return matmulForward(average, head, { m: 2, n: 2, k: 3 });
      },
      // As above.
      terms: 2 * 27 + 5 * 24 + 12 + 5 + 20,
    });
  });
}

for (const { groups, residual, rectify } of [
  { groups: 2, residual: false, rectify: false },
  { groups: 4, residual: false, rectify: true },
  { groups: 1, residual: true, rectify: false },
  { groups: 2, residual: true, rectify: true },
]) {
  gradients(`group norm, ${groups} groups${residual ? ", residual" : ""}${rectify ? ", relu" : ""}`, () => {
    const shape = { batch: 2, height: 3, width: 4, inChannels: 4, outChannels: 4, ...window, stride: 1, padding: 1 };
    return checkGradients({
      inputs: { x: [2, 3, 4, 4], weight: [3, 3, 4, 4], gamma: [4], beta: [4], head: [4, 2] },
      record: (tape, { x, weight, gamma, beta, head }) => {
        const z = conv2d(tape, x, weight, { padding: 1 });
        // The block's input comes back as the residual: it is used twice.
        const options = { groups, relu: rectify, residual: residual ? x : undefined };
        const y = groupNorm(tape, z, { gamma, beta }, options);
        return matmul(tape, globalAveragePool(tape, relu(tape, add(tape, y, x))), head);
      },
      reference: ({ x, weight, gamma, beta, head }) => {
        const z = conv2dForward(x, weight, shape);
        const extents = { batch: 2, pixels: 12, channels: 4, groups };
        const epilogue = { relu: rectify, residual: residual ? x : undefined };
        const { y } = groupNormForward(z, extents, { gamma, beta }, epilogue);
        const average = globalAveragePoolForward(reluForward(sum(y, x)), { batch: 2, pixels: 12, channels: 4 });
        return matmulForward(average, head, { m: 2, n: 2, k: 4 });
      },
      // Two convolutions of 36 terms, sums over up to 48 values for two statistics and two means, over 24 pixels for gamma,
      // beta and the weight, a pool.
      terms: 2 * 36 + 4 * 48 + 3 * 24 + 12 + 6 + 20,
    });
  });
}

gradients("weight standardisation, of one tensor used twice", () => {
  const shape = { batch: 2, height: 5, width: 4, inChannels: 3, outChannels: 3, ...window, stride: 1, padding: 1 };
  return checkGradients({
    inputs: { x: [2, 5, 4, 3], weight: [3, 3, 3, 3] },
    record: (tape, { x, weight }) => {
      const double = add(tape, weight, weight);
      const y = relu(tape, conv2d(tape, x, standardizeWeight(tape, double), { padding: 1 }));
      return relu(tape, conv2d(tape, y, weight, { padding: 1 }));
    },
    reference: ({ x, weight }) => {
      const standardized = weightStandardizationForward(sum(weight, weight), 3).y;
      return reluForward(conv2dForward(reluForward(conv2dForward(x, standardized, shape)), weight, shape));
    },
    // Three convolutions of 27 terms, sums over 27 weights for two statistics and two means, and 40 pixels twice.
    terms: 3 * 27 + 4 * 27 + 2 * 40 + 28,
  });
});

gradients("row normalisation", () =>
  checkGradients({
    inputs: { x: [5, 4], weight: [4, 7], head: [7, 3] },
    record: (tape, { x, weight, head }) => matmul(tape, normalizeRows(tape, matmul(tape, x, weight)), head),
    reference: ({ x, weight, head }) => {
      const y = l2NormalizeForward(matmulForward(x, weight, { m: 5, n: 7, k: 4 }), 5, 7).y;
      return matmulForward(y, head, { m: 5, n: 3, k: 7 });
    },
    // Two sums over a row of 7 and 28 roundings of roots and divisions besides the products.
    terms: 4 + 7 + 7 + 28 + 7 + 3 + 5,
  }),
);

gradients.run();

const columns = suite("input gradients through columns");

const { gpu, adapter } = await testDevice();

/** Whether the gradient of the input of a padded convolution of 4 x 4 pixels goes through columns. */
function goesThroughColumns(batch: number, inChannels: number, outChannels: number, kernel = 3): boolean {
  const tape = new Tape(new Device(gpu, adapter));
  const x = tape.tensor([batch, 4, 4, inChannels], "x");
  tape.watch(x);
  const weight = tape.tensor([kernel, kernel, inChannels, outChannels], "weight");
  const y = conv2d(tape, x, weight, { padding: Math.floor(kernel / 2) });
  tape.backward(y, tape.tensor(y.shape, "gradient"));
  return tape.launches.some((launch) => launch.kernel.name === "columnsToImage");
}

columns("are for few input channels and more than one tap", () => {
  assert.ok(goesThroughColumns(2, 3, 64));
  assert.ok(goesThroughColumns(2, 7, 64));
  assert.not(goesThroughColumns(2, 8, 64));
  assert.not(goesThroughColumns(2, 3, 64, 1));
});

columns("are not made where they take much more memory than the output, or more than a buffer holds", () => {
  assert.ok(goesThroughColumns(2, 3, 4));
  assert.not(goesThroughColumns(2, 3, 3));
  const image = 4 * 4 * 4 * 9 * 3;
  const most = Math.floor(Math.min(gpu.limits.maxBufferSize, gpu.limits.maxStorageBufferBindingSize) / image);
  assert.ok(goesThroughColumns(most, 3, 64));
  assert.not(goesThroughColumns(most + 1, 3, 64));
});

columns.run();
