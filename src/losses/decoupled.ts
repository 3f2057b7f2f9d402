import type { Tape } from "../engine/tape.js";
import { matrixShape, type Tensor } from "../engine/tensor.js";
import { ConfigError } from "../errors.js";
import { multiply } from "../ops/binary.js";
import { add, mean } from "../ops/elementwise.js";
import { reshape } from "../ops/shape.js";
import { softmax } from "../ops/softmax.js";
import { stopGradient } from "../ops/stop-gradient.js";
import { scale } from "../ops/unary.js";
import { contrast } from "./contrast.js";
import type { NtXent } from "./nt-xent.js";
import { pairLogits } from "./pair-logits.js";
import { viewGroups } from "./view-groups.js";

/** How `weightedDecoupled` weighs positives. */
export interface WeightedDecoupledOptions {
  /** What cosines are divided by. */
  readonly temperature: number;
  /** What cosines are divided by for the weights; the article's 0.5. */
  readonly sigma: number;
}

/**
 * The decoupled contrastive loss with weighted positives, DCLW (Yeh et al. 2021, arXiv 2110.06848, equation 6 and section 3.2), mean
 * over all anchors. Of z [views * images, dim], rows i, i + images and so on are the views of image i; they need not be normalised.
 * With p[i] the cosine of two views of image i, one of which is the anchor, and s the logits with all views of other images,
 *
 *     loss = -w[i] p[i] / temperature + log sum_j exp(s[j]),   w[i] = 2 - N exp(p[i] / sigma) / sum_k exp(p[k] / sigma)
 *
 * where the mean over the N images of w is 1: pairs that are far apart count more. With more views, it is a mean over the other
 * views of the image, each with the weights of its two views. No gradient passes through the weights (lightly's code; the authors'
 * lets it). Without weights it is DCL, a row of the table of `contrast`.
 * @throws ConfigError for settings that are not above 0; ShapeError for rows that are not two views or more of so many images.
 */
export function weightedDecoupled(
  tape: Tape,
  z: Tensor,
  images: number,
  { temperature, sigma }: WeightedDecoupledOptions,
): NtXent {
  if (!(sigma > 0) || !Number.isFinite(sigma)) throw new ConfigError(`sigma is ${sigma}; it must be a number above 0`);
  const logits = pairLogits(tape, z, images, temperature);
  const [rows] = matrixShape(z);
  const anchors = { z, groups: viewGroups(tape, images, rows / images) };
  const keys = { ...anchors, same: "attracted", other: "negative" } as const;
  const { loss, accuracy, spread } = contrast(tape, anchors, [keys], { temperature });
  // A softmax over the images for each view and each other view of theirs.
  const pairs = reshape(tape, stopGradient(tape, logits), [logits.size / images, images]);
  const shares = softmax(tape, scale(tape, pairs, temperature / sigma));
  // What the weights take from DCL: (1 - w) p, and 1 - w is N times the share, less 1.
  const less = multiply(tape, reshape(tape, scale(tape, shares, images, -1), logits.shape), logits);
  return { loss: add(tape, loss, mean(tape, less, "what the weights take")), accuracy, spread };
}
