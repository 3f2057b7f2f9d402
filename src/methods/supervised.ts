import { augmentationPolicies, policyList } from "../augment/policy.js";
import { ConfigError } from "../errors.js";
import { softmaxCrossEntropy } from "../losses/softmax-cross-entropy.js";
import { classifier } from "../nn/classifier.js";
import { defineMethod } from "./method.js";

/**
 * Training with the labels, to compare with and to fine-tune by: softmax cross-entropy of a linear classifier on one view of each
 * image (Chen et al. 2020, appendices B.5 and B.8).
 */
export const supervised = defineMethod({
  name: "supervised",
  summary: "with the labels: a linear classifier on the encoder, trained with it on one view of each image",
  options: {},
  labels: true,
  policies: () => augmentationPolicies.crop,
  design: (_, { encoder, imageSize, classes }) => ({
    head: classifier(encoder.features, classes),
    classes,
    start({ model, policies }) {
      const { length } = policyList(policies);
      if (length > 1) {
        throw new ConfigError(
          `supervised training sees one view of an image: give it one augmentation policy, not ${length}`,
        );
      }
      return {
        views: [{ views: 1, size: imageSize, policies }],
        coupled: false,
        embed: (pass, [views]) => ({ logits: model.head.forward(pass, encoder.forward(pass, views)) }),
        loss({ tape }, { logits }, { labels }) {
          if (!labels) throw new ConfigError("supervised training needs labels: put each class in a folder of its own");
          const { loss, accuracy } = softmaxCrossEntropy(tape, logits, labels);
          return { loss, accuracy };
        },
        state: new Map(),
        collapse: () => null,
        description: {
          loss: "Cross-entropy in nats",
          chance: { formula: "ln C", value: Math.log(classes) },
          rows: [
            ["classifier", `linear, ${classes} classes`],
            ["loss", "cross-entropy of the labels"],
          ],
        },
      };
    },
  }),
});
