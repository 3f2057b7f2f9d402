import type { Tape } from "../engine/tape.js";
import { matrixShape, type Tensor } from "../engine/tensor.js";
import { columnStatistics } from "../ops/batch-norm.js";
import { subtract } from "../ops/binary.js";
import { add, mean } from "../ops/elementwise.js";
import { sum } from "../ops/reductions.js";
import { slice } from "../ops/shape.js";
import { stopGradient } from "../ops/stop-gradient.js";
import { elementwise, scale, square } from "../ops/unary.js";
import { twoViews } from "./barlow-twins.js";
import { momentSquares } from "./moments.js";

/** What the terms of VICReg count. */
export interface VicregOptions {
  /** Of the distance of an image's views; 25 by default. */
  readonly invariance?: number;
  /** Of the dimensions whose standard deviation is below 1; 25 by default. */
  readonly variance?: number;
  /** Of the covariances of different dimensions; 1 by default. */
  readonly covariance?: number;
}

/** VICReg's loss, and its terms as they are before they are weighted, each [1]. */
export interface Vicreg {
  /** What is trained. */
  readonly loss: Tensor;
  /** How far apart the views of an image are. */
  readonly invariance: Tensor;
  /** What the standard deviations of the dimensions lack of 1. */
  readonly variance: Tensor;
  /** What the dimensions have in common. */
  readonly covariance: Tensor;
}

/** Added to variances before their root, whose gradient at 0 would be infinite. */
const EPSILON = 1e-4;

/** The two terms of one view [rows, dim] that keep its dimensions apart from 0 and from each other. */
function ofView(tape: Tape, z: Tensor) {
  const [rows, dim] = matrixShape(z);
  const statistics = columnStatistics(tape, z);
  const unbiased = rows / (rows - 1);
  const variances = slice(tape, statistics, 0, 1);
  const short = elementwise(tape, variances, [["scale", unbiased, EPSILON], "sqrt", ["scale", -1, 1], "relu"]);
  // The columns of the gradient of the squares add up to 0, so that none comes to the means.
  const centred = subtract(tape, z, stopGradient(tape, slice(tape, statistics, 0, 0, 1)));
  const squares = momentSquares(tape, centred);
  const own = sum(tape, elementwise(tape, variances, [["scale", unbiased], "square"]));
  const all = scale(tape, squares, 1 / (rows - 1) ** 2);
  const covariance = scale(tape, subtract(tape, all, own), 1 / dim);
  return { variance: mean(tape, short), covariance };
}

/**
 * Variance-invariance-covariance regularisation (Bardes et al. 2022, arXiv 2105.04906, equation 6) as its authors' code has it. Rows i and
 * i + N of z [2N, dim] are the views of image i, and with Cov the unbiased covariances of the dimensions of a view:
 * invariance: the mean over images and dimensions of (z1 - z2)^2, which equation 5 does not divide by the dimensions;
 * variance: the mean of max(0, 1 - sqrt(Cov_ii + 1e-4)) over the dimensions, and over the views (solo-learn: their sum);
 * covariance: sum_{i != j} Cov_ij^2 / dim, the sum over the views. No matrix [dim, dim] is made where N is below dim.
 * @throws ShapeError for an odd number of rows, and fewer than 4.
 */
export function vicregLoss(
  tape: Tape,
  z: Tensor,
  { invariance = 25, variance = 25, covariance = 1 }: VicregOptions = {},
): Vicreg {
  const [a, b] = twoViews(tape, z);
  const [first, second] = [ofView(tape, a), ofView(tape, b)];
  const terms = {
    invariance: mean(tape, square(tape, subtract(tape, a, b)), "invariance"),
    variance: scale(tape, add(tape, first.variance, second.variance), 0.5),
    covariance: add(tape, first.covariance, second.covariance),
  };
  const weights = { invariance, variance, covariance };
  const loss = (["invariance", "variance", "covariance"] as const)
    .map((name) => scale(tape, terms[name], weights[name]))
    .reduce((sum, term) => add(tape, sum, term));
  return { loss, ...terms };
}
