import * as kernels from "../../kernels/generated.js";
import type { Tape } from "../engine/tape.js";
import { expectShape, expectType, type Tensor } from "../engine/tensor.js";
import { ConfigError, ShapeError } from "../errors.js";

/** The images of a batch, and what random numbers are drawn from: the first fields of `ImageBatch`. */
export interface DrawnImages {
  /** u32 [batch]: number of each image in its set. */
  readonly images: Tensor;
  /** u32 [2]: seed and epoch. */
  readonly counter: Tensor;
}

/** Sites from here on are not told apart. */
const SITES = 2 ** 22;
/** Views of an image that draw each for itself. */
const VIEWS = 2 ** 8;

/**
 * What the branch of a residual block counts for in each view of each image, by stochastic depth (Huang et al. 2016): 0 with a
 * probability p, and else 1 / (1 - p). What is drawn follows from the counter, the number of the image, its view and the site: a step
 * repeated, a segment computed again by `tape.checkpoint`, and a batch cut into smaller ones draw the same.
 * @param rows views * images, the first views of all images before the second ones
 * @param site a number of its own for each branch of a net, from 0 to 2^22 - 1
 * @returns f32 [rows]
 * @throws ConfigError for a probability or a site out of range; ShapeError where the rows are no views of these images, or more than
 * 256 views.
 */
export function stochasticDepth(
  tape: Tape,
  { images, counter }: DrawnImages,
  rows: number,
  { probability, site }: { readonly probability: number; readonly site: number },
): Tensor {
  if (!(probability >= 0 && probability < 1))
    throw new ConfigError(
      `the probability that a branch is left out is ${probability}: it must be at least 0 and below 1`,
    );
  if (!Number.isInteger(site) || site < 0 || site >= SITES)
    throw new ConfigError(`the site of a branch is ${site}: it must be a whole number from 0 to ${SITES - 1}`);
  expectShape(counter, [2], "to draw branches by");
  expectType(counter, "u32", "to draw branches by");
  const batch = images.size;
  if (rows % batch !== 0 || rows / batch > VIEWS)
    throw new ShapeError(`${rows} rows are not up to ${VIEWS} views of the ${batch} images of ${images}`);
  const factors = tape.tensor([rows], "factors of a branch");
  const params = { rows, batch, site: site * VIEWS, probability, scale: 1 / (1 - probability) };
  tape.launch(kernels.stochasticDepth, { images, counter, factors }, params);
  return factors;
}
