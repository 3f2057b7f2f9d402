import { augmentationPolicies } from "../augment/policy.js";
import { barlowTwins } from "../losses/barlow-twins.js";
import { projectionHead } from "../nn/projection-head.js";
import { SMALL_IMAGE } from "../nn/resnet.js";
import { collapseOf, signsOfCollapse } from "./collapse.js";
import { headOf, headOptions, headText } from "./heads.js";
import { defineMethod } from "./method.js";
import { number } from "./options.js";

/**
 * Barlow Twins (Zbontar et al. 2021, arXiv 2103.03230): each dimension of the embeddings is to agree between the two views of an
 * image, and to have nothing in common with the other dimensions. No negatives, and nothing that keeps the two views apart.
 */
export const barlow = defineMethod({
  name: "barlow",
  summary: "makes each dimension the same for two views, and unlike the other dimensions (Zbontar et al. 2021)",
  options: {
    ...headOptions({ layers: 3, hidden: 1024, output: 1024, batchNorm: true }),
    lambda: number(0.0051, { from: 0 }, "what correlations of different dimensions count (the article: 0.0051)"),
    scaleLoss: number(1, { above: 0 }, "what the whole loss counts (the article: 1; solo-learn for CIFAR-10: 0.1)"),
  },
  policies: (imageSize) => augmentationPolicies[imageSize <= SMALL_IMAGE ? "byol-cifar" : "byol"],
  design(options, { encoder, imageSize, batch }) {
    const { lambda, scaleLoss: scale } = options;
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
          return { loss: barlowTwins(tape, z, { lambda, scale }), ...signsOfCollapse(tape, z, size) };
        },
        state: new Map(),
        collapse: (means) => collapseOf(means, output, batch),
        description: {
          loss: "Barlow Twins' loss",
          chance: {
            formula: "scale (D + lambda D (D − 1) / N)",
            value: scale * (output + (lambda * output * (output - 1)) / batch),
          },
          rows: [
            ["projection head", headText(options, output)],
            ["lambda", String(lambda)],
            ["scale of the loss", String(scale)],
          ],
        },
      }),
    };
  },
});
