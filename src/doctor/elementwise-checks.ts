import type { Tape } from "../engine/tape.js";
import type { Tensor } from "../engine/tensor.js";
import { scaleChannels } from "../ops/channel-scale.js";
import { columnSums } from "../ops/column-sums.js";
import { accumulate, add, mean, relu, reluGradient } from "../ops/elementwise.js";
import { addBias } from "../ops/matmul.js";
import { toFloat, toHalf } from "../ops/precision.js";
import { gatherIndices, scatterIndices, scatterRows, standardize } from "../ops/rows.js";
import { biasForward, reluBackward, reluForward } from "../reference/elementwise.js";
import { columnSums as columnSumsReference } from "../reference/reduction.js";
import { type Check, checkOf, evaluate, exactly, type Input, type KernelName } from "./check.js";
import { type RandomInputs, randomInputs } from "./random-inputs.js";
import { ROUNDINGS, relativeError, type StoredType, stored, typeText, UNIT } from "./rounding.js";

/** A kernel with one output `y`. */
interface Elementwise {
  readonly record: (tape: Tape, input: Input) => Tensor;
  readonly y: Float64Array;
  readonly tolerance: Float64Array;
}

const epsilon = 1e-5;
const absolute = (x: Float64Array) => x.map(Math.abs);

function check(
  used: readonly KernelName[],
  shape: string,
  make: (random: RandomInputs) => Elementwise,
  type?: StoredType,
): Check {
  return checkOf(
    used,
    shape,
    {
      compute: (device, { record }) => evaluate(device, (tape, input) => ({ y: record(tape, input) })),
      reference: ({ y }) => ({ y }),
      tolerance: ({ tolerance }) => ({ y: tolerance }),
    },
    () => make(randomInputs(1, type)),
  );
}

const sumChecks = (
  [
    [67, 37],
    [131, 1],
    [1, 11],
    // So many runs that the second pass has strands on a GPU.
    [16901, 3],
  ] as const
).map(([rows, channels]) =>
  check(["columnSums", "sumSplits"], `sum over ${rows} rows of ${channels}`, (random) => {
    const x = random.normal(rows * channels);
    return {
      record: (tape, input) => columnSums(tape, input(x, [rows, channels])),
      y: columnSumsReference(x, rows, channels),
      // A sum of `rows` terms.
      tolerance: columnSumsReference(absolute(x), rows, channels).map((sum) => sum * relativeError(rows)),
    };
  }),
);

/** Checks of the kernels that take f16 as well. */
function storedChecks(type?: StoredType): Check[] {
  return [
    check(
      ["channelScale"],
      `37 pixels of 3 channels, scaled and shifted${typeText(type)}`,
      (random) => {
        const x = random.normal(111);
        const [scale, offset] = [
          [4.25, -0.5, 2],
          [0.125, 3, -1],
        ] as const;
        const y = x.map((value, i) => scale[i % 3] * value + offset[i % 3]);
        const magnitudes = x.map((value, i) => Math.abs(scale[i % 3] * value) + Math.abs(offset[i % 3]));
        return {
          record: (tape, input) => scaleChannels(tape, input(x, [37, 3], type), scale, offset),
          y,
          tolerance: stored(
            magnitudes.map((magnitude) => relativeError(2) * magnitude),
            y,
            type,
          ),
        };
      },
      type,
    ),
    check(
      ["add"],
      `sum of two vectors of 131${typeText(type)}`,
      (random) => {
        const [a, b] = [random.normal(131), random.normal(131)];
        const y = a.map((value, i) => value + b[i]);
        return {
          record: (tape, input) => add(tape, input(a, [131], type), input(b, [131], type)),
          y,
          tolerance: stored(
            y.map((value) => UNIT * Math.abs(value)),
            y,
            type,
          ),
        };
      },
      type,
    ),
    check(
      ["relu"],
      `rectifier of 131${typeText(type)}`,
      (random) => {
        const x = random.normal(131);
        return {
          record: (tape, input) => relu(tape, input(x, [131], type)),
          y: reluForward(x),
          tolerance: exactly(x),
        };
      },
      type,
    ),
    check(
      ["reluGradient"],
      `gradient of a rectifier of 131${typeText(type)}`,
      (random) => {
        const [y, dy] = [reluForward(random.normal(131)), random.normal(131)];
        return {
          record: (tape, input) => reluGradient(tape, input(y, [131], type), input(dy, [131], type)),
          y: reluBackward(y, dy),
          tolerance: exactly(y),
        };
      },
      type,
    ),
  ];
}

/** Checks of the kernels that take every element by itself, of copies, and of sums. */
export const elementwiseChecks: readonly Check[] = [
  ...storedChecks(),
  check(["bias"], "bias of 13 x 11", (random) => {
    const [x, bias] = [random.normal(143), random.normal(11)];
    const y = biasForward(x, bias);
    return {
      record: (tape, input) => addBias(tape, input(x, [13, 11]), input(bias, [11])),
      y,
      tolerance: y.map((value) => UNIT * Math.abs(value)),
    };
  }),
  ...sumChecks,
  check(["mean"], "mean of 331", (random) => {
    const x = random.normal(331);
    const average = (values: Float64Array) => Float64Array.of(values.reduce((a, b) => a + b) / values.length);
    return {
      record: (tape, input) => mean(tape, input(x, [331]), "mean"),
      y: average(x),
      // A sum of 331 terms and a division.
      tolerance: average(absolute(x)).map((value) => value * relativeError(331 + ROUNDINGS.division)),
    };
  }),
  check(["copy"], "131 numbers copied", (random) => {
    const x = random.normal(131);
    return {
      record: (tape, input) => {
        const y = input(new Float64Array(131), [131]);
        tape.place(input(x, [131]), y);
        return y;
      },
      y: x,
      tolerance: exactly(x),
    };
  }),
  check(["scatterRows"], "5 rows, one of them out of range, into 9 x 13", (random) => {
    const [x, before] = [random.normal(65), random.normal(117)];
    const places = Uint32Array.of(7, 0, 9, 3, 8);
    const y = before.map((value, i) => {
      const row = places.indexOf(Math.floor(i / 13));
      return row < 0 ? value : x[row * 13 + (i % 13)];
    });
    return {
      record: (tape, input) => {
        const target = input(before, [9, 13]);
        scatterRows(tape, input(x, [5, 13]), input(places, [5]), target);
        return target;
      },
      y,
      tolerance: exactly(y),
    };
  }),
  ...[0, 1].map((continues) =>
    check(["accumulate"], `131 terms by their weight ${continues === 0 ? "to begin with" : "added"}`, (random) => {
      const [x, before] = [random.normal(131), random.normal(131)];
      const weight = 0.375;
      const y = x.map((value, i) => weight * value + continues * before[i]);
      return {
        record: (tape, input) => {
          const sum = input(before, [131]);
          accumulate(tape, input(x, [131]), input(Uint32Array.of(continues), [1]), sum, weight);
          return sum;
        },
        y,
        tolerance: x.map((value, i) => relativeError(2) * (Math.abs(weight * value) + continues * Math.abs(before[i]))),
      };
    }),
  ),
  check(["gatherIndices"], "131 entries out of 37, some out of range", (random) => {
    const [x, indices] = [random.below(37, 1000), random.below(131, 40)];
    const y = Float64Array.from(indices, (index) => x[index] ?? 2 ** 32 - 1);
    return {
      record: (tape, input) => gatherIndices(tape, input(x, [37]), input(indices, [131])),
      y,
      tolerance: exactly(y),
    };
  }),
  check(["scatterIndices"], "11 entries into 37", (random) => {
    const [x, before] = [random.below(11, 1000), random.below(37, 1000)];
    const places = Uint32Array.from({ length: 11 }, (_, i) => (7 * i + 3) % 37);
    const y = Float64Array.from(before, (value, i) => (places.includes(i) ? x[places.indexOf(i)] : value));
    return {
      record: (tape, input) => {
        const target = input(before, [37]);
        scatterIndices(tape, input(x, [11]), input(places, [11]), target);
        return target;
      },
      y,
      tolerance: exactly(y),
    };
  }),
  check(["standardize"], "19 x 7 by given means and variances", (random) => {
    const x = random.normal(133, 1, 3);
    const statistics = Float64Array.of(...random.normal(7), ...random.uniform(7, 0.1, 4));
    const y = x.map((value, i) => (value - statistics[i % 7]) / Math.sqrt(statistics[7 + (i % 7)] + epsilon));
    return {
      record: (tape, input) => standardize(tape, input(x, [19, 7]), input(statistics, [2, 7])),
      y,
      // A difference, a sum under the root (which halves it), the root and a product.
      tolerance: y.map((value) => Math.abs(value) * relativeError(2.5 + ROUNDINGS.inverseSqrt)),
    };
  }),
];

/** The same with f16, and the ways into and out of it. */
export const halfElementwiseChecks: readonly Check[] = [
  ...storedChecks("f16"),
  check(["toHalf", "toFloat"], "131 numbers in f16", (random) => {
    const x = random.normal(131);
    return {
      record: (tape, input) => toFloat(tape, toHalf(tape, input(x, [131]))),
      y: x,
      tolerance: stored(exactly(x), x, "f16"),
    };
  }),
];
