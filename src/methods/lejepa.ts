import { augmentationPolicies } from "../augment/policy.js";
import { randomDirections } from "../losses/epps-pulley.js";
import { lejepaLoss } from "../losses/lejepa.js";
import { projectionHead } from "../nn/projection-head.js";
import { SMALL_IMAGE } from "../nn/resnet.js";
import { columnStatistics } from "../ops/batch-norm.js";
import { meanStandardDeviation } from "../ops/rows.js";
import { concatenate } from "../ops/shape.js";
import { stopGradient } from "../ops/stop-gradient.js";
import { collapseOf, collapseOfScale, signsOfCollapse } from "./collapse.js";
import { headOf, headOptions, headText } from "./heads.js";
import { defineMethod } from "./method.js";
import { number, whole } from "./options.js";
import { smallSizeOf, smallViewOptions, withSmallViews } from "./small-views.js";

/**
 * LeJEPA (Balestriero and LeCun 2025, arXiv 2511.08544): the views of an image are to have the same embedding, and the embeddings of a
 * batch to look like a sample of the standard normal distribution along any direction (SIGReg). Each step looks along new
 * directions, drawn from the seed and the number of the step. No stop-gradient, teacher or predictor.
 */
export const lejepa = defineMethod({
  name: "lejepa",
  summary: "brings views together, and makes embeddings normally distributed (SIGReg; Balestriero and LeCun 2025)",
  options: {
    ...headOptions({ layers: 3, hidden: 1024, output: 128, batchNorm: true }),
    views: whole(2, { from: 2 }, "views of full size of each image (the authors: 2, and 4 in their smallest example)"),
    ...smallViewOptions(),
    slices: whole(
      256,
      { from: 1 },
      "directions that a step looks along; the article tries 512 to 4,096, its code has 256",
    ),
    lambda: number(0.05, { from: 0, to: 1 }, "the share of SIGReg in the loss (the authors: 0.02 to 0.05)"),
  },
  policies: (imageSize) => augmentationPolicies[imageSize <= SMALL_IMAGE ? "cifar" : "imagenet"],
  design(options, { encoder, imageSize, batch }) {
    const { views, smallViews, slices, lambda } = options;
    const all = views + smallViews;
    smallSizeOf(options, imageSize);
    const head = projectionHead(encoder.features, headOf(options));
    const { output } = head;
    return {
      head,
      classes: 0,
      start({ device, policies, seed }) {
        const counter = device.indices([2], "seed and step of the directions");
        return {
          views: withSmallViews(views, options, imageSize, policies),
          coupled: true,
          embed(pass, groups) {
            const [z, smallZ] = groups.map((group) => head.forward(pass, encoder.forward(pass, group)));
            return { z, ...(smallViews > 0 && { smallZ }) };
          },
          loss({ tape }, { z: full, smallZ }, { size }) {
            const z = smallZ ? concatenate(tape, [full, smallZ], 0) : full;
            const directions = randomDirections(tape, counter, slices, output);
            const terms = lejepaLoss(tape, z, directions, { views: all, fullViews: views, lambda });
            const deviation = meanStandardDeviation(tape, columnStatistics(tape, stopGradient(tape, z)));
            return { ...terms, deviation, ...signsOfCollapse(tape, z, size) };
          },
          beforeStep: (step) => device.write(counter, Uint32Array.of(seed, step)),
          state: new Map(),
          collapse: (means) => collapseOfScale(means["deviation"]) ?? collapseOf(means, output, batch),
          description: {
            loss: "LeJEPA's loss",
            // Where embeddings begin depends on the net.
            chance: null,
            rows: [
              ["projection head", headText(options, output)],
              ["SIGReg", `${slices} directions a step, ${lambda} of the loss`],
              ["views", smallViews > 0 ? `${views}, and ${smallViews} small` : String(views)],
            ],
          },
          dispose: () => device.free(counter),
        };
      },
    };
  },
});
