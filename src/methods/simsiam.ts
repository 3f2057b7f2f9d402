import { augmentationPolicies } from "../augment/policy.js";
import type { Tape } from "../engine/tape.js";
import type { Tensor } from "../engine/tensor.js";
import { projectionHead } from "../nn/projection-head.js";
import { SMALL_IMAGE } from "../nn/resnet.js";
import { multiply, subtract } from "../ops/binary.js";
import { columnSums } from "../ops/column-sums.js";
import { mean } from "../ops/elementwise.js";
import { normalizeRows } from "../ops/normalize-rows.js";
import { reshape } from "../ops/shape.js";
import { stopGradient } from "../ops/stop-gradient.js";
import { scale } from "../ops/unary.js";
import { collapseOf, signsOfCollapse } from "./collapse.js";
import { headOf, headOptions, headText } from "./heads.js";
import { defineMethod } from "./method.js";
import { flag, whole } from "./options.js";

/** For each view of each image, the sum of its other views: z [views * images, dim], views of a kind together, to the same shape. */
function sumOfOthers(tape: Tape, z: Tensor, views: number): Tensor {
  const byView = reshape(tape, z, [views, z.size / views]);
  return reshape(tape, subtract(tape, columnSums(tape, byView), byView), z.shape);
}

/**
 * SimSiam (Chen and He 2021, arXiv 2011.10566): of each view, predict what the same model makes of the other view of the image, which
 * is taken as given; equation 4, -cos(p1, z2) / 2 - cos(p2, z1) / 2. With more views it is FastSiam (Pototzky, Sultan and
 * Schmidt-Thieme 2022): a view predicts the mean of what is made of the others, L = 1/V sum_v -cos(p_v, mean_{w != v} z_w). All
 * views go through the net in one batch, where the authors' codes take one after the other.
 */
export const simsiam = defineMethod({
  name: "simsiam",
  summary:
    "predicts what the model itself makes of another view, without negatives and a teacher (Chen and He 2021; FastSiam, with --views 4: Pototzky et al. 2022)",
  options: {
    ...headOptions({ layers: 2, hidden: 1024, output: 1024, batchNorm: true }),
    predictorHidden: whole(256, { from: 1 }, "hidden size of the predictor (the article: a quarter of its input)"),
    views: whole(2, { from: 2 }, "views of each image; FastSiam has 4, of which each predicts the mean of the others"),
    predictorConstantRate: flag(true, "train the predictor at the highest learning rate all the time"),
    stopGradient: flag(true, "take what is predicted as given; without, it collapses (figure 2 of the article)"),
  },
  policies: (imageSize) => augmentationPolicies[imageSize <= SMALL_IMAGE ? "moco-cifar" : "moco"],
  design(options, { encoder, imageSize }) {
    const { views, predictorHidden, headBatchNorm } = options;
    const head = projectionHead(encoder.features, { ...headOf(options), end: headBatchNorm ? "norm" : "bias" });
    const { output } = head;
    const predictor = projectionHead(
      output,
      {
        ...{ layers: 2, hidden: predictorHidden, output, batchNorm: true },
        rate: options.predictorConstantRate ? "constant" : "schedule",
      },
      "predictor",
    );
    return {
      head,
      classes: 0,
      others: [predictor],
      start({ policies, batch }) {
        /** Images that the outputs are measured of at once, at least: those of a micro-batch. */
        let fewest = batch;
        return {
          views: [{ views, size: imageSize, policies }],
          coupled: false,
          embed(pass, [images]) {
            const projections = head.forward(pass, encoder.forward(pass, images));
            return { projections, predictions: predictor.forward(pass, projections) };
          },
          loss({ tape }, { projections, predictions }, { size }) {
            fewest = Math.min(fewest, size);
            const z = options.stopGradient ? stopGradient(tape, projections) : projections;
            const targets = normalizeRows(tape, sumOfOthers(tape, z, views));
            const products = multiply(tape, normalizeRows(tape, predictions), targets);
            // The mean over all elements is that of the cosines, divided by the dimension.
            const loss = scale(tape, mean(tape, products, "mean of products"), -output);
            return { loss, ...signsOfCollapse(tape, projections, size) };
          },
          state: new Map(),
          collapse: (means) => collapseOf(means, output, fewest),
          description: {
            loss: "Negative cosine",
            chance: { formula: "cosine of what has nothing in common", value: 0 },
            rows: [
              ["projection head", headText(options, output)],
              [
                "predictor",
                `2 layers, hidden ${predictorHidden}${options.predictorConstantRate ? ", constant learning rate" : ""}`,
              ],
              [
                "targets",
                `${views === 2 ? "the other view" : `mean of the other ${views - 1} views`}${options.stopGradient ? "" : ", with gradient"}`,
              ],
            ],
          },
        };
      },
    };
  },
});
