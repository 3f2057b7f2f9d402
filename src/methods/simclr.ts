import { augmentationPolicies } from "../augment/policy.js";
import { CONTRASTIVE_LOSSES } from "../losses/contrast-rows.js";
import { DEFAULT_MARGIN } from "../losses/contrastive.js";
import { projectionHead } from "../nn/projection-head.js";
import { SMALL_IMAGE } from "../nn/resnet.js";
import { collapseToPoint } from "./collapse.js";
import { headOf, headOptions, headText } from "./heads.js";
import { defineMethod } from "./method.js";
import { checkNegatives, negativesChance, negativesLoss, negativesOptions, negativesRows } from "./negatives.js";
import { choice, flag, number, whole } from "./options.js";
import { smallSizeOf, smallViewOptions, withSmallViews } from "./small-views.js";
import { temperatureStrain } from "./temperature.js";

const LOSS_NAMES = { "nt-xent": "NT-Xent", "nt-logistic": "NT-logistic", "margin-triplet": "margin triplet" } as const;

/**
 * Two views of each image, told from those of all others (Chen et al. 2020, section 2.1), or more of them: the positives of an anchor
 * are then averaged outside of the logarithm, and all other views are in its denominator (Khosla et al. 2020, equation 2, with the
 * image for the label; as much as two-view NT-Xent for two). `negatives` says which of the other views count there, and how much. With
 * small views (multi-crop: Caron et al. 2020, section 3.4), those of
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
    ...negativesOptions(),
    margin: number(DEFAULT_MARGIN, { from: 0 }, "of the margin triplet and of semi-hard negatives, in cosine"),
    normalize: flag(true, "compare embeddings by their cosine, not their dot product"),
  },
  policies: (imageSize) => augmentationPolicies[imageSize <= SMALL_IMAGE ? "cifar" : "imagenet"],
  design(options, { encoder, imageSize, batch }) {
    checkNegatives(options);
    const { loss: name, negatives, margin, temperature, normalize, views, smallViews } = options;
    const head = projectionHead(encoder.features, headOf(options));
    const [triplet, mined] = [name === "margin-triplet", negatives === "semi-hard"];
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
          loss: ({ tape }, { z, smallZ }, { size }) => negativesLoss(tape, { z, smallZ }, size, options),
          state: new Map(),
          collapse: (means) => collapseToPoint(means, head.output),
          strain: name === "margin-triplet" ? null : temperatureStrain(temperature),
          description: {
            loss: triplet ? LOSS_NAMES[name] : `${LOSS_NAMES[name]} in nats`,
            chance: negativesChance(options, batch),
            rows: [
              ["projection head", headText(options, head.output)],
              [
                "loss",
                `${LOSS_NAMES[name]}${mined ? ", semi-hard negatives" : ""}${normalize ? "" : ", dot products"}`,
              ],
              ...negativesRows(options),
              ...(triplet ? [] : [["temperature", String(temperature)] as const]),
              ...(triplet || mined ? [["margin", String(margin)] as const] : []),
            ],
          },
        };
      },
    };
  },
});
