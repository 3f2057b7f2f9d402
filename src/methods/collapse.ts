import type { Tape } from "../engine/tape.js";
import type { Tensor } from "../engine/tensor.js";
import { participationRatio } from "../losses/moments.js";
import { columnStatistics } from "../ops/batch-norm.js";
import { subtract } from "../ops/binary.js";
import { normalizeRows } from "../ops/normalize-rows.js";
import { columnMeans } from "../ops/reductions.js";
import { meanStandardDeviation } from "../ops/rows.js";
import { slice } from "../ops/shape.js";
import { stopGradient } from "../ops/stop-gradient.js";
import type { Numbers } from "./method.js";

/** What is looked at for signs of a collapse, each [1]; not differentiable. */
export interface SignsOfCollapse {
  /** Of rows of length 1: see `collapseToPoint`. */
  readonly outputStd: Tensor;
  /** Along how many directions the first views vary: see `participationRatio`. */
  readonly outputRank: Tensor;
  /** Nothing else; so that it goes into what a step measures. */
  readonly [name: string]: Tensor;
}

/** Measures outputs z [views * images, dim], of any length, for `collapseOf`. */
export function signsOfCollapse(tape: Tape, z: Tensor, images: number): SignsOfCollapse {
  const outputs = stopGradient(tape, z);
  const first = slice(tape, outputs, 0, 0, images);
  return {
    outputStd: meanStandardDeviation(tape, columnStatistics(tape, normalizeRows(tape, outputs))),
    outputRank: participationRatio(tape, subtract(tape, first, columnMeans(tape, first))),
  };
}

/**
 * The share of 1 / sqrt(dimension), which rows spread evenly over the sphere have as their standard deviation, below which they
 * count as collapsed to a point. Random nets begin with 0.2 to 0.6 of it.
 */
const COLLAPSED = 0.05;

/** The sign of a collapse to a point: outputs of length 1 whose standard deviation, the mean over the dimensions, is near 0. */
export function collapseToPoint({ outputStd }: Numbers, dimension: number): string | null {
  const healthy = 1 / Math.sqrt(dimension);
  if (outputStd === undefined || outputStd >= COLLAPSED * healthy) return null;
  return `the embeddings have collapsed to a point: their standard deviation is ${outputStd.toPrecision(2)}, and about ${healthy.toPrecision(2)} is healthy; what is learned from here on is worth little`;
}

/** Embeddings that vary along fewer directions count as collapsed to a line. At the start of a training, there can be 1.3. */
const LINE = 1.1;

/**
 * The sign of a collapse to a line: outputs that vary along little more than one direction of the `most` that there can be. A
 * handful of images have few directions anyway: nothing is said of them.
 */
function collapseToLine({ outputRank }: Numbers, most: number): string | null {
  if (outputRank === undefined || outputRank >= Math.min(LINE, most / 4)) return null;
  return `the embeddings have collapsed to a line: they vary along ${outputRank.toPrecision(3)} of ${most.toLocaleString("en")} directions; what is learned from here on is worth little`;
}

/** The sign of a collapse of what `signsOfCollapse` measured, of outputs of so many dimensions and so many images at once. */
export function collapseOf(means: Numbers, dimension: number, images: number): string | null {
  return collapseToPoint(means, dimension) ?? collapseToLine(means, Math.min(images - 1, dimension));
}

/** The sign of a collapse of outputs whose own standard deviation is to be 1: the mean over their dimensions is near 0. */
export function collapseOfScale(deviation: number): string | null {
  if (deviation >= COLLAPSED) return null;
  return `the embeddings have collapsed to a point: their standard deviation is ${deviation.toPrecision(2)}, and the loss asks for 1; what is learned from here on is worth little`;
}
