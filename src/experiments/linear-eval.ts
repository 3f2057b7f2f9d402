import type { Experiment } from "./experiment.js";
import { accuracyText, exactly, gain } from "./sentences.js";
import type { Scale } from "./setting.js";
import { accuracyMeasurement, measuring, training } from "./training.js";

const ENCODERS = ["SimCLR", "random weights", "supervised"] as const;

/** Of the trainings, where it is not the scale's own. */
const EPOCHS: Readonly<Partial<Record<Scale, number>>> = { smoke: 6, small: 30 };

/** Chen et al. 2020, table 6 and appendices B.8 and B.9; supervised training is end to end. */
const PUBLISHED = [
  { net: "ResNet-50, ImageNet", simclr: 69.3, supervised: 76.3 },
  { net: "ResNet-50 (4x), ImageNet", simclr: 76.5, supervised: 78.3 },
  { net: "ResNet-50, CIFAR-10", simclr: 94.0, supervised: 95.1 },
];

/** Representations of an encoder trained without labels, beside random weights and supervised training. */
export const linearEval: Experiment = {
  name: "linear-eval",
  title: "Linear evaluation",
  shows:
    "An encoder trained without labels separates the classes far better than random weights do, and comes near to supervised training of the same net.",
  plan: (setting) => {
    const epochs = EPOCHS[setting.scale] ?? setting.base.epochs;
    return setting.seeds.flatMap((seed) => [
      training(setting, { encoder: "SimCLR", seed }, { epochs, seed }),
      measuring(setting, { encoder: "random weights", seed }, { seed }, accuracyMeasurement(setting)),
      training(setting, { encoder: "supervised", seed }, { method: "supervised", epochs, seed }),
    ]);
  },
  present(results) {
    const of = (encoder: (typeof ENCODERS)[number], value: string) => results.estimate({ encoder }, value);
    const [ours, random, supervised] = ENCODERS.map((encoder) => of(encoder, "probe"));
    const { base, testImages } = results.setting;
    return {
      findings: [
        `The linear probe reaches ${accuracyText(ours)} with SimCLR: ${gain(random, ours)} against random weights, ${gain(supervised, ours)} against the supervised net's representations.`,
        `The supervised net's own classifier reaches ${accuracyText(of("supervised", "classifier"))}.`,
        "Published: ResNet-50 on ImageNet 69.3 % against 76.3 % supervised; on CIFAR-10 94.0 % against 95.1 %.",
      ],
      sections: [
        {
          title: "Accuracy by encoder",
          note: "The same net, trained for the same number of epochs: without labels on two views of each image, or with labels on one. Representations are frozen and taken before any head.",
          figures: [
            {
              kind: "table",
              title: "Ours",
              note: `${testImages.toLocaleString("en-US")} test images; ${base.encoder}`,
              format: "percent",
              rows: [
                ["encoder", "linear probe", "kNN"],
                ...ENCODERS.map((encoder) => [encoder, of(encoder, "probe"), of(encoder, "knn")]),
              ],
            },
            {
              kind: "table",
              title: "Published",
              note: "Linear evaluation, top-1; supervised: end to end. Chen et al. 2020, table 6, appendices B.8 and B.9",
              format: "percent",
              rows: [
                ["encoder", "SimCLR", "supervised"],
                ...PUBLISHED.map(({ net, simclr, supervised }) => [
                  net,
                  exactly(simclr / 100),
                  exactly(supervised / 100),
                ]),
              ],
            },
          ],
        },
      ],
    };
  },
};
