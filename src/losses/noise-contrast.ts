import type { Tape } from "../engine/tape.js";
import { expectShape, matrixShape, type Tensor } from "../engine/tensor.js";
import { columnStatistics } from "../ops/batch-norm.js";
import { multiply, subtract } from "../ops/binary.js";
import { add, mean } from "../ops/elementwise.js";
import { matmul } from "../ops/matmul.js";
import { normalizeRows } from "../ops/normalize-rows.js";
import { logSumExp, rowSums } from "../ops/reductions.js";
import { gatherRows, meanStandardDeviation, scatterIndices, scatterRows } from "../ops/rows.js";
import { concatenate, reshape } from "../ops/shape.js";
import { stopGradient } from "../ops/stop-gradient.js";
import { elementwise, scale } from "../ops/unary.js";
import { checkTemperature } from "./nt-xent.js";
import { viewGroups } from "./view-groups.js";

/** The constant Z, in two persistent tensors that the first run sets. */
export interface Normalizer {
  /** Of Z, `[1, 1]`. */
  readonly logarithm: Tensor;
  /** The row of that tensor where the logarithm goes, u32 `[1]`: 0 until Z is set, and then none. */
  readonly place: Tensor;
}

/** What an anchor is compared with. */
export interface NoiseContrastInputs {
  /** `[n, dim]`: a row of length 1 for each image; without gradient. */
  readonly bank: Tensor;
  /** u32 [rows]: the row of the bank that belongs to each anchor. */
  readonly own: Tensor;
  /** u32 [m]: rows of the bank drawn uniformly, the same for all anchors; they may be anchors' own. */
  readonly draws: Tensor;
  /** See there. */
  readonly normalizer: Normalizer;
  /** Above 0. */
  readonly temperature: number;
}

/** Tensors of one. */
export interface NoiseContrast {
  /** Mean over the anchors, in nats. */
  readonly loss: Tensor;
  /** How the anchors spread: see `NtXent`. */
  readonly spread: Tensor;
}

/**
 * Noise-contrastive estimation against a bank (Gutmann and Hyvärinen 2010; Wu et al. 2018, equations 4 to 7): with the cosines s
 * over the temperature, P(j) = exp(s_j) / Z and h(j) = P(j) / (P(j) + m / n), an anchor has the loss
 *
 *     -log h(own) - sum over m draws j of log(1 - h(j))
 *
 * Z is n times the mean of exp(s) over the first anchors and what they are compared with, and then stays as it is. The draws are
 * those of all anchors of a step, in place of some for each: no anchor's loss has another expectation for it. Chance level:
 * ln(1 + m) + m ln(1 + 1 / m).
 * @param z [rows, dim]; rows need not be normalised
 * @throws ConfigError for a temperature that is not above 0; ShapeError for tensors that do not fit together.
 */
export function noiseContrast(tape: Tape, z: Tensor, inputs: NoiseContrastInputs): NoiseContrast {
  const { bank, own, draws, normalizer, temperature } = inputs;
  checkTemperature(temperature);
  const [[rows, dim], [images]] = [matrixShape(z), matrixShape(bank)];
  expectShape(bank, [images, dim], `to be the bank that ${z} is compared with`);
  expectShape(own, [rows], `to be the own rows of ${z}`);
  const u = normalizeRows(tape, z);
  const products = rowSums(tape, multiply(tape, u, gatherRows(tape, bank, own)));
  const positives = scale(tape, products, 1 / temperature);
  const noise = matmul(tape, u, gatherRows(tape, bank, draws), { transposeB: true });
  const negatives = scale(tape, noise, 1 / temperature);

  const all = stopGradient(tape, concatenate(tape, [positives, negatives], 1));
  const meanOfThem = images / (rows * (draws.size + 1));
  const found = scale(tape, logSumExp(tape, all), 1, Math.log(meanOfThem));
  scatterRows(tape, reshape(tape, found, [1, 1]), normalizer.place, normalizer.logarithm);
  // From now on, it has no place to go to.
  scatterIndices(tape, viewGroups(tape, 1, 1, 1), viewGroups(tape, 1, 1), normalizer.place);

  // The logarithm of P(j) over m / n.
  const threshold = scale(tape, reshape(tape, normalizer.logarithm, [1]), 1, Math.log(draws.size / images));
  const missed = elementwise(tape, subtract(tape, positives, threshold), [["scale", -1], "softplus"]);
  const taken = elementwise(tape, subtract(tape, negatives, threshold), ["softplus"]);
  const loss = add(tape, mean(tape, missed), scale(tape, mean(tape, taken), draws.size));
  return { loss, spread: meanStandardDeviation(tape, columnStatistics(tape, u)) };
}
