import { kernels } from "../../kernels/generated.js";
import type { Site } from "../engine/choices.js";
import type { Device } from "../engine/device.js";
import { constantsOf } from "../engine/pipelines.js";
import type { Tape } from "../engine/tape.js";
import type { Tensor } from "../engine/tensor.js";
import { ConfigError } from "../errors.js";
import { mean } from "../ops/elementwise.js";
import { matmul } from "../ops/matmul.js";
import { normalizeRows } from "../ops/normalize-rows.js";
import { meanStandardDeviation } from "../ops/rows.js";
import { wantedWorkgroups } from "../ops/tiles.js";
import { type ContrastVariant, contrastVariants, extentClass, withVectors } from "../ops/variants.js";
import {
  type Block,
  type Contrast,
  columnShape,
  columnsOf,
  cutPanels,
  measureBlocks,
  type Panel,
  panelColumns,
  placeOf,
} from "./contrast-panels.js";
import { embeddingGradients } from "./nt-xent-gradient.js";
import type { LossAndAccuracy } from "./softmax-cross-entropy.js";

/** @throws ConfigError unless the temperature is a number above 0. */
export function checkTemperature(temperature: number): void {
  if (!(temperature > 0) || !Number.isFinite(temperature)) {
    throw new ConfigError(
      `temperature ${temperature} must be a number above 0 (SimCLR uses 0.05 to 1, most often 0.5 or 0.1)`,
    );
  }
}

/** NT-Xent: what `LossAndAccuracy` has, and how the embeddings spread. */
export interface NtXent extends LossAndAccuracy {
  /**
   * [1]: mean over the dimensions of the standard deviation of the normalised embeddings. About 1 / sqrt(dim) where they spread
   * over the sphere, near 0 where they have collapsed to a point.
   */
  readonly spread: Tensor;
}

/**
 * Normalised temperature-scaled cross-entropy (Chen et al. 2020, equation 1), mean over all 2N anchors. Rows i and i + N of
 * `embeddings` [2N, dim] are the two views of image i; they need not be normalised. Embeddings too large for one tensor are given
 * as blocks of rows, each laid out like that by itself: all rows of all blocks are each other's negatives, and every watched block
 * gets its gradient.
 *
 * The 2N x 2N matrix of logits is never stored; besides the gradients, memory is needed for a panel of columns, and above 128
 * dimensions for a tile of the matrix. `accuracy` is the share of anchors whose positive has a larger logit than every negative.
 * Chance level: log(2N - 1).
 * @throws ConfigError for a temperature that is not above 0; ShapeError for an odd number of rows, fewer than 4 in all, or blocks
 * that differ in their dimensions.
 */
export function ntXent(tape: Tape, embeddings: Tensor | readonly Tensor[], temperature: number): NtXent {
  const blocks = "shape" in embeddings ? [embeddings] : embeddings;
  const rows = Math.max(...blocks.map(({ shape }) => shape[0]));
  return ntXentInPanels(tape, blocks, temperature, panelColumns(rows, blocks[0]?.shape[1] ?? 1));
}

/** NT-Xent as `ntXent` computes it, in panels of so many columns. */
export function ntXentInPanels(
  tape: Tape,
  embeddings: readonly Tensor[],
  temperature: number,
  columns: number,
): NtXent {
  checkTemperature(temperature);
  const { blocks, dim, total } = measureBlocks(tape, embeddings);
  const panels = cutPanels(blocks, columns);
  const contrast: Contrast = { blocks, panels, dim, total, inverse_temperature: 1 / temperature };
  const { partials, statistics } = firstPass(tape, contrast);
  const [losses, correct] = ["losses", "correct"].map((label) => tape.tensor([total], label));
  for (const [i, { z, rows, first, anchors }] of blocks.entries()) {
    const { largest, sums, splits } = partials[i];
    tape.launch(
      kernels.ntXentCombine,
      { largest, sums, z, anchors, losses, correct },
      { rows, splits, dim, first, total, inverse_temperature: contrast.inverse_temperature },
    );
  }
  const loss = mean(tape, losses, "NT-Xent");
  tape.differentiate(embeddings, loss, (gradient) => embeddingGradients(tape, contrast, gradient));
  const accuracy = mean(tape, correct, "contrastive accuracy");
  return { loss, accuracy, spread: meanStandardDeviation(tape, statistics) };
}

/** Of each row of a block and each run of columns, the largest logit of the negatives and the sum of exponentials relative to it. */
interface Partials {
  readonly largest: Tensor;
  readonly sums: Tensor;
  readonly splits: number;
}

/** Goes through all panels: the partials of each block, and means and variances of the normalised embeddings, [2, dim]. */
function firstPass(tape: Tape, contrast: Contrast): { partials: readonly Partials[]; statistics: Tensor } {
  const { blocks, panels, dim } = contrast;
  const LANES = tape.device.adapter.software ? 8 : 64;
  const statistics = tape.tensor([2, dim], "statistics of the embeddings");
  const partials = blocks.map((block) => partialsOf(tape, block, panels[0].width));
  for (const panel of panels) {
    const columns = columnsOf(tape, panel, dim);
    const before = panel.block.first + panel.first;
    tape.launch(kernels.ntXentStatistics, { columns, statistics }, { dim, width: panel.width, before }, { LANES });
    for (const [i, block] of blocks.entries()) {
      const { largest, sums, splits } = partials[i];
      const site = partialLogits(tape.device, contrast, block, panel, splits);
      tape.record(site, [block.z, block.anchors, columns, largest, sums]);
    }
  }
  return { partials, statistics };
}

/** Where the partials of a block go: as many runs of columns as keep the adapter busy. */
function partialsOf(tape: Tape, { rows }: Block, width: number): Partials {
  const [{ kernel, tile, columns }] = contrastVariants(tape.device);
  const workgroups = kernel.workgroups({ ...constantsOf(kernel, tile), rows, splits: 1 });
  const tiles = Math.ceil(width / columns);
  const wanted = Math.ceil(wantedWorkgroups(tape.device) / workgroups);
  const splits = Math.ceil(tiles / Math.ceil(tiles / Math.min(wanted, tiles)));
  const largest = tape.tensor([splits, rows], "largest logits");
  const sums = tape.tensor([splits, rows], "sums of exponentials");
  return { largest, sums, splits };
}

/** The logits of a block's rows in a panel, into the partials. */
function partialLogits(
  device: Device,
  { dim, inverse_temperature, panels }: Contrast,
  block: Block,
  panel: Panel,
  splits: number,
): Site<ContrastVariant, void> {
  const { rows } = block;
  return {
    operation: "nt-xent",
    shape: `${extentClass(rows)}x${dim}`,
    candidates: contrastVariants(device),
    inputs: [[rows, dim], [3, rows], columnShape(panel, dim), [splits, rows], [splits, rows]],
    record(tape, { kernel, tile }, [z, anchors, columns, largest, sums]) {
      tape.launch(
        kernel,
        { z, anchors, columns, largest, sums },
        {
          ...{ rows, dim, splits, inverse_temperature, ...placeOf(panel, block) },
          continues: Number(panel !== panels[0]),
        },
        withVectors(tile, dim),
      );
    },
  };
}

/** Cosine similarities of all pairs of rows: a [rows, dim], b [cols, dim] -> [rows, cols]; of a with itself without b. */
export function cosineSimilarity(tape: Tape, a: Tensor, b: Tensor = a): Tensor {
  const left = normalizeRows(tape, a);
  return matmul(tape, left, b === a ? left : normalizeRows(tape, b), { transposeB: true });
}
