import type { Dataset, ImageSet } from "../data/dataset.js";
import { subset } from "../data/views.js";
import { ConfigError } from "../errors.js";
import { Embedder } from "../evaluation/embed.js";
import { labelled } from "../evaluation/evaluation.js";
import { L2_GRID, searchLogisticRegression } from "../evaluation/logistic-regression.js";
import { fineTuningConfig } from "../training/fine-tuning.js";
import { counted } from "../wording.js";
import type { Experiment, PlannedRun, RunContext } from "./experiment.js";
import { accuracyText, exactly, gain } from "./sentences.js";
import { fittingBatch, type Scale, type Setting } from "./setting.js";
import { type Measurement, measuring, type OtherImages, training } from "./training.js";

const STARTS = ["SimCLR", "supervised", "random weights"] as const;
type Start = (typeof STARTS)[number];

/** Epochs of the pre-trainings, by how much fine-tuning is shortened, and which of the penalties are tried. */
const LENGTHS: Readonly<
  Record<Scale, { readonly epochs: number | null; readonly shortened: number; readonly every: number }>
> = {
  smoke: { epochs: 6, shortened: 0.2, every: 8 },
  small: { epochs: 25, shortened: 1, every: 4 },
  full: { epochs: null, shortened: 1, every: 1 },
};

/** Chen et al. 2020, table B.5, ResNet-50: SimCLR, supervised, random; linear and fine-tuned. */
const PUBLISHED = [
  { target: "Food-101", linear: [68.4, 72.3], tuned: [88.2, 88.3, 86.9] },
  { target: "CIFAR-10", linear: [90.6, 93.6], tuned: [97.7, 97.5, 95.9] },
  { target: "CIFAR-100", linear: [71.6, 78.3], tuned: [85.9, 86.4, 80.2] },
  { target: "Flowers", linear: [91.2, 94.7], tuned: [97.0, 97.6, 92.0] },
];

/** The images of half of the classes, the first ones or the others. */
function halfOf(dataset: Dataset, half: 0 | 1): Dataset {
  const { labels, classes } = dataset;
  if (!labels) throw new ConfigError(`${dataset.name} has no labels: transfer is to other classes`);
  const middle = Math.floor(classes.length / 2);
  const wanted = (label: number) => label >= middle === (half === 1);
  const indices = [...labels.keys()].filter((index) => wanted(labels[index]));
  const part = subset(dataset, indices, `${dataset.name} (${half === 0 ? "first" : "second"} half of the classes)`);
  const first = half === 0 ? 0 : middle;
  return {
    ...part,
    labels: Uint32Array.from(indices, (index) => labels[index] - first),
    classes: half === 0 ? classes.slice(0, middle) : classes.slice(middle),
  };
}

function halvesOf({ train, test }: ImageSet, half: 0 | 1): ImageSet {
  return { train: halfOf(train, half), test: test && halfOf(test, half) };
}

/** Where encoders are trained and where they are tested: two data sets, or halves of the classes of one. */
function placesOf(setting: Setting): Record<"source" | "target", { setting: Setting; images: OtherImages }> {
  const { target, classes } = setting;
  if (target) {
    return {
      source: { setting, images: { name: "the set", of: ({ images }) => images } },
      target: {
        setting: { ...setting, ...target },
        images: { name: "the target", of: (context) => context.target ?? context.images },
      },
    };
  }
  if (classes < 4) {
    throw new ConfigError(
      `these images have ${classes} classes; without other images to transfer to, half of the classes are, and each half needs two`,
    );
  }
  const half = (which: 0 | 1) => {
    const own = which === 0 ? Math.floor(classes / 2) : Math.ceil(classes / 2);
    const part = (count: number) => Math.floor((count * own) / classes);
    const { trainImages, testImages, base } = setting;
    const sizes = { classes: own, trainImages: part(trainImages), testImages: part(testImages) };
    return {
      setting: { ...setting, ...sizes, base: { ...base, batch: fittingBatch(base.batch, sizes.trainImages) } },
      images: { name: `half ${which}`, of: ({ images }: RunContext) => halvesOf(images, which) },
    };
  };
  return { source: half(0), target: half(1) };
}

/** Logistic regression on the frozen representations of the target, with the penalty chosen on a part of its training images. */
function logisticMeasurement({ trainImages, testImages }: Setting, every: number, images: OtherImages): Measurement {
  const penalties = L2_GRID.filter((_, i) => i % every === 0);
  return {
    settings: { penalties, images: images.name },
    embedded: trainImages + testImages,
    // An evaluation of the objective on all rows takes as long as a step on each 256 of them, and a penalty takes about fifty.
    probeSteps: penalties.length * 50 * Math.ceil(trainImages / 256),
    async measure(context, model) {
      const set = labelled(images.of(context));
      if (!set) throw new ConfigError("the images to transfer to have no labels");
      const embedder = await Embedder.create(context.device, model);
      const part = async (dataset: typeof set.train) => ({
        features: await embedder.embed(dataset),
        labels: dataset.labels,
      });
      const [trained, tested] = [await part(set.train), await part(set.test)];
      embedder.dispose();
      const { testAccuracy, l2 } = await searchLogisticRegression(
        context.device,
        trained,
        tested,
        set.train.classes.length,
        { l2s: penalties },
      );
      return { values: { logistic: testAccuracy, l2 } };
    },
  };
}

function runsOf(setting: Setting, seed: number): PlannedRun[] {
  const { epochs, shortened, every } = LENGTHS[setting.scale];
  const { source, target } = placesOf(setting);
  const pretrained = (method: string, start: Start) =>
    training(
      source.setting,
      { start, stage: "training", seed },
      { method, epochs: epochs ?? setting.base.epochs, seed },
      { images: source.images },
    );
  const encoders: Readonly<Record<Start, PlannedRun | null>> = {
    SimCLR: pretrained(source.setting.base.method, "SimCLR"),
    supervised: pretrained("supervised", "supervised"),
    "random weights": null,
  };
  const recipe = fineTuningConfig(target.setting.trainImages, target.setting.trainImages);
  const tuned = { ...recipe, epochs: Math.ceil(shortened * recipe.epochs), seed };
  const logistic = logisticMeasurement(target.setting, every, target.images);
  return [
    ...Object.values(encoders).filter((run) => run !== null),
    ...STARTS.map((start) =>
      measuring(target.setting, { start, stage: "linear", seed }, { seed }, logistic, encoders[start]),
    ),
    ...STARTS.map((start) =>
      training(target.setting, { start, stage: "fine-tuned", seed }, tuned, {
        from: encoders[start],
        images: target.images,
      }),
    ),
  ];
}

/** Linear evaluation and fine-tuning on other images than the encoder was trained on. */
export const transfer: Experiment = {
  name: "transfer",
  title: "Transfer to other images",
  shows:
    "An encoder trained without labels serves other images than it was trained on: as fixed features and as a start for fine-tuning.",
  plan: (setting) => setting.seeds.slice(0, 2).flatMap((seed) => runsOf(setting, seed)),
  present(results) {
    const { setting } = results;
    const { source, target } = placesOf(setting);
    const linear = (start: Start) => results.estimate({ start, stage: "linear" }, "logistic");
    const tuned = (start: Start) => results.estimate({ start, stage: "fine-tuned" }, "classifier");
    const images = (place: Setting) => `${counted(place.trainImages, "image")} of ${place.classes} classes`;
    const where = setting.target
      ? `from ${images(source.setting)} to ${images(target.setting)} of another data set`
      : `from ${images(source.setting)} to ${images(target.setting)}, the other half of the classes`;
    return {
      findings: [
        `As fixed features ${where}, SimCLR's representations give ${accuracyText(linear("SimCLR"))}: ${gain(linear("random weights"), linear("SimCLR"))} against random weights, ${gain(linear("supervised"), linear("SimCLR"))} against supervised training.`,
        `Fine-tuned, it gives ${accuracyText(tuned("SimCLR"))}: ${gain(tuned("random weights"), tuned("SimCLR"))} against random weights, ${gain(tuned("supervised"), tuned("SimCLR"))} against supervised training.`,
        "Published for ResNet-50 from ImageNet to CIFAR-10: linear 90.6 % against 93.6 % supervised; fine-tuned 97.7 % against 97.5 % supervised and 95.9 % from random weights.",
      ],
      sections: [
        {
          title: "Accuracy on the other images",
          note: `Encoders are trained ${where}. Linear: logistic regression by L-BFGS, its l2 penalty chosen on a tenth of the training images. Fine-tuned: all weights, with the labels of the other images.`,
          figures: [
            {
              kind: "table",
              title: "Ours",
              note: `Test accuracy on ${counted(target.setting.testImages, "image")}`,
              format: "percent",
              rows: [["start", "linear", "fine-tuned"], ...STARTS.map((start) => [start, linear(start), tuned(start)])],
            },
            {
              kind: "table",
              title: "Published",
              note: "ResNet-50 from ImageNet; top-1, and mean per class for Flowers. Chen et al. 2020, table B.5",
              format: "percent",
              rows: [
                ["start", "evaluation", ...PUBLISHED.map((row) => row.target)],
                ...STARTS.slice(0, 2).map((start, i) => [
                  start,
                  "linear",
                  ...PUBLISHED.map((row) => exactly(row.linear[i] / 100)),
                ]),
                ...STARTS.map((start, i) => [
                  start,
                  "fine-tuned",
                  ...PUBLISHED.map((row) => exactly(row.tuned[i] / 100)),
                ]),
              ],
            },
          ],
        },
      ],
    };
  },
};
