import * as kernels from "../../kernels/generated.js";
import type { Tape } from "../engine/tape.js";
import { expectShape, expectType, matrixShape, type Tensor } from "../engine/tensor.js";
import { ConfigError } from "../errors.js";
import { columnStatistics } from "../ops/batch-norm.js";
import { matmul } from "../ops/matmul.js";
import { normalizeRows } from "../ops/normalize-rows.js";
import { meanStandardDeviation } from "../ops/rows.js";
import { lanesPerRow } from "../ops/tiles.js";
import type { NtXent } from "./nt-xent.js";
import type { LossAndAccuracy } from "./softmax-cross-entropy.js";

/** Which rows are what to an anchor, and how far apart they are to be. */
export interface TripletOptions {
  /** u32 [rows]: the clip, or another group, of each row. */
  readonly groups: Tensor;
  /** u32 [rows], whole numbers in the unit of `near` and `far`. */
  readonly times: Tensor;
  /** Rows of the anchor's group up to so far from it are its positives. */
  readonly near: number;
  /** Those further than this are negatives, as rows of other groups are; those between are nothing. */
  readonly far: number;
  /** From 0. */
  readonly margin: number;
}

/**
 * Semi-hard triplets of squared distances between rows made of length 1 (Schroff et al. 2015, section 3.3; of frames: Sermanet et
 * al. 2018, section 3.1): each pair of an anchor and a positive p is compared with the nearest negative n that is farther than p, or
 * the farthest one where none is, max(0, margin + |a - p|^2 - |a - n|^2). `loss` is the mean over all pairs, 0 where there is none;
 * `accuracy` is the share of pairs whose positive is nearer than every negative. Which negative counts is taken as fixed. The
 * rows x rows matrix of similarities is stored, and takes time in proportion to its rows times its size.
 * @throws ConfigError for a margin below 0, or `near` and `far` that are no whole numbers in ascending order.
 */
export function semiHardTriplets(tape: Tape, z: Tensor, options: TripletOptions): NtXent {
  const u = normalizeRows(tape, z);
  const { loss, accuracy } = tripletsOfSimilarities(tape, matmul(tape, u, u, { transposeB: true }), options);
  return { loss, accuracy, spread: meanStandardDeviation(tape, columnStatistics(tape, u)) };
}

/** The same from the similarities of all pairs of rows, [rows, rows]. */
export function tripletsOfSimilarities(tape: Tape, similarities: Tensor, options: TripletOptions): LossAndAccuracy {
  const { groups, times, near, far, margin } = options;
  const [rows] = matrixShape(similarities);
  expectShape(similarities, [rows, rows], "to be the similarities of all pairs of rows");
  if (!(margin >= 0) || !Number.isFinite(margin)) throw new ConfigError(`margin ${margin} must be a number from 0 up`);
  if (![near, far].every((time) => Number.isInteger(time) && time >= 0 && time < 2 ** 32) || far < near)
    throw new ConfigError(`near ${near} and far ${far} must be whole numbers from 0 up, and far no less than near`);
  for (const [marks, what] of [
    [groups, "groups"],
    [times, "times"],
  ] as const) {
    expectShape(marks, [rows], `to be the ${what} of ${similarities}`);
    expectType(marks, "u32", `to be the ${what} of ${similarities}`);
  }
  const [losses, pairs, correct] = ["losses", "pairs", "correct"].map((label) => tape.tensor([rows], label));
  const chosen = tape.tensor([rows, rows], "chosen negatives", "u32");
  const bindings = { similarities, groups, times, losses, pairs, correct, chosen };
  tape.launch(kernels.triplets, bindings, { rows, near, far, margin }, { LANES: lanesPerRow(tape.device) });
  const ofPairs = (x: Tensor, label: string) => {
    const y = tape.tensor([1], label);
    tape.launch(kernels.countedMean, { x, counted: pairs, y }, { elements: x.size, numbers: rows });
    return y;
  };
  const loss = ofPairs(losses, "loss of triplets");
  tape.differentiate([similarities], loss, (dy) => {
    const gradient = ofPairs(dy, "gradient of a pair's loss");
    const dsimilarities = tape.tensor([rows, rows], "gradient of similarities");
    tape.launch(kernels.tripletsGradient, { chosen, gradient, dsimilarities }, { rows });
    return [dsimilarities];
  });
  return { loss, accuracy: ofPairs(correct, "share of pairs") };
}
