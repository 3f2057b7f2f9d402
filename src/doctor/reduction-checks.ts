import type { Tape } from "../engine/tape.js";
import type { Tensor } from "../engine/tensor.js";
import { columnSums } from "../ops/column-sums.js";
import { mean } from "../ops/elementwise.js";
import {
  columnLogSumExp,
  columnMaxima,
  columnMeans,
  LONGEST_RUN,
  logSumExp,
  maximum,
  rowLogSumExp,
  rowMaxima,
  rowMeans,
  rowSums,
  sum,
} from "../ops/reductions.js";
import { logSoftmax, softmax } from "../ops/softmax.js";
import { permuteForward } from "../reference/arrangement.js";
import {
  rowLogSumExpBackward,
  rowLogSumExp as rowLogSumExpReference,
  rowMaximaBackward,
  rowMaxima as rowMaximaReference,
  rowSums as rowSumsReference,
} from "../reference/reduction.js";
import { logSoftmaxBackward, logSoftmaxForward, softmaxBackward, softmaxForward } from "../reference/softmax.js";
import { type Check, checkOf, evaluate, exactly, gradientOf, type KernelName, type Subject } from "./check.js";
import { exponentialSum, smallest } from "./loss-checks.js";
import { randomInputs } from "./random-inputs.js";
import {
  expRoundings,
  logError,
  ROUNDINGS,
  relativeError,
  type StoredType,
  stored,
  typeText,
  UNIT,
} from "./rounding.js";

const absolute = (x: Float64Array) => x.map(Math.abs);

export type Reduction = "sum" | "mean" | "maximum" | "log-sum-exp";
export type Reduced = "rows" | "columns" | "all";

/** A reduction of x [rows, columns] and the gradient of its result. */
export interface ReductionInputs {
  readonly reduction: Reduction;
  readonly of: Reduced;
  /** Of x and its gradient; the result is f32. */
  readonly type?: StoredType;
  readonly rows: number;
  readonly columns: number;
  readonly x: Float64Array;
  readonly dy: Float64Array;
}

const operations: Readonly<Record<Reduction, Readonly<Record<Reduced, (tape: Tape, x: Tensor) => Tensor>>>> = {
  sum: { rows: rowSums, columns: columnSums, all: sum },
  mean: { rows: rowMeans, columns: columnMeans, all: (tape, x) => mean(tape, x) },
  maximum: { rows: rowMaxima, columns: columnMaxima, all: maximum },
  "log-sum-exp": { rows: rowLogSumExp, columns: columnLogSumExp, all: logSumExp },
};

/** The same reduction, of rows, and the way back for the gradient. */
function asRows({ of, rows, columns, x, ...rest }: ReductionInputs) {
  if (of === "rows") return { ...rest, rows, columns, x, back: (dx: Float64Array) => dx };
  if (of === "all") return { ...rest, rows: 1, columns: rows * columns, x, back: (dx: Float64Array) => dx };
  const turn = (data: Float64Array, shape: readonly number[]) => permuteForward({ shape, data }, [1, 0]).data;
  const back = (dx: Float64Array) => turn(dx, [columns, rows]);
  return { ...rest, rows: columns, columns: rows, x: turn(x, [rows, columns]), back };
}

/** Absolute errors of the log-sum-exp of so many numbers, all in one pass or in two, and of what is taken from it. */
function logSumExpError(row: Float64Array): number {
  const { largest, sum, error } = exponentialSum(row);
  const own = error + logError(sum) + UNIT * Math.abs(largest + Math.log(sum));
  if (row.length <= LONGEST_RUN) return own;
  // The second pass moves no further than what it is given.
  const runs = Array.from({ length: Math.ceil(row.length / LONGEST_RUN) }, (_, i) =>
    row.subarray(i * LONGEST_RUN, (i + 1) * LONGEST_RUN),
  );
  const results = Float64Array.from(runs, (run) => rowLogSumExpReference(run, 1, run.length)[0]);
  return Math.max(...runs.map(logSumExpError)) + logSumExpError(results);
}

/** Outputs y and dx. */
export const reductionSubject: Subject<ReductionInputs> = {
  compute: (device, { reduction, of, rows, columns, type, ...inputs }) =>
    evaluate(device, (tape, input) => {
      const x = input(inputs.x, [rows, columns], type);
      tape.watch(x);
      const y = operations[reduction][of](tape, x);
      tape.backward(y, input(inputs.dy, y.shape));
      return { y, dx: gradientOf(tape, x) };
    }),
  reference(inputs) {
    const { reduction, rows, columns, x, dy, back } = asRows(inputs);
    const divisor = reduction === "mean" ? columns : 1;
    switch (reduction) {
      case "maximum":
        return { y: rowMaximaReference(x, rows, columns), dx: back(rowMaximaBackward(x, dy, rows, columns)) };
      case "log-sum-exp":
        return { y: rowLogSumExpReference(x, rows, columns), dx: back(rowLogSumExpBackward(x, dy, rows, columns)) };
      default:
        return {
          y: rowSumsReference(x, rows, columns).map((total) => total / divisor),
          dx: back(x.map((_, i) => dy[Math.floor(i / columns)] / divisor)),
        };
    }
  },
  tolerance(inputs) {
    const { reduction, rows, columns, x, dy, back, type } = asRows(inputs);
    const { dx } = this.reference(inputs, {});
    const allowed = (own: Float64Array) => stored(back(own), dx, type);
    switch (reduction) {
      case "maximum":
        return { y: exactly({ length: rows }), dx: allowed(exactly(x)) };
      case "log-sum-exp": {
        const results = rowLogSumExpReference(x, rows, columns);
        const errors = results.map((_, row) => logSumExpError(x.subarray(row * columns, (row + 1) * columns)));
        const passes = Math.ceil(columns / LONGEST_RUN) > 1 ? 2 : 1;
        return {
          y: errors,
          dx: allowed(
            x.map((value, i) => {
              const row = Math.floor(i / columns);
              const argument = value - results[row];
              // In two passes, the two arguments add up to one, but for what the result in between is off by.
              const roundings = relativeError(Math.abs(argument) + expRoundings(argument) + 9 * passes);
              const share = Math.exp(argument) * ((2 * passes - 1) * errors[row] + roundings);
              return Math.abs(dy[row]) * share + smallest;
            }),
          ),
        };
      }
      default: {
        const divided = reduction === "mean" ? ROUNDINGS.division : 0;
        return {
          y: rowSumsReference(absolute(x), rows, columns).map(
            (total) => (total / (reduction === "mean" ? columns : 1)) * relativeError(columns + divided),
          ),
          dx: stored(
            absolute(dx).map((value) => value * relativeError(divided)),
            dx,
            type,
          ),
        };
      }
    }
  },
};

function kernelsOf(reduction: Reduction, of: Reduced): readonly KernelName[] {
  const linear = reduction === "sum" || reduction === "mean";
  if (reduction === "mean" && of === "all") return ["mean", "broadcast"];
  if (linear && of === "columns") return ["columnSums", "sumSplits", "broadcast"];
  const used: KernelName[] = ["rowReduction", linear ? "broadcast" : "rowReductionGradient"];
  return of === "columns" ? [...used, "permute"] : used;
}

interface Form {
  readonly scale?: number;
  /** Whole numbers below this, so that there are equal ones. */
  readonly levels?: number;
  readonly type?: StoredType;
}

function checkReduction(
  reduction: Reduction,
  of: Reduced,
  [rows, columns]: readonly [number, number],
  { scale = 1, levels = 0, type }: Form = {},
): Check {
  const extras = `${levels > 0 ? `, only ${levels} values` : ""}${scale > 1 ? `, of size ${scale}` : ""}`;
  const text = `${reduction} of ${of}, ${rows} x ${columns}${extras}, and gradient${typeText(type)}`;
  return checkOf(kernelsOf(reduction, of), text, reductionSubject, () => {
    const random = randomInputs(28, type);
    const results = { rows, columns, all: 1 }[of];
    const elements = rows * columns;
    const x = levels > 0 ? Float64Array.from(random.below(elements, levels)) : random.normal(elements, scale);
    return { reduction, of, rows, columns, x, dy: random.normal(results), type };
  });
}

/** A softmax of each row of x [rows, columns], or its logarithm, and the gradient of the result. */
export interface SoftmaxInputs {
  readonly logarithm: boolean;
  /** Of x, y and their gradients. */
  readonly type?: StoredType;
  readonly rows: number;
  readonly columns: number;
  readonly x: Float64Array;
  readonly dy: Float64Array;
}

/** Outputs y and dx. */
export const softmaxSubject: Subject<SoftmaxInputs> = {
  compute: (device, { logarithm, rows, columns, type, ...inputs }) =>
    evaluate(device, (tape, input) => {
      const x = input(inputs.x, [rows, columns], type);
      tape.watch(x);
      const y = (logarithm ? logSoftmax : softmax)(tape, x);
      tape.backward(y, input(inputs.dy, y.shape, type));
      return { y, dx: gradientOf(tape, x) };
    }),
  reference({ logarithm, rows, columns, x, dy }) {
    const y = (logarithm ? logSoftmaxForward : softmaxForward)(x, rows, columns);
    return { y, dx: (logarithm ? logSoftmaxBackward : softmaxBackward)(y, dy, rows, columns) };
  },
  tolerance(inputs) {
    const { logarithm, rows, columns, x, dy, type } = inputs;
    const { y, dx } = this.reference(inputs, {});
    const yError = new Float64Array(y.length);
    const dxError = new Float64Array(y.length);
    for (let row = 0; row < rows; row++) {
      const [begin, end] = [row * columns, (row + 1) * columns];
      const { largest, sum, error } = exponentialSum(x.subarray(begin, end));
      for (let i = begin; i < end; i++) {
        const behind = x[i] - largest;
        yError[i] = logarithm
          ? UNIT * Math.abs(behind) + error + logError(sum) + UNIT * Math.abs(y[i])
          : y[i] * (error + relativeError(Math.abs(behind) + expRoundings(behind) + ROUNDINGS.division)) + smallest;
      }
      // What the gradient starts from is stored.
      const own = stored(yError.subarray(begin, end), y.subarray(begin, end), type);
      yError.set(own, begin);
      const g = dy.subarray(begin, end);
      const [along, alongError] = logarithm
        ? [g.reduce((a, b) => a + b), relativeError(columns) * absolute(g).reduce((a, b) => a + b)]
        : [
            g.reduce((total, value, c) => total + value * y[begin + c], 0),
            g.reduce((total, value, c) => {
              const term = y[begin + c] * relativeError(columns + 1) + own[c];
              return total + Math.abs(value) * term;
            }, 0),
          ];
      for (let i = begin; i < end; i++) {
        const share = logarithm ? Math.exp(y[i]) : y[i];
        // An error of a logarithm is a relative one of its exponential.
        const shareError = logarithm
          ? share * (Math.expm1(yError[i]) + relativeError(expRoundings(y[i]))) + smallest
          : yError[i];
        const difference = logarithm ? Math.abs(along) : Math.abs(dy[i]) + Math.abs(along);
        const terms = (share + shareError) * (alongError + 2 * UNIT * difference) + shareError * difference;
        dxError[i] = terms + UNIT * (Math.abs(dx[i]) + (logarithm ? Math.abs(dy[i]) : 0));
      }
    }
    return { y: yError, dx: stored(dxError, dx, type) };
  },
};

function checkSoftmax(logarithm: boolean, [rows, columns]: readonly [number, number], { scale = 1, type }: Form = {}) {
  const name = logarithm ? "log-softmax" : "softmax";
  const text = `${name} of ${rows} rows of ${columns} of size ${scale}, and gradient${typeText(type)}`;
  return checkOf(["softmax", "softmaxGradient"], text, softmaxSubject, () => {
    const random = randomInputs(29, type);
    const elements = rows * columns;
    return { logarithm, rows, columns, x: random.normal(elements, scale), dy: random.normal(elements), type };
  });
}

const reductions = ["sum", "mean", "maximum", "log-sum-exp"] as const;

/** Checks of sums, means, maxima and log-sum-exps of rows, of columns and of everything, and of softmaxes. */
export const reductionChecks: readonly Check[] = [
  ...reductions.flatMap((reduction) => [
    checkReduction(reduction, "rows", [13, 37]),
    checkReduction(reduction, "rows", [131, 1]),
    checkReduction(reduction, "columns", [37, 13]),
    checkReduction(reduction, "columns", [1, 5]),
    checkReduction(reduction, "all", [11, 7]),
    checkReduction(reduction, "all", [1, 1]),
    // Three runs, the last one shorter.
    checkReduction(reduction, "rows", [2, 2 * LONGEST_RUN + 11]),
  ]),
  checkReduction("maximum", "rows", [13, 37], { levels: 5 }),
  checkReduction("maximum", "columns", [37, 13], { levels: 5 }),
  checkReduction("maximum", "rows", [2, 2 * LONGEST_RUN + 11], { levels: 40 }),
  checkReduction("log-sum-exp", "rows", [13, 37], { scale: 300 }),
  ...[false, true].flatMap((logarithm) => [
    checkSoftmax(logarithm, [13, 37]),
    checkSoftmax(logarithm, [5, 131], { scale: 300 }),
    checkSoftmax(logarithm, [67, 1]),
  ]),
];

/** The same with f16. */
export const halfReductionChecks: readonly Check[] = [
  ...reductions.flatMap((reduction) => [
    checkReduction(reduction, "rows", [13, 37], { type: "f16" }),
    checkReduction(reduction, "columns", [37, 12], { type: "f16" }),
    checkReduction(reduction, "all", [11, 7], { type: "f16" }),
  ]),
  checkReduction("maximum", "rows", [13, 37], { levels: 5, type: "f16" }),
  ...[false, true].map((logarithm) => checkSoftmax(logarithm, [13, 37], { type: "f16" })),
];
