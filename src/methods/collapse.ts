import type { Tape } from "../engine/tape.js";
import type { Tensor } from "../engine/tensor.js";
import { columnStatistics } from "../ops/batch-norm.js";
import { normalizeRows } from "../ops/normalize-rows.js";
import { meanStandardDeviation } from "../ops/rows.js";
import { stopGradient } from "../ops/stop-gradient.js";
import type { Numbers } from "./method.js";

/** What `collapseToPoint` takes as `outputStd`, of outputs of any length: z [rows, dim] -> [1]. Not differentiable. */
export function outputSpread(tape: Tape, z: Tensor): Tensor {
  return meanStandardDeviation(tape, columnStatistics(tape, normalizeRows(tape, stopGradient(tape, z))));
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

/** Embeddings that vary along fewer directions count as collapsed to a line. Random nets begin with RANGE. */
const LINE = 1.5;

/**
 * The sign of a collapse to a line: outputs that vary along little more than one direction (see `participationRatio`) of the `most`
 * that there can be. A handful of images have few directions anyway: nothing is said of them.
 */
export function collapseToLine({ outputRank }: Numbers, most: number): string | null {
  if (outputRank === undefined || outputRank >= Math.min(LINE, most / 4)) return null;
  return `the embeddings have collapsed to a line: they vary along ${outputRank.toPrecision(2)} directions, of ${most.toLocaleString("en")} that there can be; what is learned from here on is worth little`;
}

/** The sign of either, for outputs of so many dimensions, of batches of so many images. */
export function collapseOf(means: Numbers, dimension: number, batch: number): string | null {
  return collapseToPoint(means, dimension) ?? collapseToLine(means, Math.min(batch - 1, dimension));
}
