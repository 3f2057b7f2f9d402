import * as kernels from "../../kernels/generated.js";
import type { Tape } from "../engine/tape.js";
import { channelShape, type Tensor } from "../engine/tensor.js";
import { repeat } from "./broadcast.js";
import { columnSums } from "./column-sums.js";
import { permute, reshape } from "./shape.js";
import { lanesPerRow } from "./tiles.js";
import { scale } from "./unary.js";

// A row is what the last dimension holds; a column, what one place of it holds in all rows. All results are f32, also of f16.

/** Codes of kernels/row-reduction.wgsl. */
const SUM = 0;
const MAXIMUM = 1;
const LOG_SUM_EXP = 2;

/** Columns that a workgroup goes through; of longer rows, the results of runs are reduced again. */
export const LONGEST_RUN = 4096;

function reduce(tape: Tape, x: Tensor, reduction: number, name: string, divisor = 1): Tensor {
  const [rows, cols] = channelShape(x);
  let result = x;
  for (let width = cols; result === x || width > 1; width = Math.ceil(width / LONGEST_RUN)) {
    const last = width <= LONGEST_RUN;
    const shape = last ? [...x.shape.slice(0, -1), 1] : [rows, Math.ceil(width / LONGEST_RUN)];
    const label = `${name} of ${x.label}`;
    result = reduceRuns(tape, result, { rows, cols: width, shape, reduction, label, divisor: last ? divisor : 1 });
  }
  if (reduction === SUM) {
    tape.differentiate([x], result, (dy) => {
      const [from, to] = [
        { rows, cols: 1 },
        { rows, cols },
      ];
      const label = `gradient of ${x.label}`;
      return [repeat(tape, dy, { from, to, shape: x.shape, label, type: x.type, divisor })];
    });
  }
  return result;
}

interface Pass {
  readonly rows: number;
  readonly cols: number;
  readonly shape: readonly number[];
  readonly reduction: number;
  readonly label: string;
  readonly divisor: number;
}

/** One pass, with its gradient unless it is that of a sum, which needs no x: its passes have one together. */
function reduceRuns(tape: Tape, x: Tensor, { rows, cols, shape, reduction, label, divisor }: Pass): Tensor {
  const y = tape.tensor(shape, label);
  const params = { rows, cols, run: Math.min(cols, LONGEST_RUN) };
  const constants = { LANES: lanesPerRow(tape.device), REDUCTION: reduction };
  tape.launch(kernels.rowReduction, { x, y }, { ...params, divisor }, constants);
  if (reduction !== SUM) {
    tape.differentiate([x], y, (dy) => {
      const dx = tape.tensor(x.shape, `gradient of ${x.label}`, x.type);
      tape.launch(kernels.rowReductionGradient, { x, y, dy, dx }, params, constants);
      return [dx];
    });
  }
  return y;
}

/** Sum of each row: [..., cols] -> [..., 1], which goes with x as a column. */
export function rowSums(tape: Tape, x: Tensor): Tensor {
  return reduce(tape, x, SUM, "sums");
}

/** Mean of each row: [..., cols] -> [..., 1]. */
export function rowMeans(tape: Tape, x: Tensor): Tensor {
  return reduce(tape, x, SUM, "means", x.shape.at(-1));
}

/** Largest element of each row: [..., cols] -> [..., 1]. The gradient goes to the first of equal ones. */
export function rowMaxima(tape: Tape, x: Tensor): Tensor {
  return reduce(tape, x, MAXIMUM, "maxima");
}

/** log sum_c exp(x[c]) of each row, without overflow: [..., cols] -> [..., 1]. */
export function rowLogSumExp(tape: Tape, x: Tensor): Tensor {
  return reduce(tape, x, LOG_SUM_EXP, "log-sum-exp");
}

/** Mean of each column: [..., cols] -> [cols]. */
export function columnMeans(tape: Tape, x: Tensor): Tensor {
  const [rows] = channelShape(x);
  return scale(tape, columnSums(tape, x), 1 / rows);
}

/** Largest element of each column: [..., cols] -> [cols]. The gradient goes to the first of equal ones. */
export function columnMaxima(tape: Tape, x: Tensor): Tensor {
  return ofColumns(tape, x, rowMaxima);
}

/** log sum_r exp(x[r]) of each column, without overflow: [..., cols] -> [cols]. */
export function columnLogSumExp(tape: Tape, x: Tensor): Tensor {
  return ofColumns(tape, x, rowLogSumExp);
}

function ofColumns(tape: Tape, x: Tensor, ofRows: (tape: Tape, x: Tensor) => Tensor): Tensor {
  const [rows, cols] = channelShape(x);
  return reshape(tape, ofRows(tape, permute(tape, reshape(tape, x, [rows, cols]), [1, 0])), [cols]);
}

/** Sum of all elements, as a tensor of one. The mean of all is `mean`. */
export function sum(tape: Tape, x: Tensor): Tensor {
  return ofAll(tape, x, rowSums);
}

/** The largest of all elements, as a tensor of one. The gradient goes to the first of equal ones. */
export function maximum(tape: Tape, x: Tensor): Tensor {
  return ofAll(tape, x, rowMaxima);
}

/** log sum_i exp(x[i]) over all elements, without overflow, as a tensor of one. */
export function logSumExp(tape: Tape, x: Tensor): Tensor {
  return ofAll(tape, x, rowLogSumExp);
}

function ofAll(tape: Tape, x: Tensor, ofRows: (tape: Tape, x: Tensor) => Tensor): Tensor {
  return reshape(tape, ofRows(tape, reshape(tape, x, [1, x.size])), [1]);
}
