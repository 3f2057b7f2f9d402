import { augmentationPolicies } from "../augment/policy.js";
import type { Tape } from "../engine/tape.js";
import type { Tensor } from "../engine/tensor.js";
import { contrast } from "../losses/contrast.js";
import { viewGroups } from "../losses/view-groups.js";
import { BatchNorm } from "../nn/layers.js";
import type { Head } from "../nn/module.js";
import { type HeadOptions, projectionHead } from "../nn/projection-head.js";
import { SMALL_IMAGE } from "../nn/resnet.js";
import { columnStatistics } from "../ops/batch-norm.js";
import { add, mean } from "../ops/elementwise.js";
import { nearestRows } from "../ops/nearest-rows.js";
import { normalizeRows } from "../ops/normalize-rows.js";
import { gatherRows, meanStandardDeviation } from "../ops/rows.js";
import { slice } from "../ops/shape.js";
import { stopGradient } from "../ops/stop-gradient.js";
import { scale } from "../ops/unary.js";
import { collapseToPoint } from "./collapse.js";
import { headOf, headOptions, headText } from "./heads.js";
import { defineMethod } from "./method.js";
import { number, whole } from "./options.js";
import { Queue, queueOption, queueRows } from "./queue.js";
import { temperatureStrain } from "./temperature.js";

/** A head with batch norm after its last layer too, where there is one after the others (Dwibedi et al. 2021, section 4.1). */
function normalizedHead(features: number, options: HeadOptions): Head {
  const head = projectionHead(features, options);
  const { layers, batchNorm } = options;
  if (!batchNorm || layers === 0) return head;
  // The place behind linear layers with batch norm and a rectifier between.
  const norm = new BatchNorm(`head.${3 * layers - 2}`, head.output);
  return {
    output: head.output,
    tensors: [...head.tensors, ...norm.tensors],
    forward: (pass, h) => norm.forward(pass, head.forward(pass, h)),
  };
}

/** The two views of a batch of so many images: rows [2 size, dim] in halves. */
function halves(tape: Tape, rows: Tensor, size: number): [Tensor, Tensor] {
  return [slice(tape, rows, 0, 0, size), slice(tape, rows, 0, size)];
}

/**
 * Nearest-neighbour contrastive learning (Dwibedi et al. 2021, arXiv 2104.14548): the positive of a view is, in place of another view,
 * the nearest neighbour of the other view among embeddings of the last steps, and is told from those of the other images
 * of the batch by what a predictor makes of the view. Equation 3 for both directions, averaged: with NN(z1) for anchors and the
 * predictions p2 of all images for keys, and the other way round. Gradients pass through the predictions alone. The embeddings of
 * the first views join the queue after the loss, made of length 1.
 */
export const nnclr = defineMethod({
  name: "nnclr",
  summary:
    "predicts the nearest neighbour, in a queue of images of the last steps, of another view (Dwibedi et al. 2021)",
  options: {
    ...headOptions({ layers: 3, hidden: 1024, output: 256, batchNorm: true }),
    predictorHidden: whole(1024, { from: 1 }, "hidden size of the predictor (the article: 4096, and 2048 the head's)"),
    temperature: number(0.1, { above: 0 }, "of the loss (the article's)"),
    queue: queueOption(),
  },
  policies: (imageSize) => augmentationPolicies[imageSize <= SMALL_IMAGE ? "cifar" : "imagenet"],
  design(options, { encoder, imageSize, batch, images }) {
    const rows = queueRows(options.queue, { images, batch });
    const { temperature, predictorHidden } = options;
    const head = normalizedHead(encoder.features, headOf(options));
    const { output } = head;
    const predictor = projectionHead(
      output,
      { layers: 2, hidden: predictorHidden, output, batchNorm: true },
      "predictor",
    );
    return {
      head,
      classes: 0,
      others: [predictor],
      start(parts) {
        const queue = new Queue(parts, rows, output);
        return {
          views: [{ views: 2, size: imageSize, policies: parts.policies }],
          coupled: true,
          embed(pass, [views]) {
            const z = head.forward(pass, encoder.forward(pass, views));
            return { z, predictions: predictor.forward(pass, z) };
          },
          loss({ tape }, { z, predictions }, { size }) {
            const u = normalizeRows(tape, stopGradient(tape, z));
            const { indices, values } = nearestRows(tape, u, queue.keys);
            const neighbours = halves(tape, gatherRows(tape, queue.keys, indices), size);
            const [first, second] = halves(tape, predictions, size);
            const groups = viewGroups(tape, size, 1);
            const [one, other] = [second, first].map((keys, view) => {
              const rule = { z: keys, groups, same: "positive", other: "negative" } as const;
              return contrast(tape, { z: neighbours[view], groups }, [rule], { temperature });
            });
            const average = (a: Tensor, b: Tensor) => scale(tape, add(tape, a, b), 0.5);
            return {
              loss: average(one.loss, other.loss),
              contrastiveAccuracy: average(one.accuracy, other.accuracy),
              outputStd: meanStandardDeviation(tape, columnStatistics(tape, u)),
              neighbourSimilarity: mean(tape, values, "similarity of the neighbours"),
            };
          },
          keeps: ["z"],
          afterUpdate(tape, { z }, { size }) {
            queue.record(tape, normalizeRows(tape, slice(tape, stopGradient(tape, z), 0, 0, size)));
          },
          beforeStep: (step) => queue.setStep(step),
          state: queue.state,
          collapse: (means) => collapseToPoint(means, output),
          strain: temperatureStrain(temperature),
          description: {
            loss: "InfoNCE in nats",
            chance: { formula: "ln N", value: Math.log(batch) },
            rows: [
              ["projection head", headText(options, output)],
              ["predictor", `2 layers, hidden ${predictorHidden}`],
              ["temperature", String(temperature)],
              ["queue", `${rows.toLocaleString("en")} embeddings`],
            ],
          },
          dispose: () => queue.dispose(),
        };
      },
    };
  },
});
