import { paperPolicy } from "../augment/policy.js";
import type { Experiment } from "./experiment.js";
import { accuracyText, best, exactly, gain } from "./sentences.js";
import { training } from "./training.js";

const STRENGTHS = [1 / 8, 1 / 4, 1 / 2, 1];
const BLUR_PROBABILITY = 0.5;

/** Chen et al. 2020, table 1: top-1 by strength, of SimCLR and of a supervised ResNet-50. */
const PUBLISHED = { simclr: [59.6, 61.0, 62.6, 63.2], withBlur: 64.5, supervised: [77.0, 76.7, 76.5, 75.7] };

function strengthText(strength: number): string {
  return strength === 1 ? "1" : `1/${1 / strength}`;
}

/** Accuracy against the strength of the colour jitter, with and without blur. */
export const colorStrength: Experiment = {
  name: "color-strength",
  title: "Strength of the colour distortion",
  shows:
    "Contrastive learning needs stronger colour distortion than supervised learning: accuracy grows with the strength of the jitter.",
  plan: (setting) =>
    setting.seeds
      .slice(0, 2)
      .flatMap((seed) =>
        ["no", "yes"].flatMap((blur) =>
          STRENGTHS.map((strength) =>
            training(
              setting,
              { strength, blur, seed },
              { augmentation: paperPolicy(strength, blur === "yes" ? BLUR_PROBABILITY : 0), seed },
            ),
          ),
        ),
      ),
  present(results) {
    const line = (blur: string, value: string) =>
      STRENGTHS.map((strength) => ({ strength, value: results.estimate({ strength, blur }, value) }));
    const [without, withBlur] = [line("no", "probe"), line("yes", "probe")];
    const top = best([...without, ...withBlur]);
    const points = (entries: typeof without) => entries.map(({ strength, value }) => ({ x: strength, y: value }));
    const published = (accuracies: readonly number[]) =>
      STRENGTHS.map((strength, i) => ({ x: strength, y: exactly(accuracies[i] / 100) }));
    return {
      findings: [
        `From strength 1/8 to 1 the linear probe changes by ${gain(without[0].value, without[3].value)} without blur, and by ${gain(withBlur[0].value, withBlur[3].value)} with it.`,
        `Blur changes it by ${gain(without[3].value, withBlur[3].value)} at strength 1.`,
        `The best is strength ${strengthText(top.strength)}: ${accuracyText(top.value)}.`,
        "Published: +3.6 points from strength 1/8 to 1, and +1.3 by blur; −1.3 for supervised learning.",
      ],
      sections: [
        {
          title: "Accuracy by strength",
          note: "Strength s: brightness, contrast and saturation vary by 0.8 s, hue by 0.2 s of a turn. Blur hits half of the views, with a standard deviation of 0.1 to 2 pixels and a window of a tenth of the image.",
          figures: [
            {
              kind: "lines",
              title: "Ours",
              note: "Test accuracy of the linear probe",
              xAxis: "strength of the colour jitter",
              format: "percent",
              log: true,
              series: [
                { name: "without blur", points: points(without) },
                { name: "with blur", points: points(withBlur) },
              ],
            },
            {
              kind: "lines",
              title: "Published",
              note: "ResNet-50 on ImageNet, top-1; Chen et al. 2020, table 1",
              xAxis: "strength of the colour jitter",
              format: "percent",
              log: true,
              series: [
                { name: "SimCLR, without blur", points: published(PUBLISHED.simclr) },
                { name: "SimCLR, with blur", points: [{ x: 1, y: exactly(PUBLISHED.withBlur / 100) }] },
                { name: "supervised", dashed: true, points: published(PUBLISHED.supervised) },
              ],
            },
          ],
        },
        {
          title: "Neighbours, and the training task",
          note: "",
          figures: [
            {
              kind: "table",
              title: "kNN accuracy",
              note: "Weighted vote of 200 neighbours by cosine similarity of h, temperature 0.1",
              format: "percent",
              rows: [
                ["blur", ...STRENGTHS.map(strengthText)],
                ["without", ...line("no", "knn").map(({ value }) => value)],
                ["with", ...line("yes", "knn").map(({ value }) => value)],
              ],
            },
            {
              kind: "table",
              title: "Contrastive accuracy",
              note: "Of the training task, last epoch: stronger distortion makes it harder",
              format: "percent",
              rows: [
                ["blur", ...STRENGTHS.map(strengthText)],
                ["without", ...line("no", "contrastiveAccuracy").map(({ value }) => value)],
                ["with", ...line("yes", "contrastiveAccuracy").map(({ value }) => value)],
              ],
            },
          ],
        },
      ],
    };
  },
};
