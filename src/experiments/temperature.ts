import { contrastMeasurement } from "./contrast.js";
import type { Experiment } from "./experiment.js";
import { accuracyText, best, exactly, gain } from "./sentences.js";
import type { Scale } from "./setting.js";
import { training } from "./training.js";

/** Images of the contrastive distribution; the paper's is over 4,096. */
const EXAMPLES: Readonly<Record<Scale, number>> = { smoke: 512, small: 1024, full: 4096 };

/** What is compared, and the published entropy, contrastive accuracy and top-1 (Chen et al. 2020, table 5). */
const VARIANTS = [
  { normalized: "yes", temperature: 0.05, entropy: 1.0, contrastive: 90.5, top1: 59.7 },
  { normalized: "yes", temperature: 0.1, entropy: 4.5, contrastive: 87.8, top1: 64.4 },
  { normalized: "yes", temperature: 0.5, entropy: 8.2, contrastive: 68.2, top1: 60.7 },
  { normalized: "yes", temperature: 1, entropy: 8.3, contrastive: 59.1, top1: 58.0 },
  { normalized: "no", temperature: 10, entropy: 0.5, contrastive: 91.7, top1: 57.2 },
  { normalized: "no", temperature: 100, entropy: 0.5, contrastive: 92.1, top1: 57.0 },
];

/** The temperature of the loss: accuracy, and how sharp the contrastive prediction becomes. */
export const temperature: Experiment = {
  name: "temperature",
  title: "Temperature and normalisation",
  shows:
    "Normalised embeddings and a fitting temperature weigh hard negatives well; without them the contrastive task is solved better and the representations are worse.",
  plan: (setting) =>
    setting.seeds
      .slice(0, 2)
      .flatMap((seed) =>
        VARIANTS.map(({ normalized, temperature: value }) =>
          training(
            setting,
            { normalized, temperature: value, seed },
            { options: { normalize: normalized === "yes", temperature: value }, seed },
            { measurement: contrastMeasurement(Math.min(EXAMPLES[setting.scale], setting.testImages)) },
          ),
        ),
      ),
  present(results) {
    const examples = Math.min(EXAMPLES[results.setting.scale], results.setting.testImages);
    const found = VARIANTS.map(({ normalized, temperature: value }) => {
      const of = (name: string) => results.estimate({ normalized, temperature: value }, name);
      return {
        normalized,
        temperature: value,
        entropy: of("entropy").mean,
        contrastive: of("contrastiveTestAccuracy"),
        value: of("probe"),
        knn: of("knn"),
      };
    });
    const cosines = found.filter(({ normalized }) => normalized === "yes");
    const products = found.filter(({ normalized }) => normalized === "no");
    const [sharpest, softest] = [cosines[0], cosines[cosines.length - 1]];
    const top = best(cosines);
    const topProduct = best(products);
    return {
      findings: [
        `With normalised embeddings the best temperature is ${top.temperature}: the linear probe reaches ${accuracyText(top.value)} (published: 0.1, with 64.4 %).`,
        `Without normalisation it reaches ${accuracyText(topProduct.value)} at most, ${gain(top.value, topProduct.value)} (published: −7.2 points), with a contrastive accuracy of ${accuracyText(topProduct.contrastive)} against ${accuracyText(top.contrastive)}.`,
        `From temperature ${sharpest.temperature} to ${softest.temperature} the contrastive accuracy goes from ${accuracyText(sharpest.contrastive)} to ${accuracyText(softest.contrastive)}, and the entropy from ${sharpest.entropy.toFixed(1)} to ${softest.entropy.toFixed(1)} of at most ln(${examples}) = ${Math.log(examples).toFixed(1)} nats.`,
      ],
      sections: [
        {
          title: "Accuracy by temperature",
          note: `Entropy (in nats) and contrastive accuracy are those of the softmax over the second views of ${examples.toLocaleString("en-US")} test images, for each first view; in the paper, of 4,096 images. Without normalisation the loss compares embeddings by their dot products.`,
          figures: [
            {
              kind: "table",
              title: "Ours",
              note: "Linear probe and kNN on the test images",
              format: "percent",
              rows: [
                ["normalised", "temperature", "entropy", "contrastive", "linear probe", "kNN"],
                ...found.map(({ normalized, temperature: value, entropy, contrastive, value: probe, knn }) => [
                  normalized,
                  String(value),
                  entropy.toFixed(1),
                  contrastive,
                  probe,
                  knn,
                ]),
              ],
            },
            {
              kind: "table",
              title: "Published",
              note: "ResNet-50 on ImageNet, top-1 of the linear evaluation; Chen et al. 2020, table 5",
              format: "percent",
              rows: [
                ["normalised", "temperature", "entropy", "contrastive", "top-1"],
                ...VARIANTS.map(({ normalized, temperature: value, entropy, contrastive, top1 }) => [
                  normalized,
                  String(value),
                  entropy.toFixed(1),
                  exactly(contrastive / 100),
                  exactly(top1 / 100),
                ]),
              ],
            },
          ],
        },
      ],
    };
  },
};
