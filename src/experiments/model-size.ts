import { elementsOf } from "../engine/tensor.js";
import type { LinesFigure } from "../report/experiment-report-data.js";
import { encoderOf, type TrainingConfig } from "../training/config.js";
import type { Experiment } from "./experiment.js";
import type { Results } from "./results.js";
import { exactly, gain } from "./sentences.js";
import type { Scale, Setting } from "./setting.js";
import { training } from "./training.js";

type Net = Pick<TrainingConfig, "encoder" | "width">;

const OBJECTIVES = ["contrastive", "supervised"] as const;
type Objective = (typeof OBJECTIVES)[number];

/** Nets of one kind at several widths. */
const FAMILIES: Readonly<Record<Scale, readonly { readonly name: string; readonly nets: readonly Net[] }[]>> = {
  smoke: [{ name: "convnet", nets: [0.25, 0.5, 1, 2].map((width) => ({ encoder: "convnet", width })) }],
  small: [
    { name: "convnet", nets: [0.5, 1, 2, 4].map((width) => ({ encoder: "convnet", width })) },
    {
      name: "ResNet-18, -34 (width 1/4)",
      nets: [
        { encoder: "resnet18", width: 0.25 },
        { encoder: "resnet34", width: 0.25 },
      ],
    },
  ],
  full: (["resnet18", "resnet34", "resnet50"] as const).map((encoder) => ({
    name: encoder.replace("resnet", "ResNet-"),
    nets: [1, 2, 4].map((width) => ({ encoder, width })),
  })),
};

const EPOCHS: Readonly<Partial<Record<Scale, number>>> = { smoke: 2, small: 5 };

/** Chen et al. 2020, table 6 and appendix B.8: millions of parameters, SimCLR after 1000 epochs, supervised after 1000. */
const PUBLISHED = [
  { label: "1x", parameters: 24e6, simclr: 69.3, supervised: 76.3 },
  { label: "2x", parameters: 94e6, simclr: 74.2, supervised: null },
  { label: "4x", parameters: 375e6, simclr: 76.5, supervised: 78.3 },
];

/** Trained values of an encoder. */
function parametersOf({ base, imageSize }: Setting, net: Net): number {
  return encoderOf({ ...base, ...net }, imageSize)
    .tensors.filter(({ role }) => role !== "statistic")
    .reduce((sum, { shape }) => sum + elementsOf(shape), 0);
}

function accuracyOf(results: Results, { encoder, width }: Net, objective: Objective) {
  return results.estimate({ encoder, width, objective }, objective === "supervised" ? "classifier" : "probe");
}

/** Depth and width of the encoder against accuracy, self-supervised beside supervised. */
export const modelSize: Experiment = {
  name: "model-size",
  title: "Size of the encoder",
  shows:
    "Deeper and wider encoders learn better representations, and self-supervised learning gains more from size than supervised learning does.",
  plan: (setting) => {
    const epochs = EPOCHS[setting.scale] ?? setting.base.epochs;
    return FAMILIES[setting.scale].flatMap(({ nets }) =>
      nets.flatMap((net) =>
        OBJECTIVES.map((objective) =>
          training(
            setting,
            { encoder: net.encoder, width: net.width, objective },
            { ...net, ...(objective === "supervised" && { method: objective }), epochs },
          ),
        ),
      ),
    );
  },
  present(results) {
    const { setting } = results;
    const families = FAMILIES[setting.scale];
    const sorted = families
      .flatMap(({ nets }) => nets)
      .map((net) => ({ net, parameters: parametersOf(setting, net) }))
      .sort((a, b) => a.parameters - b.parameters);
    const [least, most] = [sorted[0], sorted[sorted.length - 1]];
    const change = (objective: Objective) =>
      gain(accuracyOf(results, least.net, objective), accuracyOf(results, most.net, objective));
    const gap = ({ net }: (typeof sorted)[number]) =>
      gain(accuracyOf(results, net, "contrastive"), accuracyOf(results, net, "supervised"));
    const series = (objective: Objective): LinesFigure["series"] =>
      families.map(({ name, nets }) => ({
        name: `${name}, ${objective === "contrastive" ? "SimCLR" : "supervised"}`,
        dashed: objective === "supervised",
        points: nets.map((net) => ({
          x: parametersOf(setting, net),
          y: accuracyOf(results, net, objective),
          label: `${net.width}x`,
        })),
      }));
    return {
      findings: [
        `From ${least.parameters.toLocaleString("en-US")} to ${most.parameters.toLocaleString("en-US")} parameters SimCLR's linear probe changes by ${change("contrastive")}, supervised training by ${change("supervised")}.`,
        `Supervised training is ahead by ${gap(least)} with the smallest encoder and by ${gap(most)} with the largest.`,
        "Published: from ResNet-50 to four times its width +7.2 points for SimCLR and +2.0 supervised; supervised training is ahead by 7.0 and 1.8 points.",
      ],
      sections: [
        {
          title: "Accuracy by parameters",
          note: "SimCLR: linear probe on the frozen representations. Supervised: the same net trained with labels for as many epochs, by its own classifier. Labels at the points are widths.",
          figures: [
            {
              kind: "lines",
              title: "Ours",
              note: `Test accuracy; parameters of the encoder`,
              xAxis: "parameters",
              format: "percent",
              log: true,
              series: OBJECTIVES.flatMap(series),
            },
            {
              kind: "lines",
              title: "Published",
              note: "ResNet-50 on ImageNet, 1000 epochs, top-1; Chen et al. 2020, table 6 and appendix B.8",
              xAxis: "parameters",
              format: "percent",
              log: true,
              series: [
                {
                  name: "ResNet-50, SimCLR",
                  points: PUBLISHED.map(({ label, parameters, simclr }) => ({
                    x: parameters,
                    y: exactly(simclr / 100),
                    label,
                  })),
                },
                {
                  name: "ResNet-50, supervised",
                  dashed: true,
                  points: PUBLISHED.flatMap(({ label, parameters, supervised }) =>
                    supervised === null ? [] : [{ x: parameters, y: exactly(supervised / 100), label }],
                  ),
                },
              ],
            },
          ],
        },
      ],
    };
  },
};
