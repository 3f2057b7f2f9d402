import { augmentationPolicies } from "../augment/policy.js";
import { ConfigError } from "../errors.js";
import { contrast } from "../losses/contrast.js";
import { viewGroups } from "../losses/view-groups.js";
import { projectionHead } from "../nn/projection-head.js";
import { SMALL_IMAGE } from "../nn/resnet.js";
import { gatherIndices } from "../ops/rows.js";
import { collapseToPoint } from "./collapse.js";
import { headOf, headOptions, headText } from "./heads.js";
import { defineMethod } from "./method.js";
import { number, whole } from "./options.js";
import { temperatureStrain } from "./temperature.js";

/**
 * Supervised contrastive learning (Khosla et al. 2020, arXiv 2004.11362): all views of all images of the anchor's class are its
 * positives. The loss is that of equation 2, "out": a mean over the positives, outside of the logarithm, of which all other views of
 * the batch are the candidates; without the factor that the authors' code has, its temperature over 0.07. The encoder is trained;
 * what tells classes apart, such as the linear probe, is trained on it afterwards.
 */
export const supcon = defineMethod({
  name: "supcon",
  summary: "with the labels: tells views of a class from those of all other classes of the batch (Khosla et al. 2020)",
  options: {
    ...headOptions({ layers: 2, output: 128 }),
    views: whole(2, { from: 2 }, "views of each image"),
    temperature: number(0.1, { above: 0 }, "of the loss (the article's)"),
  },
  labels: true,
  policies: (imageSize) => augmentationPolicies[imageSize <= SMALL_IMAGE ? "cifar" : "imagenet"],
  design({ views, temperature, ...options }, { encoder, imageSize, batch }) {
    const head = projectionHead(encoder.features, headOf(options));
    return {
      head,
      classes: 0,
      start: ({ policies }) => ({
        views: [{ views, size: imageSize, policies }],
        coupled: true,
        embed: (pass, [group]) => ({ z: head.forward(pass, encoder.forward(pass, group)) }),
        loss({ tape }, { z }, { size, labels }) {
          if (!labels) throw new ConfigError("supcon training needs labels: put each class in a folder of its own");
          const groups = gatherIndices(tape, labels, viewGroups(tape, size, views));
          const anchors = { z, groups };
          const keys = { ...anchors, same: "positive", other: "negative" } as const;
          const { loss, accuracy, spread } = contrast(tape, anchors, [keys], { temperature });
          return { loss, contrastiveAccuracy: accuracy, outputStd: spread };
        },
        state: new Map(),
        collapse: (means) => collapseToPoint(means, head.output),
        strain: temperatureStrain(temperature),
        description: {
          loss: "SupCon in nats",
          chance: { formula: `ln(${views}N − 1)`, value: Math.log(views * batch - 1) },
          rows: [
            ["projection head", headText(options, head.output)],
            ["loss", "SupCon, of the labels"],
            ["temperature", String(temperature)],
          ],
        },
      }),
    };
  },
});
