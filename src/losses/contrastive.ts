import type { Tape } from "../engine/tape.js";
import type { Tensor } from "../engine/tensor.js";
import { columnStatistics } from "../ops/batch-norm.js";
import { normalizeRows } from "../ops/normalize-rows.js";
import { meanStandardDeviation } from "../ops/rows.js";
import { type ContrastiveSettings, contrastOfRows } from "./contrast-rows.js";
import { type NtXent, ntXent } from "./nt-xent.js";

/** The margin where none is given: the smallest above 0 that the SimCLR article tried (appendix B.10). */
export const DEFAULT_MARGIN = 0.4;

/** Which negatives count, and how embeddings are compared. */
export interface ContrastOptions {
  /** `none`, the default: all negatives. `semi-hard`: those less similar than the positive, by less than the margin. */
  readonly mining?: ContrastiveSettings["mining"];
  /** A difference of similarities, above 0 for semi-hard mining; `DEFAULT_MARGIN` by default. */
  readonly margin?: number;
  /** True, the default: similarities are cosines. False: dot products of the embeddings as they are. */
  readonly normalize?: boolean;
}

/** A contrastive loss with all of its settings, as a `TrainingConfig` has them. */
export interface ContrastiveLossOptions extends ContrastiveSettings {
  /** Cosines (true), or dot products of the embeddings as they are. */
  readonly normalize: boolean;
}

/**
 * The contrastive loss that the options name. Rows i and i + N of `embeddings` [2N, dim] are the two views of image i.
 * NT-Xent of normalised embeddings with all negatives is `ntXent`; the others are `contrastOfRows`. None stores the 2N x 2N similarities.
 * @throws as `ntXent`, `denseNtXent`, `ntLogistic` and `marginTriplet` do.
 */
export function contrastiveLoss(tape: Tape, embeddings: Tensor, options: ContrastiveLossOptions): NtXent {
  const { loss, temperature, mining, normalize } = options;
  if (loss === "nt-xent" && mining === "none" && normalize) return ntXent(tape, embeddings, temperature);
  return overSimilarities(tape, embeddings, options);
}

/**
 * NT-Xent (Chen et al. 2020, equation 1) with the similarities of some anchors at a time: `ntXent` with what it lacks, dot products in place of
 * cosines (table 5) and semi-hard mining, where the sum of exponentials is over the positive and the semi-hard negatives.
 * An anchor without any has the loss 0.
 * @throws ConfigError for settings out of range; ShapeError for an odd number of rows or fewer than 4.
 */
export function denseNtXent(
  tape: Tape,
  embeddings: Tensor,
  { temperature, ...options }: ContrastOptions & { readonly temperature: number },
): NtXent {
  return overSimilarities(tape, embeddings, { ...withDefaults(options), loss: "nt-xent", temperature });
}

/**
 * Logistic loss of pairs, NT-logistic (Chen et al. 2020, table 2), mean over all 2N anchors u:
 * -log sigmoid(u.v+ / t) - mean over v- of log sigmoid(-u.v- / t). Its gradient by u is
 * -sigmoid(-u.v+ / t) / t v+ + mean over v- of sigmoid(u.v- / t) / t v-: negatives are not weighed against each other.
 * An anchor without semi-hard negatives has the term of its positive alone. Rows are paired as in `ntXent`.
 *
 * The article leaves open how many negatives a term of table 2 has: here it is a mean over them, of both views (the article
 * takes those of one, appendix B.10), so that positives and negatives weigh the same in a batch of any size.
 * @throws as `denseNtXent` does.
 */
export function ntLogistic(
  tape: Tape,
  embeddings: Tensor,
  { temperature, ...options }: ContrastOptions & { readonly temperature: number },
): NtXent {
  return overSimilarities(tape, embeddings, { ...withDefaults(options), loss: "nt-logistic", temperature });
}

/**
 * Margin triplet loss (Chen et al. 2020, table 2), mean over all 2N anchors u and their negatives v-:
 * max(u.v- - u.v+ + m, 0). Its gradient by u is the mean over v- of v- - v+ where u.v+ - u.v- < m, and 0 elsewhere. For rows
 * of length 1 it is half the triplet loss on squared Euclidean distances with a margin of 2 m (Schroff et al. 2015,
 * equation 2), as |u - v|^2 = 2 - 2 u.v. With semi-hard mining the mean is over the negatives that are farther than the
 * positive and within the margin (Schroff et al. 2015, section 3.2, and Chen et al. 2020, section 5.1), all of them; an
 * anchor without any has the loss 0. Rows are paired as in `ntXent`.
 * @throws as `denseNtXent` does.
 */
export function marginTriplet(tape: Tape, embeddings: Tensor, options: ContrastOptions = {}): NtXent {
  return overSimilarities(tape, embeddings, { ...withDefaults(options), loss: "margin-triplet", temperature: 1 });
}

function withDefaults({ mining = "none", margin = DEFAULT_MARGIN, normalize = true }: ContrastOptions) {
  return { mining, margin, normalize };
}

function overSimilarities(tape: Tape, embeddings: Tensor, { normalize, ...settings }: ContrastiveLossOptions): NtXent {
  const normalized = normalizeRows(tape, embeddings);
  const spread = meanStandardDeviation(tape, columnStatistics(tape, normalized));
  return { ...contrastOfRows(tape, normalize ? normalized : embeddings, settings), spread };
}
