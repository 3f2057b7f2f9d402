import * as kernels from "../../kernels/generated.js";
import type { Tape } from "../engine/tape.js";
import { matrixShape, type Tensor } from "../engine/tensor.js";
import { ShapeError } from "../errors.js";
import { columnStatistics } from "../ops/batch-norm.js";
import { add, mean } from "../ops/elementwise.js";
import { matmul } from "../ops/matmul.js";
import { normalizeRows } from "../ops/normalize-rows.js";
import { meanStandardDeviation } from "../ops/rows.js";
import { reshape, slice } from "../ops/shape.js";
import { stopGradient } from "../ops/stop-gradient.js";
import { scale, square } from "../ops/unary.js";
import { addRun, anchorRuns } from "./anchor-runs.js";
import type { NtXent } from "./nt-xent.js";
import type { LossAndAccuracy } from "./softmax-cross-entropy.js";
import { viewGroups } from "./view-groups.js";

/** Of the squared lengths: TensorFlow's `npairs_loss` has a quarter of its default, 0.002, for the anchors and as much for the others. */
const DECAY = 0.002 / 4;

/**
 * N-pairs (Sohn 2016, equation 4): rows 2 i and 2 i + 1 of z [rows, dim] are a pair, an anchor and its positive, and the softmax over
 * the dot products of the anchor with the positives of all pairs is to find its own; neither normalised nor divided by a temperature.
 * As in the authors' code of TCN, the mean squared lengths of anchors and of positives are added, 0.0005 times each. The last of an
 * odd number of rows counts for nothing. The products are computed for some
 * anchors at a time, and again on the way back. Chance level: ln of the number of pairs.
 * @param most anchors at a time; by default as many as 8 MiB of products take
 * @throws ShapeError for fewer than two pairs.
 */
export function nPairs(tape: Tape, z: Tensor, most?: number): NtXent {
  const [rows, dim] = matrixShape(z);
  const pairs = Math.floor(rows / 2);
  if (pairs < 2) throw new ShapeError(`${z} must hold two pairs at least: 4 rows`);
  const even = rows % 2 === 0 ? z : slice(tape, z, 0, 0, 2 * pairs);
  const side = reshape(tape, even, [pairs, 2 * dim]);
  const [anchors, positives] = [slice(tape, side, 1, 0, dim), slice(tape, side, 1, dim)];
  const { loss, accuracy } = ownAmongAll(tape, anchors, positives, most);
  // The mean over all elements of both is half of the sum of two means of squared lengths, divided by the dimension.
  const lengths = scale(tape, mean(tape, square(tape, even)), 2 * dim * DECAY);
  const spread = meanStandardDeviation(tape, columnStatistics(tape, normalizeRows(tape, z)));
  return { loss: add(tape, loss, lengths), accuracy, spread };
}

/** Softmax cross-entropy of the dot products of each anchor [pairs, dim] with all positives [pairs, dim], that of its place being right. */
function ownAmongAll(tape: Tape, anchors: Tensor, positives: Tensor, most?: number): LossAndAccuracy {
  const [pairs] = matrixShape(anchors);
  const [from, to] = [anchors, positives].map((x) => stopGradient(tape, x));
  const [losses, correct] = ["losses", "correct"].map((label) => tape.tensor([pairs, 1], label));
  const parts = anchorRuns(pairs, pairs, most).map((run) => {
    const own = slice(tape, from, 0, run.first_row, run.first_row + run.count);
    return { run, own, labels: viewGroups(tape, run.count, 1, run.first_row) };
  });
  const look = ({ run, own, labels }: (typeof parts)[number]) => {
    const logits = matmul(tape, own, to, { transposeB: true });
    const [lse, ofAnchors, right] = ["log-sum-exp", "losses", "correct"].map((label) =>
      tape.tensor([run.count, 1], label),
    );
    const bindings = { logits, labels, lse, losses: ofAnchors, correct: right };
    tape.launch(kernels.softmaxCrossEntropy, bindings, { elements: run.count, classes: pairs });
    return { logits, lse, ofAnchors, right };
  };
  for (const part of parts) {
    const { ofAnchors, right } = look(part);
    addRun(tape, ofAnchors, losses, part.run, false);
    addRun(tape, right, correct, part.run, false);
  }
  const loss = mean(tape, losses, "n-pairs");
  tape.differentiate([anchors, positives], loss, (gradient) => {
    const [dfrom, dto] = [from, to].map((x) => tape.tensor(x.shape, `gradient of ${x.label}`));
    for (const part of parts) {
      const { run, own, labels } = part;
      const { logits, lse } = look(part);
      const dlogits = tape.tensor(logits.shape, "gradient of products");
      const share = scale(tape, gradient, run.count / pairs);
      const size = { elements: logits.size, classes: pairs };
      tape.launch(kernels.softmaxCrossEntropyGradient, { logits, labels, lse, gradient: share, dlogits }, size);
      addRun(tape, matmul(tape, dlogits, to), dfrom, run, false);
      const ofPositives = matmul(tape, dlogits, own, { transposeA: true });
      addRun(tape, ofPositives, dto, { first_row: 0, count: pairs }, run.first_row > 0);
    }
    return [dfrom, dto];
  });
  return { loss, accuracy: mean(tape, correct, "accuracy") };
}
