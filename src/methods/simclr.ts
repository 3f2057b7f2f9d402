import { augmentationPolicies } from "../augment/policy.js";
import { ConfigError } from "../errors.js";
import { contrast } from "../losses/contrast.js";
import { CONTRASTIVE_LOSSES, checkContrastiveSettings, MININGS } from "../losses/contrast-rows.js";
import { contrastiveLoss, DEFAULT_MARGIN } from "../losses/contrastive.js";
import { viewGroups } from "../losses/view-groups.js";
import { projectionHead } from "../nn/projection-head.js";
import { SMALL_IMAGE } from "../nn/resnet.js";
import { collapseToPoint } from "./collapse.js";
import { headOf, headOptions, headText } from "./heads.js";
import { defineMethod } from "./method.js";
import { choice, flag, number, whole } from "./options.js";
import { smallSizeOf, smallViewOptions, withSmallViews } from "./small-views.js";
import { temperatureStrain } from "./temperature.js";

const LOSS_NAMES = { "nt-xent": "NT-Xent", "nt-logistic": "NT-logistic", "margin-triplet": "margin triplet" } as const;

/**
 * Two views of each image, told from those of all others (Chen et al. 2020, section 2.1), or more of them: the positives of an anchor
 * are then averaged outside of the logarithm, and all other views are in its denominator (Khosla et al. 2020, equation 2, with the
 * image for the label; as much as two-view NT-Xent for two). With small views (multi-crop: Caron et al. 2020, section 3.4), those of
 * full size are the keys of all.
 */
export const simclr = defineMethod({
  name: "simclr",
  summary: "tells views of an image from those of all other images of the batch (Chen et al. 2020)",
  options: {
    ...headOptions({ layers: 2, output: 128 }),
    views: whole(2, { from: 2 }, "views of full size of each image"),
    ...smallViewOptions(),
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
    const { loss: name, mining, margin, temperature, normalize, views, smallViews } = options;
    const head = projectionHead(encoder.features, headOf(options));
    const [triplet, mined] = [name === "margin-triplet", mining === "semi-hard"];
    const plain = name === "nt-xent" && !mined && normalize;
    if (!plain && (views > 2 || smallViews > 0)) {
      throw new ConfigError(
        "more than two views, and small ones, come with NT-Xent of normalised embeddings and all negatives: leave loss, mining and normalize as they are",
      );
    }
    smallSizeOf(options, imageSize);
    return {
      head,
      classes: 0,
      start({ policies }) {
        return {
          views: withSmallViews(views, options, imageSize, policies),
          coupled: true,
          embed(pass, groups) {
            const [z, smallZ] = groups.map((group) => head.forward(pass, encoder.forward(pass, group)));
            return { z, ...(smallViews > 0 && { smallZ }) };
          },
          loss({ tape }, { z, smallZ }, { size }) {
            if (views === 2 && smallViews === 0) {
              const { loss, accuracy, spread } = contrastiveLoss(tape, z, options);
              return { loss, contrastiveAccuracy: accuracy, outputStd: spread };
            }
            const full = { z, groups: viewGroups(tape, size, views) };
            const others = smallZ ? [{ z: smallZ, groups: viewGroups(tape, size, smallViews) }] : [];
            const keys = { ...full, same: "positive", other: "negative" } as const;
            const { loss, accuracy, spread } = contrast(tape, [full, ...others], [keys], { temperature });
            return { loss, contrastiveAccuracy: accuracy, outputStd: spread };
          },
          state: new Map(),
          collapse: (means) => collapseToPoint(means, head.output),
          strain: name === "margin-triplet" ? null : temperatureStrain(temperature),
          description: {
            loss: triplet ? LOSS_NAMES[name] : `${LOSS_NAMES[name]} in nats`,
            chance:
              name === "nt-xent" && !mined
                ? { formula: `ln(${views}N − 1)`, value: Math.log(views * batch - 1) }
                : null,
            rows: [
              ["projection head", headText(options, head.output)],
              [
                "loss",
                `${LOSS_NAMES[name]}${mined ? ", semi-hard negatives" : ""}${normalize ? "" : ", dot products"}`,
              ],
              ...(triplet ? [] : [["temperature", String(temperature)] as const]),
              ...(triplet || mined ? [["margin", String(margin)] as const] : []),
            ],
          },
        };
      },
    };
  },
});
