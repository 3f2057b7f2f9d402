import { kernels } from "../../kernels/generated.js";
import type { Device } from "../engine/device.js";
import { type ConstantValues, constantsOf } from "../engine/pipelines.js";
import type { Tape } from "../engine/tape.js";
import { matrixShape, type Tensor } from "../engine/tensor.js";
import type { Site } from "../engine/variants.js";
import { ConfigError, ShapeError } from "../errors.js";
import { mean, transpose } from "../ops/elementwise.js";
import { matmul } from "../ops/matmul.js";
import { normalizeRows } from "../ops/normalize-rows.js";
import { wantedWorkgroups } from "../ops/tiles.js";
import {
  type ContrastGradientVariant,
  type ContrastVariant,
  contrastGradientVariants,
  contrastVariants,
  extentClass,
} from "../ops/variants.js";
import type { LossAndAccuracy } from "./softmax-cross-entropy.js";

/** @throws ConfigError unless the temperature is a number above 0. */
export function checkTemperature(temperature: number): void {
  if (!(temperature > 0) || !Number.isFinite(temperature)) {
    throw new ConfigError(
      `temperature ${temperature} must be a number above 0 (SimCLR uses 0.05 to 1, most often 0.5 or 0.1)`,
    );
  }
}

/** NT-Xent: what `LossAndAccuracy` has, and the normalised embeddings. */
export interface NtXent extends LossAndAccuracy {
  /** [2N, dim], rows of length 1. */
  readonly normalized: Tensor;
}

/**
 * Normalised temperature-scaled cross-entropy (Chen et al. 2020, equation 1), mean over all 2N anchors. Rows i and i + N of
 * `embeddings` [2N, dim] are the two views of image i; they need not be normalised. The 2N x 2N matrix of logits is never
 * stored. `accuracy` is the share of anchors whose positive has a larger logit than every negative. Chance level: log(2N - 1).
 * @throws ConfigError for a temperature that is not above 0; ShapeError for an odd number of rows or fewer than 4.
 */
export function ntXent(tape: Tape, embeddings: Tensor, temperature: number): NtXent {
  checkTemperature(temperature);
  const [rows, dim] = matrixShape(embeddings);
  if (rows % 2 !== 0 || rows < 4) {
    throw new ShapeError(`${embeddings} must hold two views of at least two images: an even number of rows from 4 up`);
  }
  const size = { rows, dim, inverse_temperature: 1 / temperature };
  const normalized = normalizeRows(tape, embeddings);
  const columns = transpose(tape, normalized);
  const { largest, sums, splits } = tape.record(firstPass(tape.device, size), [normalized, columns]);
  const [lse, losses, correct] = ["log-sum-exp", "losses", "correct"].map((label) => tape.tensor([rows], label));
  tape.launch(kernels.ntXentCombine, { largest, sums, z: normalized, lse, losses, correct }, { ...size, splits });
  const loss = mean(tape, losses, "NT-Xent");
  tape.differentiate([normalized], loss, (gradient) => [
    tape.record(embeddingGradient(tape.device, size), [normalized, columns, lse, gradient]),
  ]);
  return { loss, accuracy: mean(tape, correct, "contrastive accuracy"), normalized };
}

/** The size of the loss, with the reciprocal of its temperature. */
interface Size {
  readonly rows: number;
  readonly dim: number;
  readonly inverse_temperature: number;
}

/** A tile whose vectors of four are single elements where rows or dimensions are no multiple of four. */
function withVectors(tile: ConstantValues, rows: number, dim: number): ConstantValues {
  return rows % 4 === 0 && dim % 4 === 0 ? tile : { ...tile, VECTOR: 1 };
}

/** Logits, and of each row's negatives the largest and the sum of exponentials; of the embeddings, and them transposed. */
function firstPass(device: Device, { rows, dim, inverse_temperature }: Size) {
  const site: Site<ContrastVariant, { largest: Tensor; sums: Tensor; splits: number }> = {
    operation: "nt-xent",
    shape: `${extentClass(rows)}x${dim}`,
    candidates: contrastVariants(device),
    inputs: [
      [rows, dim],
      [dim, rows],
    ],
    record(tape, { kernel, tile, columns: width }, [z, columns]) {
      const blocks = kernel.workgroups({ ...constantsOf(kernel, tile), rows, splits: 1 });
      const tiles = Math.ceil(rows / width);
      const wanted = Math.ceil(wantedWorkgroups(device) / blocks);
      const splits = Math.ceil(tiles / Math.ceil(tiles / Math.min(wanted, tiles)));
      const largest = tape.tensor([splits, rows], "largest logits");
      const sums = tape.tensor([splits, rows], "sums of exponentials");
      tape.launch(
        kernel,
        { z, columns, largest, sums },
        { rows, dim, splits, inverse_temperature },
        withVectors(tile, rows, dim),
      );
      return { largest, sums, splits };
    },
  };
  return site;
}

/** The gradient of the embeddings, of them, them transposed, the rows' log-sum-exps and the gradient of the loss. */
function embeddingGradient(device: Device, { rows, dim, inverse_temperature }: Size) {
  const site: Site<ContrastGradientVariant, Tensor> = {
    operation: "nt-xent-gradient",
    shape: `${extentClass(rows)}x${dim}`,
    candidates: contrastGradientVariants(device),
    inputs: [[rows, dim], [dim, rows], [rows], [1]],
    record(tape, { kernel, tile }, [z, columns, lse, gradient]) {
      const dz = tape.tensor([rows, dim], "gradient of the normalised embeddings");
      tape.launch(
        kernel,
        { z, columns, lse, gradient, dz },
        { rows, dim, inverse_temperature },
        withVectors(tile, rows, dim),
      );
      return dz;
    },
  };
  return site;
}

/** Cosine similarities of all pairs of rows: a [rows, dim], b [cols, dim] -> [rows, cols]; of a with itself without b. */
export function cosineSimilarity(tape: Tape, a: Tensor, b: Tensor = a): Tensor {
  const left = normalizeRows(tape, a);
  return matmul(tape, left, b === a ? left : normalizeRows(tape, b), { transposeB: true });
}
