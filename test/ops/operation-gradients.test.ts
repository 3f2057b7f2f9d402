import { suite } from "uvu";
import { boundedFunctions } from "../../src/doctor/function-checks.js";
import type { Tape } from "../../src/engine/tape.js";
import type { Tensor } from "../../src/engine/tensor.js";
import { attention } from "../../src/ops/attention.js";
import { columnStatistics } from "../../src/ops/batch-norm.js";
import { batchedMatmul } from "../../src/ops/batched-matmul.js";
import { broadcast, divide, multiply, subtract } from "../../src/ops/binary.js";
import { columnSums } from "../../src/ops/column-sums.js";
import { dropout } from "../../src/ops/dropout.js";
import { add, mean, transpose } from "../../src/ops/elementwise.js";
import { layerNorm } from "../../src/ops/layer-norm.js";
import { matmul } from "../../src/ops/matmul.js";
import {
  columnLogSumExp,
  columnMaxima,
  columnMeans,
  logSumExp,
  maximum,
  rowLogSumExp,
  rowMaxima,
  rowMeans,
  rowSums,
  sum,
} from "../../src/ops/reductions.js";
import { resample } from "../../src/ops/resample.js";
import {
  gatherRows,
  meanStandardDeviation,
  scatterAddRows,
  squaredDistances,
  standardize,
} from "../../src/ops/rows.js";
import { concatenate, permute, reshape, slice } from "../../src/ops/shape.js";
import { logSoftmax, softmax } from "../../src/ops/softmax.js";
import { elementwise, scale, sqrt, square, tanh } from "../../src/ops/unary.js";
import {
  concatenateForward,
  gatherRowsForward,
  permuteForward,
  scatterAddRowsForward,
  sliceForward,
} from "../../src/reference/arrangement.js";
import { attentionForward } from "../../src/reference/attention.js";
import { type BinaryOperation, binaryForward, repeatTo } from "../../src/reference/broadcast.js";
import {
  columnStatisticsForward,
  meanStandardDeviationForward,
  standardizeForward,
} from "../../src/reference/column-statistics.js";
import { dropoutFactors } from "../../src/reference/dropout.js";
import { layerNormForward } from "../../src/reference/layer-norm.js";
import { batchedMatmulForward, matmulForward } from "../../src/reference/matmul.js";
import {
  columnSums as columnSumsReference,
  rowLogSumExp as rowLogSumExpReference,
  rowMaxima as rowMaximaReference,
  rowSums as rowSumsReference,
} from "../../src/reference/reduction.js";
import { resamplingWeights } from "../../src/reference/resample.js";
import { logSoftmaxForward, softmaxForward } from "../../src/reference/softmax.js";
import { checkGradients } from "./gradient-check.js";

const gradients = suite("gradients of small operations in the middle of a graph");

/** Positive numbers that are not close to 0: x^2 / 2 + 1/2. */
const positive = (tape: Tape, x: Tensor) => elementwise(tape, x, ["square", ["scale", 0.5, 0.5]]);
const positiveReference = (x: Float64Array) => x.map((value) => value ** 2 / 2 + 0.5);

for (const { name, exact } of boundedFunctions) {
  const domain = name === "sqrt" || name === "log" ? positive : tanh;
  const domainReference = domain === tanh ? (x: Float64Array) => x.map(Math.tanh) : positiveReference;
  gradients(`${typeof name === "string" ? name : name.join(" ")}, alone and in a chain`, () =>
    checkGradients({
      inputs: { x: [5, 7], weight: [5, 7] },
      record: (tape, { x, weight }) => {
        const y = elementwise(tape, domain(tape, x), [name]);
        return multiply(tape, add(tape, y, elementwise(tape, x, ["square", ["scale", 1, 0.25], name])), weight);
      },
      reference: ({ x, weight }) =>
        domainReference(x).map((value, i) => (exact.value(value) + exact.value(x[i] ** 2 + 0.25)) * weight[i]),
      terms: 80,
    }),
  );
}

const operations = { add, subtract, multiply, divide };
const forms: Readonly<Record<string, readonly [readonly number[], readonly number[]]>> = {
  "equal shapes": [
    [3, 5],
    [3, 5],
  ],
  "a row": [[3, 5], [5]],
  "a row of a matrix": [
    [1, 5],
    [3, 5],
  ],
  "a column": [
    [3, 5],
    [3, 1],
  ],
  "a number": [[1], [3, 5]],
  "a row and a column": [
    [3, 1],
    [1, 5],
  ],
  "leading dimensions": [
    [2, 1, 1],
    [2, 3, 5],
  ],
  "trailing dimensions": [
    [2, 3, 5],
    [3, 5],
  ],
  "one element": [[1], [1]],
};

const names: readonly BinaryOperation[] = ["add", "subtract", "multiply", "divide"];
for (const operation of names) {
  for (const [form, [aShape, bShape]] of Object.entries(forms)) {
    gradients(`${operation}, ${form}`, () =>
      checkGradients({
        inputs: { a: aShape, b: bShape },
        record: (tape, { a, b }) => square(tape, operations[operation](tape, tanh(tape, a), positive(tape, b))),
        reference: ({ a, b }) => {
          const left = { shape: aShape, data: a.map(Math.tanh) };
          const right = { shape: bShape, data: positiveReference(b) };
          return binaryForward(operation, left, right).data.map((value) => value ** 2);
        },
        terms: 15 + 60,
      }),
    );
  }
}

gradients("a tensor with itself, in both places", () =>
  checkGradients({
    inputs: { x: [3, 5] },
    record: (tape, { x }) =>
      divide(
        tape,
        multiply(tape, x, x),
        add(tape, square(tape, x), broadcast(tape, sum(tape, square(tape, x)), [3, 5])),
      ),
    reference: ({ x }) => {
      const total = x.reduce((a, b) => a + b ** 2, 0);
      return x.map((value) => value ** 2 / (value ** 2 + total));
    },
    terms: 15 + 60,
  }),
);

type Reduce = (x: Float64Array, rows: number, columns: number) => Float64Array;
const means: Reduce = (x, rows, columns) => rowSumsReference(x, rows, columns).map((total) => total / columns);

const reductions: readonly [string, "rows" | "columns" | "all", (tape: Tape, x: Tensor) => Tensor, Reduce][] = [
  ["row sums", "rows", rowSums, rowSumsReference],
  ["row means", "rows", rowMeans, means],
  ["row maxima", "rows", rowMaxima, rowMaximaReference],
  ["row log-sum-exp", "rows", rowLogSumExp, rowLogSumExpReference],
  ["column sums", "columns", columnSums, rowSumsReference],
  ["column means", "columns", columnMeans, means],
  ["column maxima", "columns", columnMaxima, rowMaximaReference],
  ["column log-sum-exp", "columns", columnLogSumExp, rowLogSumExpReference],
  ["sum", "all", sum, rowSumsReference],
  ["mean", "all", (tape, x) => mean(tape, x), means],
  ["maximum", "all", maximum, rowMaximaReference],
  ["log-sum-exp", "all", logSumExp, rowLogSumExpReference],
];

for (const [name, of, reduce, reduceReference] of reductions) {
  gradients(`${name}, taken from what was reduced`, () =>
    checkGradients({
      inputs: { x: [4, 7] },
      record: (tape, { x }) => {
        const y = tanh(tape, x);
        return square(tape, subtract(tape, y, reduce(tape, y)));
      },
      reference: ({ x }) => {
        const data = x.map(Math.tanh);
        const turned = permuteForward({ shape: [4, 7], data }, [1, 0]).data;
        const results = { rows: [4, 1], columns: [7], all: [1] }[of];
        const reduced =
          of === "columns"
            ? reduceReference(turned, 7, 4)
            : of === "rows"
              ? reduceReference(data, 4, 7)
              : reduceReference(data, 1, 28);
        const spread = repeatTo({ shape: results, data: reduced }, [4, 7]);
        return data.map((value, i) => (value - spread[i]) ** 2);
      },
      terms: 28 + 60,
    }),
  );
}

for (const [name, operation, reference] of [
  ["softmax", softmax, softmaxForward],
  ["log-softmax", logSoftmax, logSoftmaxForward],
] as const) {
  gradients(name, () =>
    checkGradients({
      inputs: { x: [5, 4], weight: [4, 7], head: [7, 3] },
      record: (tape, { x, weight, head }) => matmul(tape, operation(tape, matmul(tape, x, weight)), head),
      reference: ({ x, weight, head }) => {
        const y = reference(matmulForward(x, weight, { m: 5, n: 7, k: 4 }), 5, 7);
        return matmulForward(y, head, { m: 5, n: 3, k: 7 });
      },
      terms: 4 + 7 + 7 + 5 + 40,
    }),
  );
}

gradients("layer norm whose gamma is its beta", () =>
  checkGradients({
    inputs: { x: [5, 7], both: [7], head: [7, 3] },
    record: (tape, { x, both, head }) => matmul(tape, layerNorm(tape, x, { gamma: both, beta: both }), head),
    reference: ({ x, both, head }) => {
      const { y } = layerNormForward(x, { rows: 5, columns: 7 }, { gamma: both, beta: both });
      return matmulForward(y, head, { m: 5, n: 3, k: 7 });
    },
    terms: 40,
  }),
);

gradients("layer norm, with and without gamma and beta", () =>
  checkGradients({
    inputs: { x: [5, 4], weight: [4, 7], gamma: [7], beta: [7], head: [7, 3] },
    record: (tape, { x, weight, gamma, beta, head }) => {
      const first = layerNorm(tape, matmul(tape, x, weight), { gamma, beta });
      const second = layerNorm(tape, layerNorm(tape, first, { gamma }), { beta, epsilon: 0.5 });
      return matmul(tape, add(tape, layerNorm(tape, second), first), head);
    },
    reference: ({ x, weight, gamma, beta, head }) => {
      const shape = { rows: 5, columns: 7 };
      const first = layerNormForward(matmulForward(x, weight, { m: 5, n: 7, k: 4 }), shape, { gamma, beta }).y;
      const second = layerNormForward(layerNormForward(first, shape, { gamma }).y, shape, { beta, epsilon: 0.5 }).y;
      const third = layerNormForward(second, shape).y;
      return matmulForward(
        third.map((value, i) => value + first[i]),
        head,
        { m: 5, n: 3, k: 7 },
      );
    },
    // Four norms with two sums of 7 forward and two back, and products.
    terms: 4 * 4 * (7 + 12) + 30,
  }),
);

gradients("attention of two heads", () => {
  // Two images of three tokens, two heads of five dimensions.
  const [batch, tokens, heads, depth] = [2, 3, 2, 5];
  const width = heads * depth;
  return checkGradients({
    inputs: { x: [batch, tokens, width], weight: [width, 3 * width] },
    record: (tape, { x, weight }) => {
      const all = matmul(tape, reshape(tape, x, [batch * tokens, width]), weight);
      const part = (i: number) =>
        permute(
          tape,
          reshape(tape, slice(tape, all, -1, i * width, (i + 1) * width), [batch, tokens, heads, depth]),
          [0, 2, 1, 3],
        );
      const scores = batchedMatmul(tape, part(0), part(1), { transposeB: true });
      const shares = softmax(tape, scale(tape, scores, 1 / Math.sqrt(depth)));
      const mixed = permute(tape, batchedMatmul(tape, shares, part(2)), [0, 2, 1, 3]);
      return add(tape, reshape(tape, mixed, x.shape), x);
    },
    reference: ({ x, weight }) => {
      const all = matmulForward(x, weight, { m: batch * tokens, n: 3 * width, k: width });
      const part = (i: number) => {
        const own = sliceForward({ shape: [batch * tokens, 3 * width], data: all }, 1, i * width, (i + 1) * width);
        return permuteForward({ shape: [batch, tokens, heads, depth], data: own.data }, [0, 2, 1, 3]).data;
      };
      const scores = batchedMatmulForward(part(0), part(1), batch * heads, {
        ...{ m: tokens, n: tokens, k: depth, transposeB: true },
      });
      const shares = softmaxForward(
        scores.map((value) => value / Math.sqrt(depth)),
        batch * heads * tokens,
        tokens,
      );
      const mixed = batchedMatmulForward(shares, part(2), batch * heads, { m: tokens, n: depth, k: tokens });
      const y = permuteForward({ shape: [batch, heads, tokens, depth], data: mixed }, [0, 2, 1, 3]).data;
      return y.map((value, i) => value + x[i]);
    },
    terms: 3 * width + batch * tokens + 4 * (tokens + depth) + width + 60,
  });
});

gradients("a map at other sizes, and as it is", () => {
  const [height, width, channels] = [3, 4, 2];
  const others: Readonly<Record<string, readonly [number, number]>> = { larger: [5, 7], smaller: [2, 2] };
  return checkGradients({
    inputs: { x: [height, width, channels] },
    record: (tape, { x }) => {
      const from = tanh(tape, x);
      const sums = Object.values(others).map((size) => sum(tape, square(tape, resample(tape, from, ...size))));
      return add(tape, add(tape, sums[0], sums[1]), sum(tape, square(tape, resample(tape, from, height, width))));
    },
    reference: ({ x }) => {
      const from = x.map(Math.tanh);
      const squares = Object.values(others).map(([tall, wide]) => {
        const [rows, columns] = [resamplingWeights(height, tall), resamplingWeights(width, wide)];
        let total = 0;
        for (let i = 0; i < tall; i++) {
          for (let j = 0; j < wide; j++) {
            for (let c = 0; c < channels; c++) {
              let value = 0;
              from.forEach((own, at) => {
                const [row, column] = [Math.floor(at / channels / width), Math.floor(at / channels) % width];
                if (at % channels === c) value += rows[i * height + row] * columns[j * width + column] * own;
              });
              total += value ** 2;
            }
          }
        }
        return total;
      });
      return Float64Array.of(squares[0] + squares[1] + from.reduce((total, value) => total + value ** 2, 0));
    },
    terms: 2 * (70 + 14) + 60,
  });
});

gradients("attention that stores no scores", () => {
  const shape = { batch: 2, tokens: 5, heads: 2, depth: 8 };
  const { batch, tokens, heads, depth } = shape;
  const width = heads * depth;
  return checkGradients({
    inputs: { x: [batch * tokens, width], weight: [width, 3 * width] },
    record: (tape, { x, weight }) => {
      const qkv = reshape(tape, matmul(tape, tanh(tape, x), weight), [batch, tokens, 3 * width]);
      return add(tape, reshape(tape, attention(tape, qkv, heads), x.shape), x);
    },
    reference: ({ x, weight }) => {
      const qkv = matmulForward(x.map(Math.tanh), weight, { m: batch * tokens, n: 3 * width, k: width });
      return attentionForward(qkv, shape).y.map((value, i) => value + x[i]);
    },
    terms: 3 * width + batch * tokens + 4 * (tokens + depth) + width + 60,
  });
});

for (const transposeA of [false, true]) {
  for (const transposeB of [false, true]) {
    gradients(`batched products${transposeA ? ", a transposed" : ""}${transposeB ? ", b transposed" : ""}`, () => {
      const [m, n, k] = [5, 7, 3];
      return checkGradients({
        inputs: { a: transposeA ? [2, 3, k, m] : [2, 3, m, k], b: transposeB ? [2, 3, n, k] : [2, 3, k, n] },
        record: (tape, { a, b }) =>
          tanh(tape, batchedMatmul(tape, square(tape, a), tanh(tape, b), { transposeA, transposeB })),
        reference: ({ a, b }) =>
          batchedMatmulForward(
            a.map((value) => value ** 2),
            b.map(Math.tanh),
            6,
            { m, n, k, transposeA, transposeB },
          ).map(Math.tanh),
        terms: k + m + n + 60,
      });
    });
  }
}

gradients("slices and concatenations along every axis, of one tensor used often", () =>
  checkGradients({
    inputs: { x: [3, 4, 5] },
    record: (tape, { x }) => {
      const y = tanh(tape, x);
      const parts = [0, 1, 2].map((axis) => {
        const extent = x.shape[axis];
        const turned = concatenate(tape, [slice(tape, y, axis, 1), slice(tape, y, axis, 0, 1), y], axis);
        return square(tape, slice(tape, turned, axis, 0, extent));
      });
      return add(tape, add(tape, parts[0], parts[1]), parts[2]);
    },
    reference: ({ x }) => {
      const y = { shape: [3, 4, 5], data: x.map(Math.tanh) };
      const parts = [0, 1, 2].map((axis) => {
        const extent = y.shape[axis];
        const [rest, first] = [sliceForward(y, axis, 1, extent), sliceForward(y, axis, 0, 1)];
        return concatenateForward([rest, first], axis).data.map((value) => value ** 2);
      });
      return parts[0].map((value, i) => value + parts[1][i] + parts[2][i]);
    },
    terms: 60,
  }),
);

gradients("transposes, reversed and not, and dimensions in another order", () =>
  checkGradients({
    inputs: { x: [2, 3, 5] },
    record: (tape, { x }) => {
      const y = transpose(tape, tanh(tape, x));
      const other = permute(
        tape,
        permute(tape, transpose(tape, square(tape, x), { reversed: true }), [2, 0, 1]),
        [1, 2, 0],
      );
      return multiply(tape, y, other);
    },
    reference: ({ x }) => {
      const turn = (data: Float64Array) => permuteForward({ shape: [2, 3, 5], data }, [0, 2, 1]).data;
      const [y, squares] = [turn(x.map(Math.tanh)), turn(x.map((value) => value ** 2))];
      return y.map((value, i) => value * squares[(i + 15) % 30]);
    },
    terms: 40,
  }),
);

gradients("rows picked more than once, and added up", () => {
  const indices = Uint32Array.of(3, 0, 3, 5, 1, 3);
  const places = Uint32Array.of(2, 2, 0, 1, 2, 0);
  return checkGradients({
    inputs: { x: [6, 4] },
    record: (tape, { x }, input) => {
      const picked = gatherRows(tape, tanh(tape, x), input(indices, [6]));
      return square(tape, scatterAddRows(tape, square(tape, picked), input(places, [6]), 4));
    },
    reference: ({ x }) => {
      const picked = gatherRowsForward(x.map(Math.tanh), indices, 4);
      const sums = scatterAddRowsForward(
        picked.map((value) => value ** 2),
        places,
        4,
        4,
      );
      return sums.map((value) => value ** 2);
    },
    terms: 50,
  });
});

gradients("columns standardised by their own statistics, and the mean of their deviations", () =>
  checkGradients({
    inputs: { x: [7, 5], weight: [5, 4] },
    record: (tape, { x, weight }) => {
      const z = matmul(tape, x, weight);
      const statistics = columnStatistics(tape, z);
      return add(tape, square(tape, standardize(tape, z, statistics)), meanStandardDeviation(tape, statistics));
    },
    reference: ({ x, weight }) => {
      const z = matmulForward(x, weight, { m: 7, n: 4, k: 5 });
      const statistics = columnStatisticsForward(z, 7, 4);
      const spread = meanStandardDeviationForward(statistics);
      return standardizeForward(z, statistics).map((value) => value ** 2 + spread);
    },
    terms: 5 + 7 + 6 * 7 + 60,
  }),
);

gradients("squared distances of rows of length 1 or not", () =>
  checkGradients({
    inputs: { a: [5, 4], b: [5, 4] },
    record: (tape, { a, b }) => sqrt(tape, squaredDistances(tape, tanh(tape, a), square(tape, b))),
    reference: ({ a, b }) => {
      const squares = a.map((value, i) => (Math.tanh(value) - b[i] ** 2) ** 2);
      return rowSumsReference(squares, 5, 4).map(Math.sqrt);
    },
    terms: 4 + 60,
  }),
);

gradients("a row repeated to a batch of its own, as a class token is", () =>
  checkGradients({
    inputs: { x: [3, 2, 5], token: [5] },
    record: (tape, { x, token }) => {
      const first = broadcast(tape, tanh(tape, reshape(tape, token, [1, 1, 5])), [3, 1, 5]);
      return square(tape, concatenate(tape, [first, x], 1));
    },
    reference: ({ x, token }) => {
      const first = { shape: [3, 1, 5], data: repeatTo({ shape: [5], data: token.map(Math.tanh) }, [3, 1, 5]) };
      return concatenateForward([first, { shape: [3, 2, 5], data: x }], 1).data.map((value) => value ** 2);
    },
    terms: 30,
  }),
);

for (const [name, segment] of [
  ["dropout", (_: Tape, make: () => Tensor) => make()],
  ["dropout in a segment that is computed again", (tape: Tape, make: () => Tensor) => tape.checkpoint(make)],
] as const) {
  gradients(name, () => {
    const counter = [3, 11] as const;
    return checkGradients({
      inputs: { x: [9, 7] },
      record: (tape, { x }, input) => {
        const options = { probability: 0.375, counter: input(Uint32Array.from(counter), [2]) };
        const y = segment(tape, () => square(tape, dropout(tape, tanh(tape, x), { ...options, site: 4 })));
        return dropout(tape, square(tape, y), { ...options, site: 5 });
      },
      reference: ({ x }) => {
        const [first, second] = [4, 5].map((site) => dropoutFactors(63, 0.375, counter, site));
        return x.map((value, i) => second[i] * (Math.tanh(value) * first[i]) ** 4);
      },
      terms: 40,
    });
  });
}

gradients("column sums of a map", () =>
  checkGradients({
    inputs: { x: [2, 3, 5, 4] },
    record: (tape, { x }) => square(tape, columnSums(tape, tanh(tape, x))),
    reference: ({ x }) => columnSumsReference(x.map(Math.tanh), 30, 4).map((value) => value ** 2),
    terms: 30 + 20,
  }),
);

gradients.run();
