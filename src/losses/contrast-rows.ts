import * as kernels from "../../kernels/generated.js";
import type { Tape } from "../engine/tape.js";
import { matrixShape, type Tensor } from "../engine/tensor.js";
import { ConfigError, ShapeError } from "../errors.js";
import { mean } from "../ops/elementwise.js";
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
  checkContrastiveSettings(settings);
  const [rows, columns] = matrixShape(similarities);
  if (rows !== columns || rows % 2 !== 0 || rows < 4) {
    throw new ShapeError(`${similarities} must compare all pairs of an even number of rows from 4 up`);
  }
  const params = { rows, inverse_temperature: 1 / settings.temperature, margin: settings.margin };
  const constants = {
    LOSS: CONTRASTIVE_LOSSES.indexOf(settings.loss),
    SEMI_HARD: settings.mining === "semi-hard",
  };
  const [losses, correct, slopes, largest, totals] = ["losses", "correct", "slopes", "largest", "totals"].map((label) =>
    tape.tensor([rows], label),
  );
  tape.launch(kernels.contrastRows, { similarities, losses, correct, slopes, largest, totals }, params, {
    ...constants,
    LANES: tape.device.adapter.software ? 8 : 64,
  });
  const loss = mean(tape, losses, settings.loss);
  tape.differentiate([similarities], loss, (gradient) => {
    const dsimilarities = tape.tensor(similarities.shape, `gradient of ${similarities.label}`);
    const bindings = { similarities, slopes, largest, totals, gradient, dsimilarities };
    tape.launch(kernels.contrastRowsGradient, bindings, params, constants);
    return [dsimilarities];
  });
  return { loss, accuracy: mean(tape, correct, "contrastive accuracy") };
}
