import { columnStatistics } from "../ops/batch-norm.js";
import { meanStandardDeviation, squaredDistances, standardize } from "../ops/rows.js";
import {
  columnStatisticsBackward,
  columnStatisticsForward,
  meanStandardDeviationForward,
  standardizeBackward,
  standardizeForward,
} from "../reference/column-statistics.js";
import { columnSums } from "../reference/reduction.js";
import { type Check, checkOf, evaluate, gradientOf, type Outputs, type Subject } from "./check.js";
import { randomInputs } from "./random-inputs.js";
import { ROUNDINGS, relativeError, type StoredType, stored, typeText, UNIT } from "./rounding.js";

/** Statistics of the columns of x [rows, columns], and their gradient [2, columns]. */
export interface StatisticsInputs {
  /** Of x and its gradient. */
  readonly type?: StoredType;
  readonly rows: number;
  readonly columns: number;
  readonly x: Float64Array;
  readonly dStatistics: Float64Array;
}

/** Output dx. The statistics themselves are checked with batch norm. */
export const statisticsSubject: Subject<StatisticsInputs> = {
  compute: (device, { rows, columns, x: data, dStatistics, type }) =>
    evaluate(device, (tape, input) => {
      const x = input(data, [rows, columns], type);
      tape.watch(x);
      tape.backward(columnStatistics(tape, x), input(dStatistics, [2, columns]));
      return { dx: gradientOf(tape, x) };
    }),
  reference: ({ rows, columns, x, dStatistics }) => ({
    dx: columnStatisticsBackward(x, dStatistics, rows, columns),
  }),
  tolerance({ rows, columns, x, dStatistics, type }) {
    const statistics = columnStatisticsForward(x, rows, columns);
    // The mean is put together of runs of 16 rows or more, as in the checks of batch norm.
    const roundings = relativeError(rows + 5 + 2 * 8 * Math.ceil(rows / 16));
    const largest = new Float64Array(columns);
    x.forEach((value, i) => {
      largest[i % columns] = Math.max(largest[i % columns], Math.abs(value));
    });
    const error = x.map((value, i) => {
      const c = i % columns;
      const [offset, slope] = [Math.abs(dStatistics[c]), 2 * Math.abs(dStatistics[columns + c])];
      const difference = Math.abs(value - statistics[c]);
      const terms = (offset + slope * difference) * relativeError(4 + ROUNDINGS.division);
      return (terms + slope * roundings * largest[c]) / rows;
    });
    return { dx: stored(error, columnStatisticsBackward(x, dStatistics, rows, columns), type) };
  },
};

function checkStatistics(rows: number, columns: number, type?: StoredType, mean = 0): Check {
  const text = `gradient of the statistics of ${rows} rows of ${columns}${mean > 0 ? `, mean ${mean}` : ""}${typeText(type)}`;
  return checkOf(
    ["batchNormStatistics", "batchNormCombine", "columnStatisticsGradient"],
    text,
    statisticsSubject,
    () => {
      const random = randomInputs(35, type);
      const [x, dStatistics] = [random.normal(rows * columns, 1.5, mean), random.normal(2 * columns)];
      return { type, rows, columns, x, dStatistics };
    },
  );
}

/** Columns standardised by given statistics, and the gradient of the result. */
export interface StandardizeInputs {
  readonly rows: number;
  readonly x: Float64Array;
  readonly statistics: Float64Array;
  readonly dy: Float64Array;
}

/** Outputs dx and dStatistics. */
export const standardizeSubject: Subject<StandardizeInputs> = {
  compute: (device, { rows, dy, ...inputs }) =>
    evaluate(device, (tape, input) => {
      const x = input(inputs.x, [rows, inputs.x.length / rows]);
      const statistics = input(inputs.statistics, [2, inputs.x.length / rows]);
      tape.watch(x, statistics);
      tape.backward(standardize(tape, x, statistics), input(dy, x.shape));
      return { dx: gradientOf(tape, x), dStatistics: gradientOf(tape, statistics) };
    }),
  reference: ({ x, statistics, dy }): Outputs => standardizeBackward(x, statistics, dy),
  tolerance({ rows, x, statistics, dy }) {
    const columns = x.length / rows;
    const deviations = statistics.subarray(columns).map((variance) => Math.sqrt(variance + 1e-5));
    const y = standardizeForward(x, statistics);
    const dx = dy.map((g, i) => Math.abs(g) / deviations[i % columns]);
    // A sum under a root, which halves it, the root and a division; of y, the root's inverse, a difference and a product.
    const [deviation, quotient] = [0.5 + ROUNDINGS.sqrt, ROUNDINGS.division];
    const inY = 2.5 + ROUNDINGS.inverseSqrt;
    const products = dx.map((g, i) => g * Math.abs(y[i]));
    const means = columnSums(dx, rows, columns).map((total) => total * relativeError(rows + deviation + quotient));
    const variances = columnSums(products, rows, columns).map((total, c) => {
      const roundings = rows + 2 * (deviation + quotient) + inY + 2;
      return (total / (2 * deviations[c])) * relativeError(roundings);
    });
    return {
      dx: dx.map((g) => g * relativeError(deviation + quotient)),
      dStatistics: Float64Array.of(...means, ...variances),
    };
  },
};

const standardizeCheck = checkOf(
  ["standardize", "slice", "elementwise", "binary", "columnSums", "insert"],
  "gradients of 19 x 7 standardised by given means and variances",
  standardizeSubject,
  () => {
    const random = randomInputs(36);
    const statistics = Float64Array.of(...random.normal(7), ...random.uniform(7, 0.1, 4));
    return { rows: 19, x: random.normal(133, 1, 3), statistics, dy: random.normal(133) };
  },
);

const deviationCheck = checkOf(
  ["meanStandardDeviation", "slice", "elementwise", "binary", "insert"],
  "mean of 11 standard deviations, and gradient",
  {
    compute: (device, { statistics: data, dy }) =>
      evaluate(device, (tape, input) => {
        const statistics = input(data, [2, 11]);
        tape.watch(statistics);
        const y = meanStandardDeviation(tape, statistics);
        tape.backward(y, input(dy, [1]));
        return { y, dStatistics: gradientOf(tape, statistics) };
      }),
    reference: ({ statistics, dy }) => ({
      y: Float64Array.of(meanStandardDeviationForward(statistics)),
      dStatistics: statistics.map((variance, i) => (i < 11 ? 0 : dy[0] / (22 * Math.sqrt(variance)))),
    }),
    // The roots and a product, or a sum, and a division.
    tolerance: ({ statistics, dy }) => ({
      y: Float64Array.of(
        meanStandardDeviationForward(statistics) * relativeError(11 + ROUNDINGS.sqrt + ROUNDINGS.division),
      ),
      dStatistics: statistics.map((variance, i) => {
        const size = i < 11 ? 0 : Math.abs(dy[0]) / (22 * Math.sqrt(variance));
        return size * relativeError(ROUNDINGS.sqrt + 1 + ROUNDINGS.division);
      }),
    }),
  },
  () => {
    const random = randomInputs(37);
    return { statistics: random.uniform(22, 0.1, 2), dy: random.normal(1) };
  },
);

const distanceCheck = checkOf(
  ["squaredDistances", "binary", "elementwise"],
  "gradients of the squared distances of 5 pairs of rows of 13",
  {
    compute: (device, { dy, ...inputs }) =>
      evaluate(device, (tape, input) => {
        const [a, b] = [inputs.a, inputs.b].map((data) => input(data, [5, 13]));
        tape.watch(a, b);
        tape.backward(squaredDistances(tape, a, b), input(dy, [5]));
        return { da: gradientOf(tape, a), db: gradientOf(tape, b) };
      }),
    reference({ a, b, dy }) {
      const da = a.map((value, i) => 2 * dy[Math.floor(i / 13)] * (value - b[i]));
      return { da, db: da.map((value) => -value) };
    },
    // A difference and a product; doubling is exact.
    tolerance({ a, b, dy }) {
      const error = a.map((value, i) => 2 * UNIT * Math.abs(2 * dy[Math.floor(i / 13)] * (value - b[i])) * (1 + UNIT));
      return { da: error, db: error };
    },
  },
  () => {
    const random = randomInputs(38);
    return { a: random.normal(65), b: random.normal(65), dy: random.normal(5) };
  },
);

/** Checks of the gradients of statistics of columns, of what is made of them, and of distances. */
export const statisticsChecks: readonly Check[] = [
  checkStatistics(37, 5),
  checkStatistics(1, 11),
  checkStatistics(301, 8, "f32", 20),
  standardizeCheck,
  deviationCheck,
  distanceCheck,
];

/** The same with f16. */
export const halfStatisticsChecks: readonly Check[] = [checkStatistics(37, 5, "f16"), checkStatistics(67, 8, "f16")];
