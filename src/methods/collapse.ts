import type { Numbers } from "./method.js";

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
