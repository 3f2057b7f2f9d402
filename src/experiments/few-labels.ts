import { fineTuningConfig } from "../training/fine-tuning.js";
import { counted } from "../wording.js";
import type { Experiment, PlannedRun } from "./experiment.js";
import { accuracyText, exactly, gain } from "./sentences.js";
import type { Scale, Setting } from "./setting.js";
import { labelledImages, training } from "./training.js";

const SHARES = [0.01, 0.1, 1];
const STARTS = ["pre-trained", "from scratch"] as const;

/** Of the pre-training, where it is not the scale's own; and by how much fine-tuning is shortened. */
const LENGTHS: Readonly<Record<Scale, { readonly epochs: number | null; readonly shortened: number }>> = {
  smoke: { epochs: 6, shortened: 0.15 },
  // With 25 epochs, pre-training gains a point; with 100 three to five, with 200 six to eight (5,000 images of CIFAR-10).
  small: { epochs: 80, shortened: 1 },
  full: { epochs: null, shortened: 1 },
};

/** Chen et al. 2020, table B.4: top-1 on 1 % and 10 % of the labels. */
const PUBLISHED = { simclr: [48.3, 65.6], supervised: [25.4, 56.4] };

function percentOf(share: number): string {
  return `${100 * share} %`;
}

/**
 * One pre-training, from which every seed's subsets of the labels are fine-tuned. All labels are no subset and take most of the
 * time: they have one seed.
 */
function plan(setting: Setting): PlannedRun[] {
  const { epochs, shortened } = LENGTHS[setting.scale];
  const [first] = setting.seeds;
  const pretrained = training(
    setting,
    { start: "pre-training", seed: first },
    { epochs: epochs ?? setting.base.epochs, seed: first },
  );
  const tuned = setting.seeds.flatMap((seed) =>
    SHARES.filter((share) => share < 1 || seed === first).flatMap((share) => {
      const recipe = fineTuningConfig(labelledImages(setting, share), setting.trainImages);
      const config = { ...recipe, epochs: Math.ceil(shortened * recipe.epochs), seed };
      return STARTS.map((start) =>
        training(setting, { start, labels: share, seed }, config, {
          share,
          from: start === "pre-trained" ? pretrained : null,
        }),
      );
    }),
  );
  return [pretrained, ...tuned];
}

/** Fine-tuning on few labels, from the pre-trained encoder and from scratch. */
export const fewLabels: Experiment = {
  name: "few-labels",
  title: "Learning from few labels",
  shows: "The fewer labels there are, the more a pre-trained encoder gains over training the same net from scratch.",
  plan,
  present(results) {
    const { setting } = results;
    const of = (start: (typeof STARTS)[number], share: number) =>
      results.estimate({ start, labels: share }, "classifier");
    const gains = SHARES.map(
      (share) => `${gain(of("from scratch", share), of("pre-trained", share))} with ${percentOf(share)}`,
    );
    const probe = results.estimate({ start: "pre-training" }, "probe");
    return {
      findings: [
        `Against training from scratch, the pre-trained encoder gains ${gains.join(", ")} of the labels.`,
        `Fine-tuned on 1 % of them it reaches ${accuracyText(of("pre-trained", 0.01))}, on 10 % ${accuracyText(of("pre-trained", 0.1))}; a linear probe of the frozen encoder with all labels ${accuracyText(probe)}.`,
        "Published (ResNet-50 on ImageNet): +22.9 points with 1 %, +9.2 with 10 % of the labels.",
      ],
      sections: [
        {
          title: "Accuracy by labels",
          note: `All weights are trained with the labels, on crops and flips. Every class has the same number of images in a subset; training-images.txt in the folder of each run lists them. The pre-training, one for all, saw all ${counted(setting.trainImages, "image")} without labels; seeds differ in the subsets, the new weights and the order.`,
          figures: [
            {
              kind: "lines",
              title: "Ours",
              note: "Test accuracy of the classifier",
              xAxis: "labelled images",
              format: "percent",
              log: true,
              series: STARTS.map((start) => ({
                name: start,
                points: SHARES.map((share) => ({ x: labelledImages(setting, share), y: of(start, share) })),
              })),
            },
            {
              kind: "lines",
              title: "Published",
              note: "ResNet-50 on ImageNet, top-1; Chen et al. 2020, table B.4. The baseline is that of Zhai et al. 2019, its settings searched for",
              xAxis: "per cent of the labels",
              format: "percent",
              log: true,
              series: [
                {
                  name: "SimCLR, fine-tuned",
                  points: PUBLISHED.simclr.map((value, i) => ({ x: [1, 10][i], y: exactly(value / 100) })),
                },
                {
                  name: "supervised",
                  points: PUBLISHED.supervised.map((value, i) => ({ x: [1, 10][i], y: exactly(value / 100) })),
                },
              ],
            },
            {
              kind: "table",
              title: "In numbers",
              note: "Test accuracy of the classifier",
              format: "percent",
              rows: [
                ["labels", "images", "from scratch", "pre-trained"],
                ...SHARES.map((share) => [
                  percentOf(share),
                  labelledImages(setting, share).toLocaleString("en-US"),
                  of("from scratch", share),
                  of("pre-trained", share),
                ]),
              ],
            },
          ],
        },
      ],
    };
  },
};
