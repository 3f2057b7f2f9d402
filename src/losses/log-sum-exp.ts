import * as kernels from "../../kernels/generated.js";
import type { Tape } from "../engine/tape.js";
import { matrixShape, type Tensor } from "../engine/tensor.js";
import { meanStandardDeviation } from "../ops/rows.js";
import { embeddingGradients } from "./contrast-gradient.js";
import { cutPanels, measureBlock, type Pass, panelColumns, type Recording } from "./contrast-panels.js";
import { firstPass } from "./contrast-partials.js";
import { relationConstants } from "./contrast-relations.js";
import { checkTemperature } from "./nt-xent.js";

/** What `negativeLogSumExp` gives. */
export interface NegativeLogSumExp {
  /** `[rows]`: log sum_j exp(s[j]) over the rows of other groups. */
  readonly lse: Tensor;
  /** `[rows]`: the largest of these logits. Not differentiable. */
  readonly largest: Tensor;
  /** As `NtXent.spread`. */
  readonly spread: Tensor;
}

const OTHERS = relationConstants({ same: "ignored", other: "negative" });

/**
 * The log-sum-exp of each row's logits s, the cosines over the temperature, with all rows of other groups: z [rows, dim], which need
 * not be normalised, and groups u32 [rows] as `viewGroups` makes them. Streamed as `contrast` is, in both directions: the matrix
 * of logits is never stored. Every row needs one of another group.
 * @throws ConfigError for a temperature that is not above 0.
 */
export function negativeLogSumExp(tape: Tape, z: Tensor, groups: Tensor, temperature: number): NegativeLogSumExp {
  const [rows, dim] = matrixShape(z);
  return negativeLogSumExpInPanels(tape, z, groups, temperature, panelColumns(rows, rows, dim));
}

/** The same in panels of so many columns. */
export function negativeLogSumExpInPanels(
  tape: Tape,
  z: Tensor,
  groups: Tensor,
  temperature: number,
  columns: number,
): NegativeLogSumExp {
  checkTemperature(temperature);
  const [rows, dim] = matrixShape(z);
  const block = measureBlock(tape, z, groups, null);
  const recording: Recording = {
    anchors: [block],
    panels: cutPanels([block], columns),
    dim,
    inverse_temperature: 1 / temperature,
    onePositive: false,
    weighted: true,
  };
  const passes: Pass[] = [{ anchors: block, keys: block, relations: OTHERS }];
  const { partials, statistics } = firstPass(tape, recording, passes, 2);
  const [lse, largest] = ["log-sum-exp", "largest logits"].map((label) => tape.tensor([rows], label));
  for (const { tensor, splits } of partials.values()) {
    const bindings = { partials: tensor, anchors: block.anchors, lse, largest };
    tape.launch(kernels.contrastLogSumExp, bindings, { rows, splits });
  }
  tape.differentiate([z], lse, (weights) => {
    // The weights of the anchors go where their pulls are.
    const place = { rows: 1, cols: 3 * rows, first: 2 * rows, count: rows };
    tape.launch(kernels.insert, { x: weights, y: block.anchors }, place);
    return [embeddingGradients(tape, recording, passes, tape.device.one, 1).get(z) ?? null];
  });
  return { lse, largest, spread: meanStandardDeviation(tape, statistics) };
}
