import type { Tape } from "../engine/tape.js";
import { matrixShape, type Tensor } from "../engine/tensor.js";
import { ShapeError } from "../errors.js";
import { columnStatistics } from "../ops/batch-norm.js";
import { multiply, subtract } from "../ops/binary.js";
import { add } from "../ops/elementwise.js";
import { columnMeans, sum } from "../ops/reductions.js";
import { standardize } from "../ops/rows.js";
import { slice } from "../ops/shape.js";
import { elementwise, scale, square } from "../ops/unary.js";
import { momentSquares } from "./moments.js";

/** Settings of Barlow Twins' loss. */
export interface BarlowTwinsOptions {
  /** What correlations of different dimensions count; 0.0051 by default. */
  readonly lambda?: number;
  /** What the whole counts: 1 by default, as in the article and today's code of its authors (before, 0.024; 0.1 in solo-learn). */
  readonly scale?: number;
}

/** The two views of each image, rows i and i + N of z [2N, dim]. @throws ShapeError for an odd number of rows, and fewer than 4. */
export function twoViews(tape: Tape, z: Tensor): readonly [first: Tensor, second: Tensor] {
  const [rows] = matrixShape(z);
  if (rows % 2 !== 0 || rows < 4)
    throw new ShapeError(`${z} must hold two views of at least two images: an even number of rows from 4 up`);
  return [slice(tape, z, 0, 0, rows / 2), slice(tape, z, 0, rows / 2)];
}

/**
 * Barlow Twins (Zbontar et al. 2021, arXiv 2103.03230, equation 1): with C the correlations [dim, dim] between the dimensions of the
 * two views over the batch, scale (sum_i (C_ii - 1)^2 + lambda sum_{i != j} C_ij^2). Rows i and i + N of z [2N, dim] are the views of
 * image i; columns are standardised view by view, with 1e-5 added to the biased variances, as in the authors' code. No matrix
 * [dim, dim] is made where N is below dim: see `momentSquares`.
 * @throws ShapeError for an odd number of rows, and fewer than 4.
 */
export function barlowTwins(
  tape: Tape,
  z: Tensor,
  { lambda = 0.0051, scale: factor = 1 }: BarlowTwinsOptions = {},
): Tensor {
  const [a, b] = twoViews(tape, z).map((view) => standardize(tape, view, columnStatistics(tape, view)));
  const [rows] = matrixShape(a);
  const diagonal = columnMeans(tape, multiply(tape, a, b));
  const on = sum(tape, elementwise(tape, diagonal, [["scale", 1, -1], "square", ["scale", factor]]));
  const all = scale(tape, momentSquares(tape, a, b), (factor * lambda) / rows ** 2);
  const itself = scale(tape, sum(tape, square(tape, diagonal)), factor * lambda);
  return add(tape, on, subtract(tape, all, itself));
}
