import * as kernels from "../../kernels/generated.js";
import type { Tape } from "../engine/tape.js";
import { expectShape, matrixShape, type Tensor } from "../engine/tensor.js";
import { ShapeError } from "../errors.js";
import { sumSplits } from "../ops/column-sums.js";
import { lanesPerRow, rowsPerThread } from "../ops/tiles.js";

/** Sums that the kernels keep of a column: of cosines and of sines, at 16 knots. */
const SUMS = 32;
/** Parts of a column that are summed side by side, at most. */
const MOST_PARTS = 32;

/**
 * Random directions: [rows, dim], each row of length 1 and uniform on the sphere. They follow from `counter` u32 [2] alone, such as
 * a seed and the number of a step: no gradient, and no state.
 */
export function randomDirections(tape: Tape, counter: Tensor, rows: number, dim: number): Tensor {
  expectShape(counter, [2], "to draw random directions from");
  const y = tape.tensor([rows, dim], "random directions");
  tape.launch(kernels.randomDirections, { counter, y }, { rows, cols: dim }, { LANES: lanesPerRow(tape.device) });
  return y;
}

/**
 * How far each column of y is from a sample of the standard normal distribution, view by view (Epps and Pulley 1983): y [views *
 * rows, cols] -> [views, cols]. With phi the mean over the rows n of exp(i t y_n), it is
 * rows * integral over t in [-3, 3] of exp(-t^2 / 2) |phi(t) - exp(-t^2 / 2)|^2, by the trapezoidal rule with 17 knots in [0, 3].
 * Of a normal sample it is about 1.05, whatever the number of rows; of one point at 0, 0.402 rows.
 * @throws ShapeError for rows that are not as many for each view.
 */
export function eppsPulley(tape: Tape, y: Tensor, views: number): Tensor {
  const [all, cols] = matrixShape(y);
  const rows = all / views;
  if (!Number.isInteger(rows) || rows < 1)
    throw new ShapeError(`${y} does not have as many rows for each of ${views} views`);
  const params = { views, rows, cols };
  const LANES = tape.device.adapter.software ? 8 : 64;
  const ROWS = Math.max(rowsPerThread(tape.device), Math.ceil(rows / MOST_PARTS));
  const parts = tape.tensor(
    [Math.ceil(rows / ROWS), views, SUMS, cols],
    `parts of the cosines and sines of ${y.label}`,
  );
  tape.launch(kernels.eppsPulleySums, { y, parts }, params, { LANES, ROWS });
  const sums = sumSplits(tape, tape.device, parts, [views, SUMS, cols], `cosines and sines of ${y.label}`);
  const statistics = tape.tensor([views, cols], `Epps-Pulley statistics of ${y.label}`);
  tape.launch(kernels.eppsPulley, { sums, statistics }, params, { LANES });
  tape.differentiate([y], statistics, (dstatistics) => {
    const dy = tape.tensor(y.shape, `gradient of ${y.label}`);
    tape.launch(kernels.eppsPulleyGradient, { y, sums, dstatistics, dy }, params, { LANES, ROWS });
    return [dy];
  });
  return statistics;
}
