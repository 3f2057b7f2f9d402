import * as kernels from "../../kernels/generated.js";
import type { Tape } from "../engine/tape.js";
import { expectShape, expectType, matrixShape, type Tensor } from "../engine/tensor.js";
import { ConfigError } from "../errors.js";
import { columnStatistics } from "../ops/batch-norm.js";
import { transpose } from "../ops/elementwise.js";
import { matmul } from "../ops/matmul.js";
import { normalizeRows } from "../ops/normalize-rows.js";
import { meanStandardDeviation } from "../ops/rows.js";
import { slice } from "../ops/shape.js";
import { stopGradient } from "../ops/stop-gradient.js";
import { lanesPerRow } from "../ops/tiles.js";
import { type AnchorRun, addRun, anchorRuns } from "./anchor-runs.js";
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

/** The launches of the triplets of so many anchors, some of which are at hand at a time. */
function anchorTriplets(tape: Tape, rows: number, { groups, times, near, far, margin }: TripletOptions) {
  if (!(margin >= 0) || !Number.isFinite(margin)) throw new ConfigError(`margin ${margin} must be a number from 0 up`);
  if (![near, far].every((time) => Number.isInteger(time) && time >= 0 && time < 2 ** 32) || far < near)
    throw new ConfigError(`near ${near} and far ${far} must be whole numbers from 0 up, and far no less than near`);
  for (const [marks, what] of [
    [groups, "groups"],
    [times, "times"],
  ] as const) {
    expectShape(marks, [rows], `to be the ${what} of ${rows} anchors`);
    expectType(marks, "u32", `to be the ${what} of ${rows} anchors`);
  }
  const sumsOfAnchors = () => ["losses", "pairs", "correct"].map((label) => tape.tensor([rows], label));
  const [losses, pairs, correct] = sumsOfAnchors();
  const ofPairs = (x: Tensor, label: string) => {
    const y = tape.tensor([1], label);
    tape.launch(kernels.countedMean, { x, counted: pairs, y }, { elements: x.size, numbers: rows });
    return y;
  };
  const choose = (similarities: Tensor, run: AnchorRun, [ofLoss, ofPair, ofRight]: readonly Tensor[]) => {
    const chosen = tape.tensor(similarities.shape, "chosen negatives", "u32");
    const results = { losses: ofLoss, pairs: ofPair, correct: ofRight, chosen };
    const LANES = lanesPerRow(tape.device);
    tape.launch(
      kernels.triplets,
      { similarities, groups, times, ...results },
      { rows, ...run, near, far, margin },
      { LANES },
    );
    return chosen;
  };
  return {
    add: (similarities: Tensor, run: AnchorRun) => void choose(similarities, run, [losses, pairs, correct]),
    results: () => ({ loss: ofPairs(losses, "loss of triplets"), accuracy: ofPairs(correct, "share of pairs") }),
    gradientOf(similarities: Tensor, run: AnchorRun, gradient: Tensor): Tensor {
      // Once more, for what was chosen; the sums are known.
      const chosen = choose(similarities, run, sumsOfAnchors());
      const dsimilarities = tape.tensor(similarities.shape, "gradient of similarities");
      const bindings = { chosen, gradient: ofPairs(gradient, "gradient of a pair's loss"), dsimilarities };
      tape.launch(kernels.tripletsGradient, bindings, { rows, count: run.count });
      return dsimilarities;
    },
  };
}

/**
 * Semi-hard triplets of squared distances between rows made of length 1 (Schroff et al. 2015, section 3.3; of frames: Sermanet et
 * al. 2018, section 3.1): each pair of an anchor and a positive p is compared with the nearest negative n that is farther than p, or
 * the farthest one where none is, max(0, margin + |a - p|^2 - |a - n|^2). `loss` is the mean over all pairs, 0 where there is none;
 * `accuracy` is the share of pairs whose positive is nearer than every negative. Which negative counts is taken as fixed.
 * Similarities are computed for some anchors at a time, and again on the way back: what is there at once does not grow with the
 * square of the batch. Their time does, times the positives of an anchor.
 * @param most anchors at a time; by default as many as 8 MiB take
 * @throws ConfigError for a margin below 0, or `near` and `far` that are no whole numbers in ascending order.
 */
export function semiHardTriplets(tape: Tape, z: Tensor, options: TripletOptions, most?: number): NtXent {
  const u = normalizeRows(tape, z);
  const [rows] = matrixShape(z);
  const anchors = anchorTriplets(tape, rows, options);
  const fixed = stopGradient(tape, u);
  const columns = transpose(tape, fixed);
  const parts = anchorRuns(rows, rows, most).map((run) => {
    return { own: slice(tape, fixed, 0, run.first_row, run.first_row + run.count), run };
  });
  for (const { own, run } of parts) anchors.add(matmul(tape, own, columns), run);
  const { loss, accuracy } = anchors.results();
  tape.differentiate([u], loss, (gradient) => {
    const du = tape.tensor(u.shape, `gradient of ${u.label}`);
    for (const { own, run } of parts) {
      const dsimilarities = anchors.gradientOf(matmul(tape, own, columns), run, gradient);
      // Each similarity counts for the row that an anchor is compared with, and for the anchor.
      const asKeys = matmul(tape, dsimilarities, own, { transposeA: true });
      addRun(tape, asKeys, du, { first_row: 0, count: rows }, run.first_row > 0);
      addRun(tape, matmul(tape, dsimilarities, fixed), du, run, true);
    }
    return [du];
  });
  return { loss, accuracy, spread: meanStandardDeviation(tape, columnStatistics(tape, u)) };
}

/** The same from the similarities of all pairs of rows, [rows, rows]. */
export function tripletsOfSimilarities(tape: Tape, similarities: Tensor, options: TripletOptions): LossAndAccuracy {
  const [rows] = matrixShape(similarities);
  expectShape(similarities, [rows, rows], "to be the similarities of all pairs of rows");
  const run = { first_row: 0, count: rows };
  const anchors = anchorTriplets(tape, rows, options);
  anchors.add(similarities, run);
  const { loss, accuracy } = anchors.results();
  tape.differentiate([similarities], loss, (gradient) => [anchors.gradientOf(similarities, run, gradient)]);
  return { loss, accuracy };
}
