import { augmentationPolicies } from "../augment/policy.js";
import { CONTRASTIVE_LOSSES, checkContrastiveSettings, MININGS } from "../losses/contrast-rows.js";
import { contrastiveLoss, DEFAULT_MARGIN } from "../losses/contrastive.js";
import { projectionHead } from "../nn/projection-head.js";
import { SMALL_IMAGE } from "../nn/resnet.js";
import { collapseToPoint } from "./collapse.js";
import { headOf, headOptions, headText } from "./heads.js";
import { defineMethod } from "./method.js";
import { choice, flag, number } from "./options.js";

const LOSS_NAMES = { "nt-xent": "NT-Xent", "nt-logistic": "NT-logistic", "margin-triplet": "margin triplet" } as const;

/** Two views of each image, told apart from those of all others (Chen et al. 2020, section 2.1). */
export const simclr = defineMethod({
  name: "simclr",
  summary: "tells views of an image from those of all other images of the batch (Chen et al. 2020)",
  options: {
    ...headOptions({ layers: 2, output: 128 }),
    loss: choice(CONTRASTIVE_LOSSES, "nt-xent", "what is trained for (Chen et al. 2020, table 2)"),
    temperature: number(0.5, { above: 0 }, "of NT-Xent and NT-logistic"),
    mining: choice(
      MININGS,
      "none",
      "which negatives count; semi-hard: those farther than the positive, by at most the margin",
    ),
    margin: number(DEFAULT_MARGIN, { from: 0 }, "of the margin triplet and of semi-hard mining, in cosine"),
    normalize: flag(true, "compare embeddings by their cosine, not their dot product"),
  },
  policies: (imageSize) => augmentationPolicies[imageSize <= SMALL_IMAGE ? "cifar" : "imagenet"],
  design(options, { encoder, imageSize, batch }) {
    checkContrastiveSettings(options);
    const { loss: name, mining, margin, temperature, normalize } = options;
    const head = projectionHead(encoder.features, headOf(options));
    const [triplet, mined] = [name === "margin-triplet", mining === "semi-hard"];
    return {
      head,
      classes: 0,
      start: ({ policies }) => ({
        views: [{ views: 2, size: imageSize, policies }],
        coupled: true,
        embed: (pass, [views]) => ({ z: head.forward(pass, encoder.forward(pass, views)) }),
        loss({ tape }, { z }) {
          const { loss, accuracy, spread } = contrastiveLoss(tape, z, options);
          return { loss, contrastiveAccuracy: accuracy, outputStd: spread };
        },
        state: new Map(),
        collapse: (means) => collapseToPoint(means, head.output),
        description: {
          loss: triplet ? LOSS_NAMES[name] : `${LOSS_NAMES[name]} in nats`,
          chance: name === "nt-xent" && !mined ? { formula: "ln(2N − 1)", value: Math.log(2 * batch - 1) } : null,
          rows: [
            ["projection head", headText(options, head.output)],
            ["loss", `${LOSS_NAMES[name]}${mined ? ", semi-hard negatives" : ""}${normalize ? "" : ", dot products"}`],
            ...(triplet ? [] : [["temperature", String(temperature)] as const]),
            ...(triplet || mined ? [["margin", String(margin)] as const] : []),
          ],
        },
        dispose() {},
      }),
    };
  },
});
