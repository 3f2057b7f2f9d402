import type { Tape } from "../engine/tape.js";
import { expectShape, matrixShape, type Tensor } from "../engine/tensor.js";
import { ConfigError } from "../errors.js";
import { subtract } from "../ops/binary.js";
import { add, transpose } from "../ops/elementwise.js";
import { rowLogSumExp } from "../ops/reductions.js";
import { reshape, slice } from "../ops/shape.js";
import { softmax } from "../ops/softmax.js";
import { stopGradient } from "../ops/stop-gradient.js";
import { negate, scale } from "../ops/unary.js";

/** How scores become assignments. */
export interface SinkhornOptions {
  /** The less, the sharper; above 0. */
  readonly epsilon: number;
  /** Of the alternation; a whole number from 1 up. */
  readonly iterations: number;
  /** So many rows are assigned, the first ones; all by default. The others only take part in the balance. */
  readonly assigned?: number;
  /** [1, rows], the logarithm of what each row counts for: 0 for one that does, -1e9 for one that does not; 0 by default. */
  readonly weights?: Tensor;
}

/**
 * Assigns rows to columns so that all columns get about as much, from scores [rows, cols] -> [assigned, cols], of which each row sums
 * to 1: the alternation of Sinkhorn and Knopp that SwAV takes for optimal transport with an entropy (Caron et al. 2020, section 3.1;
 * Cuturi 2013), in the logarithm, so that no exponential overflows. Of exp(scores / epsilon), the columns are scaled to sum to one
 * number, and then the rows to another, `iterations` times; the rows last. Without gradient.
 * @throws ConfigError for options that cannot be; ShapeError for weights that are not those of the rows.
 */
export function sinkhorn(tape: Tape, scores: Tensor, options: SinkhornOptions): Tensor {
  const [rows, cols] = matrixShape(scores);
  const { epsilon, iterations, assigned = rows, weights } = options;
  if (!(epsilon > 0) || !Number.isFinite(epsilon)) throw new ConfigError(`epsilon ${epsilon} must be a number above 0`);
  if (!Number.isInteger(iterations) || iterations < 1)
    throw new ConfigError(`${iterations} iterations: it must be a whole number from 1 up`);
  if (weights) expectShape(weights, [1, rows], `to be the weights of the rows of ${scores}`);
  const logits = scale(tape, stopGradient(tape, scores), 1 / epsilon);
  const columns = transpose(tape, logits);
  let rowShifts = weights;
  for (let i = 0; ; i++) {
    const sums = rowLogSumExp(tape, rowShifts ? add(tape, columns, rowShifts) : columns);
    const columnSums = reshape(tape, sums, [1, cols]);
    // What is left of the last iteration makes the sum of each row 1.
    if (i === iterations - 1) {
      const first = assigned === rows ? logits : slice(tape, logits, 0, 0, assigned);
      return softmax(tape, subtract(tape, first, columnSums));
    }
    const rowSums = reshape(tape, rowLogSumExp(tape, subtract(tape, logits, columnSums)), [1, rows]);
    rowShifts = weights ? subtract(tape, weights, rowSums) : negate(tape, rowSums);
  }
}
