import { augmentationPolicies } from "../augment/policy.js";
import { contrast } from "../losses/contrast.js";
import { viewGroups } from "../losses/view-groups.js";
import { projectionHead } from "../nn/projection-head.js";
import { SMALL_IMAGE } from "../nn/resnet.js";
import { add } from "../ops/elementwise.js";
import { slice } from "../ops/shape.js";
import { scale } from "../ops/unary.js";
import { collapseToPoint } from "./collapse.js";
import { headOf, headOptions, headText } from "./heads.js";
import { defineMethod } from "./method.js";
import { flag, number, whole } from "./options.js";
import { momentumText, Teacher, teacherOptions } from "./teacher.js";
import { temperatureStrain } from "./temperature.js";

/**
 * Momentum contrast, version 3 (Chen, Xie and He 2021, arXiv 2104.02057, algorithm 1): a prediction from one view of an image is told
 * from what a teacher makes of the other images of the batch, by what it makes of the image's own other view; both directions,
 * without a queue. With ctr the mean InfoNCE of predictions q and keys k, the loss is 2 t ctr(q1, k2) + 2 t ctr(q2, k1): the
 * factor keeps gradients alike whatever the temperature t. Heads are those that the authors' code has for ResNets
 * (facebookresearch/moco-v3, commit c349e6e): linear layers without biases, and batch norm without scale and offset after the
 * projection head. Both views go through each net in one batch.
 */
export const mocoV3 = defineMethod({
  name: "moco-v3",
  summary:
    "predicts what a teacher makes of another view, told from the other images of the batch (Chen, Xie and He 2021)",
  options: {
    ...headOptions({ layers: 2, hidden: 1024, output: 256, batchNorm: true }),
    headOutputNorm: flag(true, "batch norm without scale and offset after the projection head's last layer"),
    predictorHidden: whole(1024, { from: 1 }, "hidden size of the predictor (the article: 4096, as the head's)"),
    temperature: number(0.2, { above: 0 }, "of the loss (the article: 1 for ResNets, 0.2 for transformers)"),
    ...teacherOptions(1),
  },
  policies: (imageSize) => augmentationPolicies[imageSize <= SMALL_IMAGE ? "byol-cifar" : "byol"],
  design(options, { encoder, imageSize, batch }) {
    const { temperature, predictorHidden: hidden } = options;
    const end = options.headOutputNorm ? "norm" : "none";
    const head = projectionHead(encoder.features, { ...headOf(options), end });
    const { output } = head;
    const predictor = projectionHead(output, { layers: 2, hidden, output, batchNorm: true, end: "none" }, "predictor");
    return {
      head,
      classes: 0,
      others: [predictor],
      start(parts) {
        const teacher = new Teacher(parts, options);
        return {
          views: [{ views: 2, size: imageSize, policies: parts.policies }],
          coupled: true,
          embed: (pass, [views]) => ({
            predictions: predictor.forward(pass, head.forward(pass, encoder.forward(pass, views))),
          }),
          targets: (tape, [views]) => ({ keys: teacher.outputs(tape, views) }),
          loss({ tape }, { predictions, keys }, { size }) {
            const groups = viewGroups(tape, size, 1);
            const [first, second] = [0, 1].map((view) => {
              const part = (of: typeof keys, at: number) => slice(tape, of, 0, at * size, (at + 1) * size);
              const queries = { z: part(predictions, view), groups };
              const others = { z: part(keys, 1 - view), groups, same: "positive", other: "negative" } as const;
              return contrast(tape, queries, [others], { temperature });
            });
            const both = (measure: "loss" | "accuracy" | "spread") => add(tape, first[measure], second[measure]);
            return {
              loss: scale(tape, both("loss"), 2 * temperature),
              contrastiveAccuracy: scale(tape, both("accuracy"), 0.5),
              outputStd: scale(tape, both("spread"), 0.5),
            };
          },
          afterUpdate: (tape) => teacher.record(tape),
          beforeStep: (step, steps) => teacher.setStep(step, steps),
          state: teacher.state,
          restart: () => teacher.restart(),
          strain: temperatureStrain(temperature),
          collapse: (means) => collapseToPoint(means, output),
          description: {
            loss: "MoCo v3's loss, both directions",
            chance: { formula: "4 τ ln N", value: 4 * temperature * Math.log(batch) },
            rows: [
              ["projection head", headText(options, output)],
              ["predictor", `2 layers, hidden ${hidden}`],
              ["temperature", String(temperature)],
              ["teacher's momentum", momentumText(options)],
            ],
          },
          dispose: () => teacher.dispose(),
        };
      },
    };
  },
});
