import { debiased } from "../losses/debiased.js";
import { type DebiasedAnchor, type DebiasedSettings, debiasedAnchors, debiasedLoss } from "../reference/debiased.js";
import { l2NormalizeForward } from "../reference/l2-normalize.js";
import { type Check, checkOf, evaluate, gradientOf, type KernelName, type Subject } from "./check.js";
import { SMALL_TILES } from "./contrast-keys-checks.js";
import { type ContrastTiles, withContrastTiles } from "./contrast-tiles.js";
import { exponentialSum, normalizedError, normalizeGradientError, ntXentInputs } from "./loss-checks.js";
import { expRoundings, logError, ROUNDINGS, relativeError, UNIT } from "./rounding.js";

/** Scalings of sums of exponentials: tiles, lanes, panels, runs of columns. */
const SCALINGS = 16;

/** Relative error of what follows from the sums of an anchor, and absolute error of its loss. */
function anchorErrors(
  { positives, negatives, logits, all, ofClass, rest, clamped, lse, loss }: DebiasedAnchor,
  { dimension, temperature, classPrior, hardness }: DebiasedSettings,
): { readonly slopes: number; readonly loss: number } {
  // A dot product of two rows, each with its error, whose absolute terms add up to at most 1; then the scale of its logit.
  const cosine = relativeError(dimension + 3) + 2 * (normalizedError(dimension) + UNIT);
  const logit = (factor: number) => (factor * cosine) / temperature;
  const sumError = (factor: number) => {
    const { sum, error, largest } = exponentialSum(
      Float64Array.from(negatives, (other) => factor * logits[other]),
      SCALINGS,
    );
    return logit(factor) + error + logError(sum) + UNIT * Math.abs(largest + Math.log(sum));
  };
  const summed = sumError(1 + hardness) + (hardness > 0 ? sumError(hardness) : 0);
  const positive = logit(1) + 2 * UNIT * Math.max(...positives.map((other) => Math.abs(logits[other])));
  const allError = summed + logError(negatives.length) + 3 * UNIT * (Math.abs(all) + 2 * Math.log(negatives.length));
  const spread = Math.abs(lse - all) + 2 / temperature;
  const exponential = relativeError(expRoundings(spread) + spread + positives.length + 3 * ROUNDINGS.division);
  // What is taken off may leave little.
  const left = (ofClass * (positive + allError + exponential) + UNIT) / Math.max(1 - ofClass, 1e-30);
  const logs = 4 * UNIT * (Math.abs(rest) + 1 / temperature) + logError(1 - classPrior) + 2 ** -21;
  const restError = clamped ? logs : allError + left + logs;
  const most = Math.max(positive, restError) + exponential + logs;
  return {
    slopes: logit(1 + hardness) + 2 * summed + allError + restError + most + 4 * exponential,
    loss: positive + most + UNIT * (Math.abs(loss) + positives.length * Math.max(...logits.map(Math.abs))),
  };
}

/** Outputs loss, clamped and dz; by kernels of these tiles, if any. */
function debiasedSubject(tiles?: ContrastTiles): Subject<DebiasedSettings> {
  return {
    compute: (device, { z: data, images, dimension, ...settings }) =>
      evaluate(device, (tape, input) => {
        const z = input(data, [data.length / dimension, dimension]);
        tape.watch(z);
        const record = () => {
          const { loss, clamped } = debiased(tape, z, images, settings);
          tape.backward(loss);
          return { loss, clamped, dz: gradientOf(tape, z) };
        };
        return tiles ? withContrastTiles(tape, tiles, record) : record();
      }),
    reference(settings) {
      const { loss, gradient } = debiasedLoss(settings);
      const anchors = debiasedAnchors(settings);
      const clamped = anchors.filter((anchor) => anchor.clamped).length / anchors.length;
      return { loss: Float64Array.of(loss), clamped: Float64Array.of(clamped), dz: gradient };
    },
    tolerance(settings) {
      const { z, dimension, temperature } = settings;
      const rows = z.length / dimension;
      const normalization = l2NormalizeForward(z, rows, dimension);
      const unit = normalization.y;
      const anchors = debiasedAnchors(settings);
      const sumError = relativeError(2 * rows + 64) + normalizedError(dimension) + UNIT;
      const [gradient, error] = [new Float64Array(z.length), new Float64Array(z.length)];
      let losses = 0;
      anchors.forEach((anchor, row) => {
        const errors = anchorErrors(anchor, settings);
        losses += errors.loss + relativeError(rows) * Math.abs(anchor.loss);
        anchor.slopes.forEach((slope, other) => {
          for (const [to, from] of [
            [row, other],
            [other, row],
          ]) {
            for (let d = 0; d < dimension; d++) {
              const along = unit[from * dimension + d] / (rows * temperature);
              gradient[to * dimension + d] += slope * along;
              error[to * dimension + d] += anchor.sizes[other] * (errors.slopes + sumError) * Math.abs(along);
            }
          }
        });
      });
      return {
        loss: Float64Array.of(losses / rows),
        clamped: Float64Array.of(relativeError(ROUNDINGS.division)),
        dz: normalizeGradientError(normalization, gradient, dimension, error, 4),
      };
    },
  };
}

function checkDebiased(views: number, settings: Omit<DebiasedSettings, "z">, tiles?: ContrastTiles): Check {
  const { images, dimension, temperature, classPrior, hardness } = settings;
  const tileText = tiles ? ", in tiles" : "";
  const text = `debiased: ${views} views of ${images} images, dimension ${dimension}, temperature ${temperature}, prior ${classPrior}, hardness ${hardness}, and gradient${tileText}`;
  const used: KernelName[] = ["inverseNorms", "pairLogits", "contrastLogSumExp", "debiased", "pairLogitsGradient"];
  return checkOf(used, text, debiasedSubject(tiles), () => {
    // Pairs of views come from an even number of rows; more views are those of other pairs.
    const { z } = ntXentInputs(2 * Math.ceil((views * images) / 2), dimension, temperature);
    return { ...settings, z: z.subarray(0, views * images * dimension) };
  });
}

/** Checks of the debiased loss and of hard negatives: more views than two, above 128 dimensions, with tiles in workgroup memory. */
export const debiasedChecks: readonly Check[] = [
  checkDebiased(2, { images: 17, dimension: 12, temperature: 0.5, classPrior: 0.1, hardness: 0 }),
  checkDebiased(3, { images: 7, dimension: 9, temperature: 0.2, classPrior: 0.05, hardness: 1 }),
  checkDebiased(2, { images: 9, dimension: 132, temperature: 0.5, classPrior: 0.02, hardness: 0.5 }),
  checkDebiased(2, { images: 11, dimension: 8, temperature: 0.05, classPrior: 0.1, hardness: 0 }),
  checkDebiased(2, { images: 19, dimension: 20, temperature: 0.5, classPrior: 0.1, hardness: 2 }, SMALL_TILES),
];
