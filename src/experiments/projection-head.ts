import { noAugmentation } from "../augment/policy.js";
import { linearProbe } from "../evaluation/linear-probe.js";
import type { Estimate } from "../report/experiment-report-data.js";
import { encoderOf, policyOf } from "../training/config.js";
import type { Experiment, PlannedRun } from "./experiment.js";
import { accuracyText, exactly, gain } from "./sentences.js";
import type { Scale, Setting } from "./setting.js";
import { type Measurement, probeSteps, training } from "./training.js";
import { TRANSFORMATIONS, transformationMeasurement } from "./transformations.js";
import { embedViews } from "./views.js";

const OUTPUTS: Readonly<Record<Scale, readonly number[]>> = {
  smoke: [32, 128],
  small: [32, 64, 128, 256],
  full: [32, 64, 128, 256, 512, 1024, 2048],
};

/** Chen et al. 2020, table 3: what is predicted, by chance, from h, and from z, in the order of `TRANSFORMATIONS`. */
const PUBLISHED = [
  [80, 99.3, 97.4],
  [25, 67.6, 25.6],
  [50, 99.5, 59.6],
  [50, 96.6, 56.3],
];

/** Options of the method that make its head. */
type HeadOptions = Readonly<Record<string, number>>;

const KINDS = { none: 0, linear: 1, "non-linear": 2 } as const;
type Kind = keyof typeof KINDS;

/** The heads that are compared; without a head there is no choice of output. */
function headsOf({ scale, base, imageSize }: Setting): { kind: Kind; output: number; options: HeadOptions }[] {
  const { features } = encoderOf(base, imageSize);
  const outputs = OUTPUTS[scale];
  const heads = (["linear", "non-linear"] as const).flatMap((kind) =>
    outputs.map((output) => ({ kind, output, options: { headLayers: KINDS[kind], headOutput: output } })),
  );
  return [{ kind: "none", output: features, options: { headLayers: 0 } }, ...heads];
}

/** The linear probe on z of the images as they are. */
function probeOfZ({ trainImages, testImages }: Setting): Measurement {
  return {
    settings: "probe of z",
    embedded: trainImages + testImages,
    probeSteps: probeSteps(trainImages),
    async measure({ device, images: { train, test } }, model) {
      const options = { policies: noAugmentation, views: 1, seed: 1 };
      const part = async (dataset: typeof train) => ({
        features: (await embedViews(device, model, dataset, options)).z,
        labels: dataset.labels ?? new Uint32Array(dataset.length),
      });
      const trained = await part(train);
      const tested = await part(test ?? train);
      const { testAccuracy } = await linearProbe(device, trained, tested, train.classes.length);
      return { values: { probeOfZ: testAccuracy } };
    },
  };
}

/** A run whose head keeps the dimension, with a transformation more in the policy. */
function transformationRun(setting: Setting, index: number): PlannedRun {
  const transformation = TRANSFORMATIONS[index];
  const { base, imageSize, seeds } = setting;
  const { features } = encoderOf(base, imageSize);
  const common = policyOf(base, imageSize);
  const augmentation = { ...("cropArea" in common ? common : common[0]), ...transformation.policy };
  return training(
    setting,
    { predicted: transformation.name },
    { augmentation, options: { headLayers: 2, headOutput: features }, seed: seeds[0] },
    { measurement: transformationMeasurement(transformation, augmentation, setting.trainImages) },
  );
}

/** Heads between representation and loss: accuracy before and after them, and what they throw away. */
export const projectionHead: Experiment = {
  name: "projection-head",
  title: "The projection head",
  shows:
    "A non-linear head improves the representation before it; what comes out of the head is worse, for it has lost what the augmentations change.",
  plan: (setting) => [
    ...setting.seeds
      .slice(0, 2)
      .flatMap((seed) =>
        headsOf(setting).map(({ kind, output, options }) =>
          training(setting, { head: kind, output, seed }, { options, seed }, { measurement: probeOfZ(setting) }),
        ),
      ),
    ...TRANSFORMATIONS.map((_, index) => transformationRun(setting, index)),
  ],
  present(results) {
    const { setting } = results;
    const outputs = OUTPUTS[setting.scale];
    const of = (head: Kind, value: string, output?: number) =>
      results.estimate(output === undefined ? { head } : { head, output }, value);
    /** All seeds of the default output, or of the nearest one to it. */
    const usual = outputs.includes(128) ? 128 : outputs[outputs.length - 1];
    const none = of("none", "probe");
    const linear = of("linear", "probe", usual);
    const nonLinear = of("non-linear", "probe", usual);
    const after = of("non-linear", "probeOfZ", usual);
    const heads = (value: string) =>
      outputs.map((output) => ({
        name: String(output),
        bars: [
          { series: "linear", value: of("linear", value, output) },
          { series: "non-linear", value: of("non-linear", value, output) },
          { series: "none", value: of("none", value) },
        ],
      }));
    const predicted = (index: number, value: string): Estimate =>
      results.estimate({ predicted: TRANSFORMATIONS[index].name }, value);
    const lost = TRANSFORMATIONS.map(
      ({ name }, i) =>
        `${name} ${accuracyText(predicted(i, "accuracyFromH"))} from h, ${accuracyText(predicted(i, "accuracyFromZ"))} from z`,
    );
    return {
      findings: [
        `Linear probe of h with output ${usual}: ${accuracyText(none)} without a head, ${accuracyText(linear)} with a linear one, ${accuracyText(nonLinear)} with a non-linear one (${gain(linear, nonLinear)} against linear; published: +3 points, and more than +10 against none).`,
        `After the non-linear head, z gives ${accuracyText(after)}: ${gain(nonLinear, after)} against h (published: more than 10 points less).`,
        `What was done to a view can be told: ${lost.join("; ")}.`,
      ],
      sections: [
        {
          title: "Accuracy by head and output dimension",
          note: `Linear probe on the test images. The representation h has ${encoderOf(setting.base, setting.imageSize).features} dimensions; without a head z is h. The paper's figure 8 shows the same for ResNet-50 on ImageNet, without numbers.`,
          figures: [
            {
              kind: "bars",
              title: "Before the head: h",
              note: "Test accuracy of the linear probe",
              groupAxis: "output dimension of the head",
              format: "percent",
              groups: heads("probe"),
            },
            {
              kind: "bars",
              title: "After the head: z",
              note: "Test accuracy of a linear probe on the head's output",
              groupAxis: "output dimension of the head",
              format: "percent",
              groups: heads("probeOfZ"),
            },
          ],
        },
        {
          title: "What h keeps and z loses",
          note: "Perceptrons with a hidden layer predict from h or z what was done to a view, beside cropping and colour distortion. The encoders were trained with the same transformation among the augmentations, and with a head that keeps the dimension.",
          figures: [
            {
              kind: "table",
              title: "Ours",
              note: `Test accuracy on views of ${setting.testImages.toLocaleString("en-US")} test images`,
              format: "percent",
              rows: [
                ["what to predict", "guess", "from h", "from z"],
                ...TRANSFORMATIONS.map(({ name }, i) => [
                  name,
                  predicted(i, "guessAccuracy"),
                  predicted(i, "accuracyFromH"),
                  predicted(i, "accuracyFromZ"),
                ]),
              ],
            },
            {
              kind: "table",
              title: "Published",
              note: "ResNet-50 on ImageNet; Chen et al. 2020, table 3",
              format: "percent",
              rows: [
                ["what to predict", "guess", "from h", "from z"],
                ...TRANSFORMATIONS.map(({ name }, i) => [name, ...PUBLISHED[i].map((value) => exactly(value / 100))]),
              ],
            },
          ],
        },
      ],
    };
  },
};
