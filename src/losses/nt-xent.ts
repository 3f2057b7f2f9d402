import * as kernels from "../../kernels/generated.js";
import type { Tape } from "../engine/tape.js";
import { matrixShape, type Tensor } from "../engine/tensor.js";
import { ConfigError, ShapeError } from "../errors.js";
import { mean } from "../ops/elementwise.js";
import { matmul } from "../ops/matmul.js";
import { normalizeRows } from "../ops/normalize-rows.js";
import { meanStandardDeviation } from "../ops/rows.js";
import { embeddingGradients } from "./contrast-gradient.js";
import { type Block, cutPanels, measureBlock, type Pass, panelColumns, type Recording } from "./contrast-panels.js";
import { firstPass } from "./contrast-partials.js";
import { type RelationConstants, relationConstants } from "./contrast-relations.js";
import type { LossAndAccuracy } from "./softmax-cross-entropy.js";
import { viewGroups } from "./view-groups.js";

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
   * Mean [1] over the dimensions of the standard deviation of the normalised embeddings. About 1 / sqrt(dim) where they spread
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
 * Chance level: log(2N - 1). It is the case of `contrast` with one positive an anchor, which takes less than streaming it.
 * @throws ConfigError for a temperature that is not above 0; ShapeError for an odd number of rows, fewer than 4 in all, or blocks
 * that differ in their dimensions.
 */
export function ntXent(tape: Tape, embeddings: Tensor | readonly Tensor[], temperature: number): NtXent {
  const blocks = "shape" in embeddings ? [embeddings] : embeddings;
  const rows = Math.max(...blocks.map(({ shape }) => shape[0]));
  return ntXentInPanels(tape, blocks, temperature, panelColumns(rows, rows, blocks[0]?.shape[1] ?? 1));
}

/** In the first pass: the positive of an anchor, which is known, is left to the second. */
const NEGATIVES = relationConstants({ same: "ignored", other: "negative" });
const PAIRS = relationConstants({ same: "positive", other: "negative" });

/** NT-Xent as `ntXent` computes it, in panels of so many columns. */
export function ntXentInPanels(
  tape: Tape,
  embeddings: readonly Tensor[],
  temperature: number,
  columns: number,
): NtXent {
  checkTemperature(temperature);
  const { blocks, dim, total } = measurePairs(tape, embeddings);
  const inverse_temperature = 1 / temperature;
  const panels = cutPanels(blocks, columns);
  const recording: Recording = {
    anchors: blocks,
    panels,
    dim,
    inverse_temperature,
    onePositive: true,
    weighted: false,
  };
  const all = (relations: RelationConstants) =>
    blocks.flatMap((anchors) => blocks.map((keys): Pass => ({ anchors, keys, relations })));
  const { partials, statistics } = firstPass(tape, recording, all(NEGATIVES), 2);
  const [losses, correct] = ["losses", "correct"].map((label) => tape.tensor([total], label));
  let first = 0;
  for (const [{ z, rows, anchors }, { tensor, splits }] of partials) {
    tape.launch(
      kernels.ntXentCombine,
      { partials: tensor, z, anchors, losses, correct },
      { rows, splits, dim, first, total, inverse_temperature },
    );
    first += rows;
  }
  const loss = mean(tape, losses, "NT-Xent");
  tape.differentiate(embeddings, loss, (gradient) => {
    const gradients = embeddingGradients(tape, recording, all(PAIRS), gradient, total);
    return embeddings.map((z) => gradients.get(z) ?? null);
  });
  const accuracy = mean(tape, correct, "contrastive accuracy");
  return { loss, accuracy, spread: meanStandardDeviation(tape, statistics) };
}

/**
 * Looks at the blocks and measures their rows.
 * @throws ShapeError for blocks that differ in dimensions, an odd number of rows, or fewer than 4 rows in all.
 */
export function measurePairs(
  tape: Tape,
  embeddings: readonly Tensor[],
): { blocks: Block[]; dim: number; total: number } {
  if (embeddings.length === 0) throw new ShapeError("NT-Xent needs embeddings: there is no block of them");
  const [, dim] = matrixShape(embeddings[0]);
  let total = 0;
  for (const z of embeddings) {
    const [rows, cols] = matrixShape(z);
    if (cols !== dim) throw new ShapeError(`${z} must have as many dimensions as ${embeddings[0]}`);
    if (rows % 2 !== 0) throw new ShapeError(`${z} must hold two views of each image: an even number of rows`);
    total += rows;
  }
  if (total < 4) {
    throw new ShapeError(
      `${embeddings[0]} must hold two views of at least two images: an even number of rows from 4 up`,
    );
  }
  let images = 0;
  const blocks = embeddings.map((z) => {
    const own = matrixShape(z)[0] / 2;
    images += own;
    return measureBlock(tape, z, viewGroups(tape, own, 2, images - own), null);
  });
  return { blocks, dim, total };
}

/** Cosine similarities of all pairs of rows: a [rows, dim], b [cols, dim] -> [rows, cols]; of a with itself by default. */
export function cosineSimilarity(tape: Tape, a: Tensor, b: Tensor = a): Tensor {
  const left = normalizeRows(tape, a);
  return matmul(tape, left, b === a ? left : normalizeRows(tape, b), { transposeB: true });
}
