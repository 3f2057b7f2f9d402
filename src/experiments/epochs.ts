import { evenly } from "../evaluation/evaluation.js";
import { effectiveRank, qualityIndicators } from "../evaluation/indicators.js";
import type { Estimate, LinesFigure } from "../report/experiment-report-data.js";
import { policyOf } from "../training/config.js";
import type { Experiment } from "./experiment.js";
import { estimateOf, type Results } from "./results.js";
import { accuracyText, gain } from "./sentences.js";
import { numberOption, type Scale, type Setting } from "./setting.js";
import { type Monitoring, probeSteps, training } from "./training.js";
import { embedViews } from "./views.js";

/** Length of the training, and how often it is looked at. */
const LENGTHS: Readonly<Record<Scale, { readonly epochs: number | null; readonly every: number }>> = {
  smoke: { epochs: 8, every: 1 },
  small: { epochs: 50, every: 2 },
  full: { epochs: null, every: 10 },
};

/** Images whose views the indicators are computed on. */
const INDICATOR_IMAGES = 1000;

/** The linear probe on all images, and the indicators on two views of some test images. */
function monitoring({ trainImages, testImages }: Setting): Monitoring {
  return {
    settings: { indicators: INDICATOR_IMAGES },
    embedded: trainImages + testImages + 2 * INDICATOR_IMAGES,
    probeSteps: probeSteps(trainImages),
    async measure({ device }, evaluator, config) {
      const { probe } = await evaluator.accuracies();
      const { model } = evaluator.embedder;
      const dataset = evenly(evaluator.images.test, INDICATOR_IMAGES);
      const policies = policyOf(config, model.imageSize);
      const { h, z } = await embedViews(device, model, dataset, { policies, views: 2, seed: 1 });
      const half = (v: number) => {
        const { values, rows, dimension } = z;
        const size = (rows / 2) * dimension;
        return { values: values.slice(v * size, (v + 1) * size), rows: rows / 2, dimension };
      };
      const {
        alignment,
        uniformity,
        standardDeviation,
        effectiveRank: rankOfZ,
      } = await qualityIndicators(device, half(0), half(1));
      const rankOfH = await effectiveRank(device, h);
      return { probe, alignment, uniformity, standardDeviation, rankOfZ, rankOfH };
    },
  };
}

/** A value at each evaluation, over the seeds. */
function curve(results: Results, name: string): { x: number; y: Estimate }[] {
  const all = results.runs.map(({ series = {} }) => series);
  return all[0]["epoch"].map((epoch, i) => ({ x: epoch, y: estimateOf(all.map((series) => series[name][i])) }));
}

/** Accuracy over the training, and whether the embeddings collapse. */
export const epochs: Experiment = {
  name: "epochs",
  title: "The course of training",
  shows:
    "Representations improve as long as training goes on, and embeddings spread over the sphere and do not collapse.",
  plan: (setting) => {
    const { epochs: length, every } = LENGTHS[setting.scale];
    return setting.seeds
      .slice(0, 2)
      .map((seed) =>
        training(
          setting,
          { seed },
          { epochs: length ?? setting.base.epochs, evaluateEvery: every, seed },
          { monitoring: monitoring(setting) },
        ),
      );
  },
  present(results) {
    const { base, imageSize, testImages } = results.setting;
    const [knn, probe, spread] = ["knn", "probe", "standardDeviation"].map((name) => curve(results, name));
    const last = probe.length - 1;
    const middle = Math.floor(last / 2);
    const dimension = numberOption(base, "headOutput");
    const even = 1 / Math.sqrt(dimension);
    const figure = (
      title: string,
      note: string,
      format: LinesFigure["format"],
      series: LinesFigure["series"],
    ): LinesFigure => ({ kind: "lines", title, note, xAxis: "epoch", format, log: false, series });
    const single = (title: string, note: string, name: string) =>
      figure(title, note, "number", [{ name, points: curve(results, name) }]);
    const shown = Math.min(INDICATOR_IMAGES, testImages);
    return {
      findings: [
        `The linear probe goes from ${accuracyText(probe[0].y)} with random weights to ${accuracyText(probe[last].y)} after ${probe[last].x} epochs, kNN from ${accuracyText(knn[0].y)} to ${accuracyText(knn[last].y)}.`,
        `In the second half, from epoch ${probe[middle].x}, the linear probe gains ${gain(probe[middle].y, probe[last].y)}.`,
        `The standard deviation of the normalised embeddings ends at ${spread[last].y.mean.toFixed(3)}, where ${even.toFixed(3)} is an even spread and 0 a collapse.`,
        "Published, batch 4,096 on ImageNet: 64.6 % after 100 epochs, 66.5 % after 200, 68.2 % after 400, 68.9 % after 800.",
      ],
      sections: [
        {
          title: "Accuracy",
          note: "Each published point is a training of its own of that length (ResNet-50 on ImageNet, batch 4,096; Chen et al. 2020, table B.1); ours is one training with the learning rate falling to its end.",
          figures: [
            figure("Ours", `Test accuracy; images of ${imageSize} x ${imageSize} pixels`, "percent", [
              { name: "linear probe", points: probe },
              { name: "kNN", points: knn },
            ]),
            {
              ...figure("Published", "Top-1 of the linear evaluation", "percent", [
                {
                  name: "linear evaluation",
                  points: [100, 200, 400, 800].map((x, i) => ({
                    x,
                    y: { mean: [0.646, 0.665, 0.682, 0.689][i], deviation: null },
                  })),
                },
              ]),
              log: true,
            },
          ],
        },
        {
          title: "Signs of collapse",
          note: `Of h and z of two views of ${shown.toLocaleString("en-US")} test images, made as in training. Collapsed embeddings have a spread of 0, a uniformity of 0 and an effective rank of 1.`,
          figures: [
            figure(
              "Spread",
              `Standard deviation of the normalised z, mean over the dimensions; even on the sphere: ${even.toFixed(3)}`,
              "number",
              [{ name: "standard deviation", points: spread }],
            ),
            figure("Effective rank", "exp of the entropy of the singular values (Roy and Vetterli 2007)", "number", [
              { name: "of h", points: curve(results, "rankOfH") },
              { name: "of z", points: curve(results, "rankOfZ") },
            ]),
            single(
              "Alignment",
              "Mean squared distance of the two views of an image on the sphere (Wang and Isola 2020); lower is better",
              "alignment",
            ),
            single(
              "Uniformity",
              "Log of the mean Gaussian potential of all pairs (Wang and Isola 2020); lower is better",
              "uniformity",
            ),
          ],
        },
      ],
    };
  },
};
