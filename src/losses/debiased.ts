import * as kernels from "../../kernels/generated.js";
import type { Tape } from "../engine/tape.js";
import { matrixShape, type Tensor } from "../engine/tensor.js";
import { ConfigError, ShapeError } from "../errors.js";
import { multiply } from "../ops/binary.js";
import { mean } from "../ops/elementwise.js";
import { slice } from "../ops/shape.js";
import { scale } from "../ops/unary.js";
import { negativeLogSumExp } from "./log-sum-exp.js";
import type { NtXent } from "./nt-xent.js";
import { pairLogits } from "./pair-logits.js";
import { viewGroups } from "./view-groups.js";

/** How `debiased` weighs negatives. */
export interface DebiasedOptions {
  /** What cosines are divided by. */
  readonly temperature: number;
  /** The share of negatives that are of the anchor's class, tau+: from 0 to below 1. */
  readonly classPrior: number;
  /** How much harder negatives count more, beta; 0, the default: all alike. */
  readonly hardness?: number;
}

/** What `debiased` gives: tensors of one. */
export interface Debiased extends NtXent {
  /** Share of the anchors whose estimate was below what negatives can add up to at the least, which then took its place. */
  readonly clamped: Tensor;
}

/** @throws ConfigError for a share outside of 0 to 1, or a hardness below 0. */
export function checkDebiased({ classPrior, hardness = 0 }: Omit<DebiasedOptions, "temperature">): void {
  if (!(classPrior >= 0 && classPrior < 1))
    throw new ConfigError(`classPrior is ${classPrior}; it must be a number from 0, below 1: 1 over the classes`);
  if (!(hardness >= 0) || !Number.isFinite(hardness))
    throw new ConfigError(`hardness is ${hardness}; it must be a number from 0 up (Robinson et al. tried 0.5 to 6)`);
}

/**
 * The debiased contrastive loss (Chuang et al. 2020, arXiv 2007.00224, equations 7 and 8) and, with `hardness`, that with hard
 * negatives (Robinson et al. 2021, arXiv 2010.04592, equation 4), mean over all anchors. Of z [views * images, dim], rows i,
 * i + images and so on are the views of image i; they need not be normalised. An anchor has the logits p, the cosines over the
 * temperature, with its P positives, s with its M negatives, t = `classPrior` and b = `hardness`:
 *
 *     R = sum_j exp((1 + b) s[j]) / mean_j exp(b s[j])
 *     G = max((R - t M mean_k exp(p[k])) / (1 - t), M exp(-1 / temperature))
 *     loss = log(sum_k exp(p[k]) + G) - mean_k p[k]
 *
 * For two views these are the articles' losses; as in the code of the second one, the gradient passes through the weights exp(b s).
 * More views come in as Chuang et al. let them, as a mean over the positives in G; without t and b it is the NT-Xent of as many
 * views. The matrix of logits is never stored: R comes from one log-sum-exp over the negatives, or from two.
 * @throws ConfigError for settings out of range; ShapeError for rows that are not two views or more of at least two images.
 */
export function debiased(
  tape: Tape,
  z: Tensor,
  images: number,
  { temperature, classPrior, hardness = 0 }: DebiasedOptions,
): Debiased {
  checkDebiased({ classPrior, hardness });
  const [rows] = matrixShape(z);
  // Those of the positives as those of the negatives that they are compared with: equal embeddings are a tie.
  const harder = temperature / (1 + hardness);
  const positives = pairLogits(tape, z, images, harder);
  if (images < 2) throw new ShapeError(`${z} must hold views of at least two images`);
  const groups = viewGroups(tape, images, rows / images);
  const { lse: hard, largest, spread } = negativeLogSumExp(tape, z, groups, harder);
  const soft = hardness > 0 ? negativeLogSumExp(tape, z, groups, temperature / hardness).lse : hard;
  const others = rows / images - 1;
  const results = tape.tensor([3, rows], "losses, hits and clamped estimates");
  const slopes = tape.tensor([others + 2, rows], "slopes of the losses");
  tape.launch(
    kernels.debiased,
    { positives, hard, soft, largest, results, slopes },
    {
      ...{ rows, others, negatives: rows - rows / images, share: classPrior },
      ...{ inverse_temperature: 1 / temperature, scale: 1 / (1 + hardness) },
    },
    { HARDER: hardness > 0 },
  );
  const [loss, accuracy, clamped] = ["debiased loss", "contrastive accuracy", "share of clamped estimates"].map(
    (label, row) => mean(tape, slice(tape, results, 0, row, row + 1), label),
  );
  tape.differentiate(hardness > 0 ? [positives, hard, soft] : [positives, hard], loss, (gradient) => {
    const all = multiply(tape, slopes, scale(tape, gradient, 1 / rows));
    const sums = hardness > 0 ? [others, others + 1] : [others];
    return [slice(tape, all, 0, 0, others), ...sums.map((row) => slice(tape, all, 0, row, row + 1).view([rows]))];
  });
  return { loss, accuracy, clamped, spread };
}
