import type { Tape } from "../engine/tape.js";
import { matrixShape, type Tensor } from "../engine/tensor.js";
import { ConfigError, ShapeError } from "../errors.js";
import { subtract } from "../ops/binary.js";
import { columnSums } from "../ops/column-sums.js";
import { add, mean } from "../ops/elementwise.js";
import { matmul } from "../ops/matmul.js";
import { reshape, slice } from "../ops/shape.js";
import { scale, square } from "../ops/unary.js";
import { eppsPulley } from "./epps-pulley.js";

/** Settings of LeJEPA's loss. */
export interface LejepaOptions {
  /** Views of each image: the rows of z are the first views of all images, then the second ones. */
  readonly views: number;
  /** How many of them, the first ones, have a mean that all are drawn to; all by default. */
  readonly fullViews?: number;
  /** The share of SIGReg in the loss, 0.05 by default. */
  readonly lambda?: number;
}

/** LeJEPA's loss, and its two terms before they are weighted, each [1]. */
export interface Lejepa {
  /** What is trained. */
  readonly loss: Tensor;
  /** How far the outputs are from normally distributed: about 1.05 where they are. */
  readonly sigreg: Tensor;
  /** How far apart the views of an image are. */
  readonly invariance: Tensor;
}

/**
 * LeJEPA (Balestriero and LeCun 2025, arXiv 2511.08544) as its authors' code has it: lambda SIGReg + (1 - lambda) invariance, of z [views *
 * images, dim]. SIGReg is the mean, over views and the rows of `directions` [slices, dim], of the Epps-Pulley statistic of the view's
 * outputs along that direction (`eppsPulley`; `randomDirections` draws new ones for each step); invariance is the mean over
 * views, images and dimensions of the squared distance from the mean of the image's views, those of full size. Outputs are not normalised, and nothing
 * is taken as given.
 * @throws ShapeError for rows that are not as many for each view, ConfigError for a lambda outside of [0, 1].
 */
export function lejepaLoss(
  tape: Tape,
  z: Tensor,
  directions: Tensor,
  { views, fullViews = views, lambda = 0.05 }: LejepaOptions,
): Lejepa {
  const [rows] = matrixShape(z);
  if (!(lambda >= 0 && lambda <= 1)) throw new ConfigError(`lambda ${lambda} must lie between 0 and 1`);
  if (!Number.isInteger(views) || views < 2 || rows % views !== 0)
    throw new ShapeError(`${z} must have as many rows for each of ${views} views, and two views at least`);
  const along = matmul(tape, z, directions, { transposeB: true });
  const sigreg = mean(tape, eppsPulley(tape, along, views), "SIGReg");
  const byView = reshape(tape, z, [views, z.size / views]);
  const full = fullViews === views ? byView : slice(tape, byView, 0, 0, fullViews);
  const centre = scale(tape, columnSums(tape, full), 1 / fullViews);
  const invariance = mean(tape, square(tape, subtract(tape, byView, centre)), "invariance");
  const loss = add(tape, scale(tape, sigreg, lambda), scale(tape, invariance, 1 - lambda));
  return { loss, sigreg, invariance };
}
