import { augmentationPolicies } from "../augment/policy.js";
import { projectionHead } from "../nn/projection-head.js";
import { SMALL_IMAGE } from "../nn/resnet.js";
import { columnStatistics } from "../ops/batch-norm.js";
import { multiply } from "../ops/binary.js";
import { mean } from "../ops/elementwise.js";
import { normalizeRows } from "../ops/normalize-rows.js";
import { meanStandardDeviation } from "../ops/rows.js";
import { concatenate, slice } from "../ops/shape.js";
import { scale } from "../ops/unary.js";
import { collapseToPoint } from "./collapse.js";
import { headOf, headOptions, headText } from "./heads.js";
import { defineMethod } from "./method.js";
import { whole } from "./options.js";
import { momentumText, Teacher, teacherOptions } from "./teacher.js";

/**
 * Bootstrap your own latent (Grill et al. 2020, arXiv 2006.07733): of each view, predict what a teacher, the moving average of the
 * model, makes of the other view of the same image. No negatives. The loss is that of equation 2 for both directions, summed:
 * 2 - 2 cos(p1, z2) + 2 - 2 cos(p2, z1). Both views go through each net in one batch.
 */
export const byol = defineMethod({
  name: "byol",
  summary: "predicts what a teacher makes of another view of the image, without negatives (Grill et al. 2020)",
  options: {
    ...headOptions({ layers: 2, hidden: 1024, output: 256, batchNorm: true }),
    predictorHidden: whole(1024, { from: 1 }, "hidden size of the predictor (the article: 4096, as the head's)"),
    ...teacherOptions(1),
  },
  policies: (imageSize) => augmentationPolicies[imageSize <= SMALL_IMAGE ? "byol-cifar" : "byol"],
  design(options, { encoder, imageSize }) {
    const head = projectionHead(encoder.features, headOf(options));
    const { output } = head;
    const predictor = projectionHead(
      output,
      { layers: 2, hidden: options.predictorHidden, output, batchNorm: true },
      "predictor",
    );
    return {
      head,
      classes: 0,
      others: [predictor],
      start(parts) {
        const teacher = new Teacher(parts, options);
        return {
          views: [{ views: 2, size: imageSize, policies: parts.policies }],
          coupled: false,
          embed: (pass, [views]) => ({
            predictions: predictor.forward(pass, head.forward(pass, encoder.forward(pass, views))),
          }),
          targets: (tape, [views]) => ({ targets: teacher.outputs(tape, views) }),
          loss({ tape }, { predictions, targets }, { size }) {
            const p = normalizeRows(tape, predictions);
            const others = concatenate(
              tape,
              [slice(tape, targets, 0, size, 2 * size), slice(tape, targets, 0, 0, size)],
              0,
            );
            const products = multiply(tape, p, normalizeRows(tape, others));
            // The mean over all elements is that of the cosines, divided by the dimension.
            const loss = scale(tape, mean(tape, products, "mean of products"), -4 * output, 4);
            return { loss, outputStd: meanStandardDeviation(tape, columnStatistics(tape, p)) };
          },
          afterUpdate: (tape) => teacher.record(tape),
          beforeStep: (step, steps) => teacher.setStep(step, steps),
          state: teacher.state,
          restart: () => teacher.restart(),
          collapse: (means) => collapseToPoint(means, output),
          description: {
            loss: "BYOL's loss, both directions",
            chance: { formula: "2 a direction", value: 4 },
            rows: [
              ["projection head", headText(options, output)],
              ["predictor", `2 layers, hidden ${options.predictorHidden}`],
              ["teacher's momentum", momentumText(options)],
            ],
          },
          dispose: () => teacher.dispose(),
        };
      },
    };
  },
});
