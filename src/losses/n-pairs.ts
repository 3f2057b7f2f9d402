import type { Tape } from "../engine/tape.js";
import { matrixShape, type Tensor } from "../engine/tensor.js";
import { ShapeError } from "../errors.js";
import { columnStatistics } from "../ops/batch-norm.js";
import { add, mean } from "../ops/elementwise.js";
import { matmul } from "../ops/matmul.js";
import { normalizeRows } from "../ops/normalize-rows.js";
import { meanStandardDeviation } from "../ops/rows.js";
import { reshape, slice } from "../ops/shape.js";
import { scale, square } from "../ops/unary.js";
import type { NtXent } from "./nt-xent.js";
import { softmaxCrossEntropy } from "./softmax-cross-entropy.js";
import { viewGroups } from "./view-groups.js";

/** Of the squared lengths: TensorFlow's `npairs_loss` has a quarter of its default, 0.002, for the anchors and as much for the others. */
const DECAY = 0.002 / 4;

/**
 * N-pairs (Sohn 2016, equation 4): rows 2 i and 2 i + 1 of z [rows, dim] are a pair, an anchor and its positive, and the softmax over
 * the dot products of the anchor with the positives of all pairs is to find its own; neither normalised nor divided by a temperature.
 * As in the authors' code of TCN, the mean squared lengths of anchors and of positives are added, 0.0005 times each. The last of an
 * odd number of rows counts for nothing. The pairs x pairs matrix of products is stored. Chance level: ln of the number of pairs.
 * @throws ShapeError for fewer than two pairs.
 */
export function nPairs(tape: Tape, z: Tensor): NtXent {
  const [rows, dim] = matrixShape(z);
  const pairs = Math.floor(rows / 2);
  if (pairs < 2) throw new ShapeError(`${z} must hold two pairs at least: 4 rows`);
  const even = rows % 2 === 0 ? z : slice(tape, z, 0, 0, 2 * pairs);
  const side = reshape(tape, even, [pairs, 2 * dim]);
  const [anchors, positives] = [slice(tape, side, 1, 0, dim), slice(tape, side, 1, dim)];
  const products = matmul(tape, anchors, positives, { transposeB: true });
  const { loss, accuracy } = softmaxCrossEntropy(tape, products, viewGroups(tape, pairs, 1));
  // The mean over all elements of both is half of the sum of two means of squared lengths, divided by the dimension.
  const lengths = scale(tape, mean(tape, square(tape, even)), 2 * dim * DECAY);
  const spread = meanStandardDeviation(tape, columnStatistics(tape, normalizeRows(tape, z)));
  return { loss: add(tape, loss, lengths), accuracy, spread };
}
