import { NEGATIVES } from "../methods/negatives.js";
import type { Experiment } from "./experiment.js";
import { falseNegativesMeasurement } from "./false-negatives.js";
import type { Results } from "./results.js";
import { accuracyText, best, exactly, gain } from "./sentences.js";
import { fittingBatch, type Scale } from "./setting.js";
import { training } from "./training.js";

type Negatives = (typeof NEGATIVES)[number];

/** What is tried with every choice of negatives; of the results with these temperatures the best counts. */
const TEMPERATURES: Readonly<Record<Scale, readonly number[]>> = { smoke: [0.5], small: [0.1, 0.5], full: [0.1, 0.5] };

/** A batch in which NT-Xent's positives are easy to tell, which is where decoupling is said to help; and what is tried in it. */
const SMALL_BATCH = 32;
const IN_SMALL_BATCH: readonly Negatives[] = ["all", "decoupled", "decoupled-weighted"];

/** Test images among which false negatives are counted. */
const COUNTED = 512;

/** Of the linear evaluation on STL-10 (Robinson et al. 2021, hardness 1), and on ImageNet after 200 epochs, batch 256 (Yeh et al. 2021). */
const PUBLISHED = [
  { name: "STL-10, ResNet-50", all: 0.8015, others: { debiased: 0.8426, hard: 0.8744 } },
  { name: "ImageNet, ResNet-50, batch 256", all: 0.618, others: { decoupled: 0.682 } },
] as const;

/** The temperature that gives the best probe, and what it gives. */
function bestOf(results: Results, negatives: Negatives, batch: number) {
  const tried = TEMPERATURES[results.setting.scale].map((temperature) => {
    const of = (value: string) => results.estimate({ negatives, batch, temperature }, value);
    return {
      temperature,
      value: of("probe"),
      knn: of("knn"),
      falseShare: of("falseShare"),
      falseNearest: of("falseNearest"),
      falsePull: of("falsePull"),
    };
  });
  return best(tried);
}

/** Which negatives count, and how much. */
export const negatives: Experiment = {
  name: "negatives",
  title: "Choosing negatives",
  shows:
    "Some negatives are of the anchor's own class, most of all among the similar ones. What it changes to weigh them otherwise, or to leave some out.",
  plan(setting) {
    const { base, scale, seeds, classes } = setting;
    const run = (negatives: Negatives, batch: number, temperature: number, seed: number) =>
      training(
        setting,
        { negatives, batch, temperature, seed },
        { batch, options: { negatives, temperature, classPrior: 1 / classes }, seed },
        { measurement: falseNegativesMeasurement(COUNTED, { negatives, temperature }) },
      );
    const small = fittingBatch(SMALL_BATCH, setting.trainImages);
    // Two seeds at most, and none of them for what is the same twice.
    return seeds
      .slice(0, 2)
      .flatMap((seed) =>
        TEMPERATURES[scale].flatMap((temperature) => [
          ...NEGATIVES.map((name) => run(name, base.batch, temperature, seed)),
          ...(small < base.batch ? IN_SMALL_BATCH.map((name) => run(name, small, temperature, seed)) : []),
        ]),
      );
  },
  present(results) {
    const { setting } = results;
    const { base } = setting;
    const small = fittingBatch(SMALL_BATCH, setting.trainImages);
    const batches = small < base.batch ? [base.batch, small] : [base.batch];
    const found = new Map(NEGATIVES.map((name) => [name, bestOf(results, name, base.batch)]));
    const inSmall = new Map(
      small < base.batch ? IN_SMALL_BATCH.map((name) => [name, bestOf(results, name, small)]) : [],
    );
    const all = bestOf(results, "all", base.batch);
    const top = best([...found].map(([name, { value }]) => ({ name, value })));
    const changes = [...found]
      .filter(([name]) => name !== "all")
      .map(([name, { value }]) => `${gain(all.value, value)} for ${name}`);
    const [everyone, decoupled] = [inSmall.get("all"), inSmall.get("decoupled")];
    return {
      findings: [
        `The best linear probe is that with negatives "${top.name}", ${accuracyText(top.value)}; against all alike it is ${changes.join(", ")}.`,
        `Of the negatives ${accuracyText(all.falseShare)} are of the anchor's class, of the ten nearest ${accuracyText(all.falseNearest)}; these get ${accuracyText(all.falsePull)} of the pull of all negatives at temperature ${all.temperature}.`,
        ...(everyone && decoupled
          ? [
              `In batches of ${small}, decoupling changes the linear probe by ${gain(everyone.value, decoupled.value)}; with all negatives it is ${accuracyText(everyone.value)}, and ${accuracyText(all.value)} in batches of ${base.batch}.`,
            ]
          : []),
        "Published: +4.1 points for debiased and +7.3 for hard negatives on STL-10, +6.4 for decoupled ones on ImageNet in batches of 256.",
      ],
      sections: [
        {
          title: "Accuracy by negatives",
          note: `SimCLR with NT-Xent and what becomes of its negatives. Of the temperatures tried (${TEMPERATURES[setting.scale].join(", ")}) the best counts, on the test images. Debiased and hard ones are told the true share of a class, 1/${setting.classes}.`,
          figures: [
            {
              kind: "bars",
              title: "Ours",
              note: `Test accuracy of the linear probe; ${base.encoder}`,
              groupAxis: "negatives",
              format: "percent",
              groups: NEGATIVES.map((name) => ({
                name,
                bars: batches.flatMap((batch) => {
                  const value = (batch === base.batch ? found : inSmall).get(name)?.value;
                  return value ? [{ series: `batch ${batch}`, value }] : [];
                }),
              })),
            },
            {
              kind: "bars",
              title: "Published",
              note: "Linear evaluation; Robinson et al. 2021, Yeh et al. 2021",
              groupAxis: "negatives",
              format: "percent",
              groups: PUBLISHED.map(({ name, all: baseline, others }) => ({
                name,
                bars: Object.entries({ all: baseline, ...others }).map(([series, value]) => ({
                  series,
                  value: exactly(value),
                })),
              })),
            },
            {
              kind: "table",
              title: "False negatives",
              note: `Of the class of the anchor, among ${Math.min(COUNTED, setting.testImages)} test images after training: of all negatives, of the ten most similar, and the share of the pull that the loss gives to them`,
              format: "percent",
              rows: [
                ["negatives", "batch", "temperature", "linear probe", "kNN", "false", "of the nearest", "of the pull"],
                ...batches.flatMap((batch) =>
                  [...(batch === base.batch ? found : inSmall)].map(([name, of]) => [
                    name,
                    String(batch),
                    String(of.temperature),
                    of.value,
                    of.knn,
                    of.falseShare,
                    of.falseNearest,
                    of.falsePull,
                  ]),
                ),
              ],
            },
          ],
        },
      ],
    };
  },
};
