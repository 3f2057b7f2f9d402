import type { OptionValue } from "../methods/options.js";
import type { Estimate } from "../report/experiment-report-data.js";
import type { Experiment } from "./experiment.js";
import type { Results } from "./results.js";
import { accuracyText, best, exactly, gain } from "./sentences.js";
import type { Scale, Setting } from "./setting.js";
import { accuracyMeasurement, measuring, training } from "./training.js";

/** Accuracies on CIFAR-10 with ResNet-18, as shares of 1. */
interface Published {
  /** Of the linear probe: solo-learn's table, 1,000 epochs, trained along. */
  readonly linear?: number;
  /** Of kNN: lightly's table, 200 epochs, batch 128. */
  readonly knn?: number;
}

/** A method as it is compared. */
export interface Candidate {
  /** For people, and the name of its runs. */
  readonly name: string;
  readonly method: string;
  readonly options?: Readonly<Record<string, OptionValue>>;
  /** Of an image through an encoder in a step: a forward pass of a view is one, and a backward pass as much as two. */
  readonly passes: number;
  readonly published: Published;
  /** Whether it takes the labels. */
  readonly labels?: boolean;
}

const SIMCLR = { name: "SimCLR", method: "simclr", passes: 6, published: { linear: 0.9074, knn: 0.847 } } as const;

/** Every method that learns from single images; two of them with four views. */
export const CANDIDATES: readonly Candidate[] = [
  { ...SIMCLR, options: { temperature: 0.5 } },
  { name: "SimCLR, 4 views", method: "simclr", options: { temperature: 0.5, views: 4 }, passes: 12, published: {} },
  { name: "MoCo v2", method: "moco", passes: 4, published: { linear: 0.9294, knn: 0.838 } },
  { name: "MoCo v3", method: "moco-v3", passes: 8, published: { linear: 0.931 } },
  { name: "InstDisc", method: "instdisc", passes: 3, published: {} },
  { name: "NNCLR", method: "nnclr", passes: 6, published: { linear: 0.9188, knn: 0.834 } },
  { name: "BYOL", method: "byol", passes: 8, published: { linear: 0.9258, knn: 0.869 } },
  { name: "SimSiam", method: "simsiam", passes: 6, published: { linear: 0.9051, knn: 0.819 } },
  { name: "FastSiam", method: "simsiam", options: { views: 4 }, passes: 12, published: { knn: 0.906 } },
  { name: "Barlow Twins", method: "barlow", passes: 6, published: { linear: 0.921, knn: 0.842 } },
  { name: "VICReg", method: "vicreg", passes: 6, published: { linear: 0.9207 } },
  { name: "LeJEPA", method: "lejepa", passes: 6, published: {} },
  { name: "SwAV", method: "swav", passes: 6, published: { linear: 0.8917, knn: 0.812 } },
  { name: "DINO", method: "dino", passes: 8, published: { linear: 0.8952, knn: 0.84 } },
  { name: "SupCon", method: "supcon", passes: 6, published: { linear: 0.9382 }, labels: true },
  { name: "supervised", method: "supervised", passes: 3, published: {}, labels: true },
];

/** Epochs of SimCLR: a multiple of 4, so that those of all others are whole numbers. */
const EPOCHS: Readonly<Record<Scale, number | null>> = { smoke: 4, small: 8, full: null };

function epochsOf({ passes }: Candidate, { scale, base }: Setting): number {
  const epochs = EPOCHS[scale] ?? base.epochs;
  return Math.max(1, Math.round((epochs * SIMCLR.passes) / passes));
}

/** Differences that chance does not easily make: more than two standard errors of the difference of means. */
function differ(a: Estimate, b: Estimate, seeds: number): boolean {
  const error = Math.hypot(a.deviation ?? 0, b.deviation ?? 0) / Math.sqrt(seeds);
  return Math.abs(a.mean - b.mean) > 2 * error;
}

/** How ours of a method stands to ours of SimCLR against how the published one does; null where they agree, or nothing is known. */
function disagreement(candidate: Candidate, results: Results): string | null {
  const { published, name } = candidate;
  for (const [kind, of, source] of [
    ["probe", "linear", "solo-learn's table"],
    ["knn", "knn", "lightly's table"],
  ] as const) {
    const [theirs, simclr] = [published[of], SIMCLR.published[of]];
    if (theirs === undefined) continue;
    const [ours, base] = [candidate, SIMCLR].map((one) => results.estimate({ method: one.name }, kind));
    const opposite = Math.sign(ours.mean - base.mean) !== Math.sign(theirs - simclr);
    if (!opposite || !differ(ours, base, results.setting.seeds.length)) return null;
    const measure = kind === "probe" ? "linear probe" : "kNN";
    return `${name}'s ${measure} is ${gain(base, ours)} from SimCLR's here, and ${gain(exactly(simclr), exactly(theirs))} in ${source}.`;
  }
  return null;
}

/** All methods with the same encoder and the same compute. */
export const methods: Experiment = {
  name: "methods",
  title: "Methods at equal compute",
  shows:
    "What each way to learn without labels gives for the same number of passes through the same encoder, beside training with labels.",
  plan: (setting) => [
    measuring(setting, { method: "random weights" }, {}, accuracyMeasurement(setting)),
    ...setting.seeds.flatMap((seed) =>
      CANDIDATES.map((candidate) => {
        const { name, method, options = {} } = candidate;
        const epochs = epochsOf(candidate, setting);
        const warmupEpochs = (setting.base.warmupEpochs / setting.base.epochs) * epochs;
        return training(setting, { method: name, seed }, { method, options, epochs, warmupEpochs, seed });
      }),
    ),
  ],
  present(results) {
    const { setting } = results;
    const of = (name: string, value: string) => results.estimate({ method: name }, value);
    const free = CANDIDATES.filter(({ labels }) => !labels);
    const top = best(free.map(({ name }) => ({ name, value: of(name, "probe") })));
    const topKnn = best(free.map(({ name }) => ({ name, value: of(name, "knn") })));
    const random = of("random weights", "probe");
    const disagreements = free.flatMap((candidate) => disagreement(candidate, results) ?? []);
    const values = ["knn", "knn20", "probe"];
    return {
      findings: [
        `Without labels the best linear probe is that of ${top.name}, with ${accuracyText(top.value)}, and the best kNN that of ${topKnn.name}, with ${accuracyText(topKnn.value)}; SimCLR gives ${accuracyText(of(SIMCLR.name, "probe"))} and ${accuracyText(of(SIMCLR.name, "knn"))}, random weights ${accuracyText(random)} and ${accuracyText(of("random weights", "knn"))}.`,
        `With labels, SupCon's linear probe is ${accuracyText(of("SupCon", "probe"))}, and that on a supervised encoder ${accuracyText(of("supervised", "probe"))}.`,
        disagreements.length === 0
          ? "No method is on the other side of SimCLR than in the literature by more than two standard errors."
          : `On the other side of SimCLR than in the literature, by more than two standard errors: ${disagreements.join(" ")}`,
      ],
      sections: [
        {
          title: "Accuracy by method",
          note: "The same encoder, optimizer, learning rate and batch, and as many passes of images through an encoder (a teacher's too); each method's own head, loss and augmentation, with its default options. Published accuracies come from far longer trainings, with settings chosen for each method.",
          figures: [
            {
              kind: "bars",
              title: "Ours",
              note: `Test accuracy; ${setting.base.encoder}`,
              groupAxis: "method",
              format: "percent",
              groups: CANDIDATES.map(({ name }) => ({
                name,
                bars: [
                  { series: "kNN", value: of(name, "knn") },
                  { series: "linear probe", value: of(name, "probe") },
                ],
              })),
            },
            {
              kind: "bars",
              title: "Published",
              note: "ResNet-18 on CIFAR-10: kNN after 200 epochs (lightly's benchmarks), linear classifier after 1,000 (solo-learn's)",
              groupAxis: "method",
              format: "percent",
              groups: CANDIDATES.flatMap(({ name, published: { knn, linear } }) => {
                const bars = [
                  ...(knn === undefined ? [] : [{ series: "kNN", value: exactly(knn) }]),
                  ...(linear === undefined ? [] : [{ series: "linear probe", value: exactly(linear) }]),
                ];
                return bars.length === 0 ? [] : [{ name, bars }];
              }),
            },
            {
              kind: "table",
              title: "All of it",
              note: "Passes: of an image through an encoder in a step, a backward pass as two",
              format: "percent",
              rows: [
                ["method", "passes", "epochs", "kNN, k = 200", "kNN, k = 20", "linear probe"],
                ["random weights", "0", "0", ...values.map((value) => of("random weights", value))],
                ...CANDIDATES.map((candidate) => [
                  `${candidate.name}${candidate.labels ? " (labels)" : ""}`,
                  String(candidate.passes),
                  String(epochsOf(candidate, setting)),
                  ...values.map((value) => of(candidate.name, value)),
                ]),
              ],
            },
          ],
        },
      ],
    };
  },
};
