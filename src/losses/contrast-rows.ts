import * as kernels from "../../kernels/generated.js";
import type { Tape } from "../engine/tape.js";
import { matrixShape, type Tensor } from "../engine/tensor.js";
import { ConfigError, ShapeError } from "../errors.js";
import { mean, transpose } from "../ops/elementwise.js";
import { matmul } from "../ops/matmul.js";
import { slice } from "../ops/shape.js";
import { stopGradient } from "../ops/stop-gradient.js";
import { type AnchorRun, addRun, anchorRuns } from "./anchor-runs.js";
import { checkTemperature } from "./nt-xent.js";
import type { LossAndAccuracy } from "./softmax-cross-entropy.js";

/** Names of the contrastive losses, in the order of what LOSS stands for in kernels/lib/negatives.wgsl. */
export const CONTRASTIVE_LOSSES = ["nt-xent", "nt-logistic", "margin-triplet"] as const;
/** Ways to choose the negatives that count for an anchor. */
export const MININGS = ["none", "semi-hard"] as const;

/** A contrastive loss and its settings. */
export interface ContrastiveSettings {
  /** Its name. */
  readonly loss: (typeof CONTRASTIVE_LOSSES)[number];
  /** What similarities are divided by; the margin triplet has none. */
  readonly temperature: number;
  /**
   * `none`: all negatives count. `semi-hard`: those do whose similarity to the anchor is below that of the positive by less
   * than the margin.
   */
  readonly mining: (typeof MININGS)[number];
  /** A difference of similarities: of the margin triplet, and of semi-hard mining with any loss. */
  readonly margin: number;
}

/** @throws ConfigError where the temperature is not above 0, the margin is negative, or 0 with semi-hard mining. */
export function checkContrastiveSettings({ temperature, mining, margin }: ContrastiveSettings): void {
  checkTemperature(temperature);
  if (!(margin >= 0) || !Number.isFinite(margin)) {
    throw new ConfigError(`margin ${margin} must be a number from 0 up (SimCLR tried 0, 0.4, 0.8 and 1.6)`);
  }
  if (mining === "semi-hard" && margin === 0) {
    throw new ConfigError("margin 0 leaves no semi-hard negatives: it must be above 0 with semi-hard mining");
  }
}

/** The launches of the losses of so many anchors, some of which are at hand at a time. */
function anchorLosses(tape: Tape, rows: number, settings: ContrastiveSettings) {
  checkContrastiveSettings(settings);
  const [losses, correct, slopes, largest, totals] = ["losses", "correct", "slopes", "largest", "totals"].map((label) =>
    tape.tensor([rows], label),
  );
  const constants = {
    LOSS: CONTRASTIVE_LOSSES.indexOf(settings.loss),
    SEMI_HARD: settings.mining === "semi-hard",
  };
  const scales = { rows, inverse_temperature: 1 / settings.temperature, margin: settings.margin };
  return {
    add(similarities: Tensor, run: AnchorRun): void {
      const LANES = tape.device.adapter.software ? 8 : 64;
      const bindings = { similarities, losses, correct, slopes, largest, totals };
      tape.launch(kernels.contrastRows, bindings, { ...scales, ...run }, { ...constants, LANES });
    },
    results: () => ({ loss: mean(tape, losses, settings.loss), accuracy: mean(tape, correct, "contrastive accuracy") }),
    gradientOf(similarities: Tensor, run: AnchorRun, gradient: Tensor): Tensor {
      const dsimilarities = tape.tensor(similarities.shape, `gradient of ${similarities.label}`);
      const bindings = { similarities, slopes, largest, totals, gradient, dsimilarities };
      tape.launch(kernels.contrastRowsGradient, bindings, { ...scales, ...run }, constants);
      return dsimilarities;
    },
  };
}

/**
 * A contrastive loss, mean over all anchors, of the similarities [2N, 2N] of all pairs of embeddings, of which rows i and
 * i + N are the two views of image i. Of an anchor, p is the similarity to its positive, s those to the n negatives that
 * count, t the temperature and m the margin (Chen et al. 2020, table 2):
 *
 * - `nt-xent`: -log(exp(p/t) / (exp(p/t) + sum exp(s/t)))
 * - `nt-logistic`: -log sigmoid(p/t) - mean log sigmoid(-s/t)
 * - `margin-triplet`: mean max(s - p + m, 0)
 *
 * The article writes the last two for one negative: the mean is over the triplets of an anchor, and 0 where none counts.
 * Gradients reach the similarities; which negatives count is taken as fixed. `accuracy` is the share of anchors whose
 * positive is more similar than every negative, whichever count.
 * @throws ConfigError as `checkContrastiveSettings` does; ShapeError unless the matrix is square with an even number of
 * rows from 4 up.
 */
export function contrastRows(tape: Tape, similarities: Tensor, settings: ContrastiveSettings): LossAndAccuracy {
  const [rows, columns] = matrixShape(similarities);
  if (rows !== columns || rows % 2 !== 0 || rows < 4) {
    throw new ShapeError(`${similarities} must compare all pairs of an even number of rows from 4 up`);
  }
  const run = { first_row: 0, count: rows };
  const anchors = anchorLosses(tape, rows, settings);
  anchors.add(similarities, run);
  const { loss, accuracy } = anchors.results();
  tape.differentiate([similarities], loss, (gradient) => [anchors.gradientOf(similarities, run, gradient)]);
  return { loss, accuracy };
}

/**
 * The same of embeddings z [2N, dim], whose similarities are their dot products. They are computed for some anchors at a time, and
 * again on the way back: what is there at once does not grow with the square of the batch.
 * @param most anchors at a time; by default as many as 8 MiB take
 * @throws ConfigError as `checkContrastiveSettings` does; ShapeError for an odd number of rows, or fewer than 4.
 */
export function contrastOfRows(tape: Tape, z: Tensor, settings: ContrastiveSettings, most?: number): LossAndAccuracy {
  const [rows] = matrixShape(z);
  if (rows % 2 !== 0 || rows < 4)
    throw new ShapeError(`${z} must hold two views of at least two images: an even number of rows from 4 up`);
  const anchors = anchorLosses(tape, rows, settings);
  const fixed = stopGradient(tape, z);
  const columns = transpose(tape, fixed);
  const parts = anchorRuns(rows, rows, most).map((run) => {
    return { own: slice(tape, fixed, 0, run.first_row, run.first_row + run.count), run };
  });
  for (const { own, run } of parts) anchors.add(matmul(tape, own, columns), run);
  const { loss, accuracy } = anchors.results();
  tape.differentiate([z], loss, (gradient) => {
    const dz = tape.tensor(z.shape, `gradient of ${z.label}`);
    for (const { own, run } of parts) {
      const dsimilarities = anchors.gradientOf(matmul(tape, own, columns), run, gradient);
      // Each similarity counts for the row that an anchor is compared with, and for the anchor.
      const asKeys = matmul(tape, dsimilarities, own, { transposeA: true });
      addRun(tape, asKeys, dz, { first_row: 0, count: rows }, run.first_row > 0);
      addRun(tape, matmul(tape, dsimilarities, fixed), dz, run, true);
    }
    return [dz];
  });
  return { loss, accuracy };
}
