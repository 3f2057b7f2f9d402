import * as kernels from "../../kernels/generated.js";
import type { Tape } from "../engine/tape.js";
import { expectShape, matrixShape, type Tensor } from "../engine/tensor.js";
import { ShapeError } from "../errors.js";
import { divide, multiply, subtract } from "./binary.js";
import { columnSums } from "./column-sums.js";
import { concatenate, slice, surround } from "./shape.js";
import { lanesPerRow } from "./tiles.js";
import { elementwise, negate, scale } from "./unary.js";

/**
 * Picks rows of a matrix: x [rows, cols], indices u32 [picked] -> [picked, cols]. A row may be picked any number of times; one that
 * is not there is picked as NaN.
 */
export function gatherRows(tape: Tape, x: Tensor, indices: Tensor): Tensor {
  const y = pickRows(tape, x, indices, true);
  tape.differentiate([x], y, (dy) => [scatterAddRows(tape, dy, indices, matrixShape(x)[0])]);
  return y;
}

/** Rows of a matrix; one that is not there is NaN with POISON, and else 0. */
function pickRows(tape: Tape, x: Tensor, indices: Tensor, POISON: boolean): Tensor {
  const [rows, cols] = matrixShape(x);
  const y = tape.tensor([indices.size, cols], `rows of ${x.label}`);
  tape.launch(kernels.gatherRows, { x, indices, y }, { elements: y.size, rows, cols }, { POISON });
  return y;
}

/**
 * Adds rows up where they belong: x [picked, cols], indices u32 [picked] -> [rows, cols], row r of which is the sum of the rows i
 * of x with indices[i] = r, in ascending order of i. An index that is no row's adds to none. Takes time in proportion to
 * picked * rows.
 */
export function scatterAddRows(tape: Tape, x: Tensor, indices: Tensor, rows: number): Tensor {
  const [picked, cols] = matrixShape(x);
  expectShape(indices, [picked], `to say where the rows of ${x} belong`);
  const y = tape.tensor([rows, cols], `sums of rows of ${x.label}`);
  const LANES = lanesPerRow(tape.device);
  tape.launch(kernels.scatterAddRows, { x, indices, y }, { rows, cols, picked }, { LANES });
  tape.differentiate([x], y, (dy) => [pickRows(tape, dy, indices, false)]);
  return y;
}

/**
 * Overwrites rows of `y` [rows, cols], a persistent tensor, with those of x [picked, cols]: row i goes to row indices[i] (u32
 * [picked]), and nowhere where there is no such row. Not differentiable.
 */
export function scatterRows(tape: Tape, x: Tensor, indices: Tensor, y: Tensor): void {
  const [rows, cols] = matrixShape(y);
  expectShape(x, [indices.size, cols], `to be put into ${y}`);
  tape.launch(kernels.scatterRows, { x, indices, y }, { elements: x.size, rows, cols });
}

/**
 * Picks entries of a vector of u32: x [rows], indices u32 [picked] -> u32 [picked]. An entry that is not there is picked as
 * 2^32 - 1: as a label it is no class, as an index no row.
 */
export function gatherIndices(tape: Tape, x: Tensor, indices: Tensor): Tensor {
  const y = tape.tensor([indices.size], `entries of ${x.label}`, "u32");
  tape.launch(kernels.gatherIndices, { x, indices, y }, { elements: y.size, rows: x.size });
  return y;
}

/** Overwrites entries of `y` u32 [rows], a persistent tensor, with x u32 [picked]: entry i goes to place indices[i] (u32 [picked]). */
export function scatterIndices(tape: Tape, x: Tensor, indices: Tensor, y: Tensor): void {
  expectShape(x, indices.shape, `to be put into ${y}`);
  tape.launch(kernels.scatterIndices, { x, indices, y }, { elements: x.size, rows: y.size });
}

/** What `standardize` adds to variances. */
const EPSILON = 1e-5;

/**
 * Columns centred and scaled: (x - mean) / sqrt(variance + 1e-5), `statistics` [2, cols] as `columnStatistics` gives them. Gradients
 * reach both.
 */
export function standardize(tape: Tape, x: Tensor, statistics: Tensor): Tensor {
  const [, channels] = matrixShape(x);
  expectShape(statistics, [2, channels], `to standardise ${x}`);
  const y = tape.tensor(x.shape, `standardised ${x.label}`);
  tape.launch(kernels.standardize, { x, statistics, y }, { elements: x.size, channels }, { EPSILON });
  tape.differentiate([x, statistics], y, (dy) => {
    const variances = slice(tape, statistics, 0, 1);
    const deviations = elementwise(tape, variances, [["scale", 1, EPSILON], "sqrt"]);
    const dx = divide(tape, dy, deviations);
    if (!tape.needsGradient(statistics)) return [dx];
    const row = (sums: Tensor) => sums.view([1, channels]);
    const dmeans = negate(tape, row(columnSums(tape, dx)));
    const along = divide(tape, row(columnSums(tape, multiply(tape, dx, y))), deviations);
    return [dx, concatenate(tape, [dmeans, scale(tape, along, -0.5)], 0)];
  });
  return y;
}

/**
 * Mean over the columns of their standard deviation, from `statistics` [2, cols] as `columnStatistics` gives them; a tensor of
 * one. For rows of length 1 it is about 1 / sqrt(cols) when they spread over the sphere, and near 0 when they have collapsed to a
 * point.
 */
export function meanStandardDeviation(tape: Tape, statistics: Tensor): Tensor {
  const [, cols] = matrixShape(statistics);
  expectShape(statistics, [2, cols], "to be averaged");
  const y = tape.tensor([1], `mean standard deviation from ${statistics.label}`);
  tape.launch(kernels.meanStandardDeviation, { statistics, y }, { elements: 1, cols });
  tape.differentiate([statistics], y, (dy) => {
    const doubled = elementwise(tape, slice(tape, statistics, 0, 1), ["sqrt", ["scale", 2 * cols]]);
    return [surround(tape, divide(tape, dy, doubled), statistics, 0, 1)];
  });
  return y;
}

/** Squared Euclidean distances between the rows at the same place: a and b [rows, cols] -> [rows]. */
export function squaredDistances(tape: Tape, a: Tensor, b: Tensor): Tensor {
  const [rows, cols] = matrixShape(a);
  expectShape(b, a.shape, `to be compared with ${a}`);
  const distances = tape.tensor([rows], `distances of ${a.label}`);
  tape.launch(kernels.squaredDistances, { a, b, distances }, { rows, cols }, { LANES: lanesPerRow(tape.device) });
  tape.differentiate([a, b], distances, (dy) => {
    const da = multiply(tape, subtract(tape, a, b), scale(tape, dy.view([rows, 1]), 2));
    return [da, tape.needsGradient(b) ? negate(tape, da) : null];
  });
  return distances;
}

/**
 * Gaussian potentials sum_{j != i} exp(-t |z_i - z_j|^2) of points on the unit sphere: cosine similarities [rows, cols] of some
 * points with all, and their own columns u32 [rows] -> [rows]. Not differentiable.
 */
export function pairPotentials(tape: Tape, similarities: Tensor, own: Tensor, t: number): Tensor {
  const [rows, cols] = matrixShape(similarities);
  expectShape(own, [rows], `to be the own columns of ${similarities}`);
  const potentials = tape.tensor([rows], "Gaussian potentials");
  const bindings = { similarities, own, potentials };
  tape.launch(kernels.pairPotentials, bindings, { rows, cols, t }, { LANES: lanesPerRow(tape.device) });
  return potentials;
}

/**
 * The k largest of each row of x [rows, cols], in the order of their columns. Not differentiable.
 * @throws ShapeError for k above cols.
 */
export function topK(
  tape: Tape,
  x: Tensor,
  k: number,
): {
  /** u32 [rows, k]: columns, ascending. */
  indices: Tensor;
  /** `[rows, k]`: what stands there. */
  values: Tensor;
} {
  const [rows, cols] = matrixShape(x);
  if (!Number.isInteger(k) || k < 1 || k > cols)
    throw new ShapeError(`k = ${k} must be between 1 and the ${cols} columns of ${x}`);
  const indices = tape.tensor([rows, k], `columns of the largest of ${x.label}`, "u32");
  const values = tape.tensor([rows, k], `largest of ${x.label}`);
  tape.launch(kernels.topK, { x, indices, values }, { rows, cols, k });
  return { indices, values };
}
