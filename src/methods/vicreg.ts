import { augmentationPolicies } from "../augment/policy.js";
import { vicregLoss } from "../losses/vicreg.js";
import { projectionHead } from "../nn/projection-head.js";
import { SMALL_IMAGE } from "../nn/resnet.js";
import { collapseOf, collapseOfScale, signsOfCollapse } from "./collapse.js";
import { headOf, headOptions, headText } from "./heads.js";
import { defineMethod } from "./method.js";
import { number } from "./options.js";

/**
 * VICReg (Bardes, Ponce and LeCun 2022, arXiv 2105.04906): the views of an image are to have the same embedding, each dimension a
 * standard deviation of 1 or more over the batch, and no two dimensions anything in common.
 */
export const vicreg = defineMethod({
  name: "vicreg",
  summary: "brings views together and keeps dimensions varied and uncorrelated (Bardes et al. 2022)",
  options: {
    ...headOptions({ layers: 3, hidden: 1024, output: 1024, batchNorm: true }),
    invariance: number(25, { from: 0 }, "what the distance between views counts"),
    variance: number(25, { from: 0 }, "what dimensions with a standard deviation below 1 count; 0: they collapse"),
    covariance: number(1, { from: 0 }, "what covariances of different dimensions count"),
  },
  policies: (imageSize) => augmentationPolicies[imageSize <= SMALL_IMAGE ? "byol-cifar" : "byol"],
  design(options, { encoder, imageSize, batch }) {
    const { invariance, variance, covariance } = options;
    const head = projectionHead(encoder.features, { ...headOf(options), end: "none" });
    const { output } = head;
    return {
      head,
      classes: 0,
      start: ({ policies }) => ({
        views: [{ views: 2, size: imageSize, policies }],
        coupled: true,
        embed: (pass, [views]) => ({ z: head.forward(pass, encoder.forward(pass, views)) }),
        loss({ tape }, { z }, { size }) {
          const terms = vicregLoss(tape, z, { invariance, variance, covariance });
          return { ...terms, ...signsOfCollapse(tape, z, size) };
        },
        state: new Map(),
        // The term is what the standard deviations lack of 1.
        collapse: (means) => collapseOfScale(1 - means["variance"]) ?? collapseOf(means, output, batch),
        description: {
          loss: "VICReg's loss",
          // Where embeddings begin depends on the net.
          chance: null,
          rows: [
            ["projection head", headText(options, output)],
            ["weights", `invariance ${invariance}, variance ${variance}, covariance ${covariance}`],
          ],
        },
      }),
    };
  },
});
