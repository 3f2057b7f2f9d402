import { ConfigError } from "../errors.js";
import { Embedder } from "../evaluation/embed.js";
import { tcn } from "../methods/tcn.js";
import { alignment } from "./alignment.js";
import { framesOfClips } from "./clip-parts.js";
import type { Experiment } from "./experiment.js";
import { movingShapes } from "./moving-shapes.js";
import { best } from "./sentences.js";
import type { Scale, Setting } from "./setting.js";
import { type Measurement, measuring, training } from "./training.js";
import { embedViews } from "./views.js";

/** Frames that belong together are at most so far apart: a fifth of a second at 10 a second. */
const NEAR = 2;

/** Epochs of SimCLR, which has two views of a frame where TCN has one: TCN has twice as many. */
const EPOCHS: Readonly<Record<Scale, number | null>> = { smoke: 30, small: 40, full: null };

const CANDIDATES = [
  { name: "SimCLR", method: "simclr", options: { temperature: 0.5 }, epochs: 1 },
  { name: "TCN, InfoNCE", method: "tcn", options: { near: NEAR }, epochs: 2 },
  { name: "TCN, triplets", method: "tcn", options: { near: NEAR, loss: "triplet" }, epochs: 2 },
  { name: "TCN, n-pairs", method: "tcn", options: { near: NEAR, loss: "n-pairs" }, epochs: 2 },
] as const;

/** The alignment errors of the test clips: to other clips, and to another view of the same one. */
function alignmentMeasurement({ testImages }: Setting): Measurement {
  return {
    settings: "alignment",
    embedded: 3 * testImages,
    probeSteps: 0,
    async measure({ device, images: { test } }, model) {
      if (!test) throw new ConfigError("an alignment error needs clips to test on");
      const clips = framesOfClips(test);
      const embedder = await Embedder.create(device, model);
      const h = await embedder.embed(test);
      embedder.dispose();
      const policies = tcn.policies(model.imageSize);
      const [first, second] = await Promise.all(
        [1, 2].map(async (seed) => (await embedViews(device, model, test, { policies, views: 1, seed })).h),
      );
      const across = await alignment(device, h, h, clips, "other clips");
      const within = await alignment(device, first, second, clips, "the same clip");
      return {
        values: {
          alignmentError: across.error,
          alignmentChance: across.chance,
          viewAlignmentError: within.error,
          viewAlignmentChance: within.chance,
        },
      };
    },
  };
}

/** Whether what is learned from time tells time. */
export const time: Experiment = {
  name: "time",
  title: "Learning from time",
  shows:
    "Whether the nearest frame of another clip shows the same moment, for networks that learned from neighbouring frames, and for SimCLR on the same frames.",
  clips: movingShapes,
  plan(setting) {
    const measurement = alignmentMeasurement(setting);
    const { epochs: length, warmupEpochs } = setting.base;
    return [
      ...setting.seeds.map((seed) => measuring(setting, { method: "random weights", seed }, { seed }, measurement)),
      ...setting.seeds.flatMap((seed) =>
        CANDIDATES.map(({ name, method, options, epochs: times }) => {
          const epochs = times * (EPOCHS[setting.scale] ?? length);
          const changes = { method, options, epochs, warmupEpochs: (warmupEpochs / length) * epochs, seed };
          return training(setting, { method: name, seed }, changes, { measurement });
        }),
      ),
    ];
  },
  present(results) {
    const names = ["random weights", ...CANDIDATES.map(({ name }) => name)];
    const of = (method: string, value: string) => results.estimate({ method }, value);
    const number = ({ mean, deviation }: ReturnType<typeof of>) =>
      deviation === null ? mean.toFixed(3) : `${mean.toFixed(3)} ± ${deviation.toFixed(3)}`;
    const least = best(
      CANDIDATES.map(({ name }) => {
        const { mean, deviation } = of(name, "alignmentError");
        return { name, value: { mean: -mean, deviation } };
      }),
    );
    const chance = of("SimCLR", "alignmentChance");
    return {
      findings: [
        `The nearest frame of another clip is nearest in time with ${least.name}: the alignment error is ${number(of(least.name, "alignmentError"))}, with SimCLR ${number(of("SimCLR", "alignmentError"))}, with random weights ${number(of("random weights", "alignmentError"))}, by chance ${chance.mean.toFixed(3)}.`,
        `Between two views of the same clip it is ${names.map((name) => `${number(of(name, "viewAlignmentError"))} with ${name}`).join(", ")}, by chance ${of("SimCLR", "viewAlignmentChance").mean.toFixed(3)}.`,
        "Published, on videos of pouring, of two cameras: 0.258 with TCN of one view, 0.188 with triplets and 0.181 with n-pairs of two views, 0.281 with random weights.",
      ],
      sections: [
        {
          title: "Alignment error",
          note: "How far apart in time a frame and its nearest neighbour are, in shares of a clip; on clips that no network was trained on. Other clips show the same moment at the same share of their length only where all clips are of one process.",
          figures: [
            {
              kind: "bars",
              title: "Ours",
              note: `Of representations; lower is better, ${chance.mean.toFixed(2)} is chance; ${results.setting.base.encoder}`,
              groupAxis: "method",
              format: "number",
              groups: names.map((name) => ({
                name,
                bars: [
                  { series: "to other clips", value: of(name, "alignmentError") },
                  { series: "to another view", value: of(name, "viewAlignmentError") },
                ],
              })),
            },
            {
              kind: "bars",
              title: "Published",
              note: "Pouring, to another camera; Sermanet et al. 2018, table 1",
              groupAxis: "method",
              format: "number",
              groups: [
                ["random weights", 0.281],
                ["TCN, one view", 0.258],
                ["TCN, triplets", 0.188],
                ["TCN, n-pairs", 0.181],
              ].map(([name, mean]) => ({
                name: String(name),
                bars: [{ series: "to another view", value: { mean: Number(mean), deviation: null } }],
              })),
            },
          ],
        },
      ],
    };
  },
};
