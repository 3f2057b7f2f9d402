import type { ContrastiveSettings } from "../losses/contrast-rows.js";
import type { Experiment } from "./experiment.js";
import type { Results } from "./results.js";
import { accuracyText, best, exactly, gain } from "./sentences.js";
import type { Scale } from "./setting.js";
import { training } from "./training.js";

const MININGS = ["none", "semi-hard"] as const;
type Mining = (typeof MININGS)[number];

/** A loss with the values of its setting that are tried, of which the best counts, and the published accuracies. */
interface Candidate {
  readonly name: string;
  readonly loss: ContrastiveSettings["loss"];
  readonly tuned: "temperature" | "margin";
  readonly values: Readonly<Record<Scale, readonly number[]>>;
  /** Chen et al. 2020, table 4; null where it has none. */
  readonly published: Readonly<Record<Mining, number | null>>;
}

/** The values of the paper's appendix B.10, but for a margin of 0, which semi-hard mining leaves no negatives. */
const LOGISTIC_TEMPERATURES = [0.1, 0.2, 0.5, 1];
const MARGINS = [0.4, 0.8, 1.6];

const CANDIDATES: readonly Candidate[] = [
  {
    name: "margin triplet",
    loss: "margin-triplet",
    tuned: "margin",
    values: { smoke: [0.8], small: MARGINS, full: MARGINS },
    published: { none: 50.9, "semi-hard": 57.5 },
  },
  {
    name: "NT-logistic",
    loss: "nt-logistic",
    tuned: "temperature",
    values: { smoke: [0.2], small: LOGISTIC_TEMPERATURES, full: LOGISTIC_TEMPERATURES },
    published: { none: 51.6, "semi-hard": 57.9 },
  },
  {
    name: "NT-Xent",
    loss: "nt-xent",
    tuned: "temperature",
    values: { smoke: [0.5], small: [0.1, 0.5], full: [0.1, 0.5] },
    published: { none: 63.9, "semi-hard": null },
  },
];

/** The best value of a loss's setting, and what it gives. */
function bestOf(results: Results, { loss, tuned, values }: Candidate, mining: Mining) {
  const tried = values[results.setting.scale].map((setting) => ({
    setting: `${tuned} ${setting}`,
    value: results.estimate({ loss, mining, [tuned]: setting }, "probe"),
    knn: results.estimate({ loss, mining, [tuned]: setting }, "knn"),
  }));
  return best(tried);
}

/** Contrastive losses, with all negatives and with semi-hard ones. */
export const losses: Experiment = {
  name: "losses",
  title: "Contrastive losses",
  shows:
    "NT-Xent, which weighs negatives by their hardness, gives better representations than logistic and margin losses, even where these take semi-hard negatives only.",
  plan: (setting) =>
    CANDIDATES.flatMap(({ loss, tuned, values }) =>
      MININGS.flatMap((mining) =>
        values[setting.scale].map((value) =>
          training(
            setting,
            { loss, mining, [tuned]: value },
            { options: { loss, negatives: mining === "none" ? "all" : mining, [tuned]: value } },
          ),
        ),
      ),
    ),
  present(results) {
    const { setting } = results;
    const found = CANDIDATES.map((candidate) => ({
      candidate,
      none: bestOf(results, candidate, "none"),
      "semi-hard": bestOf(results, candidate, "semi-hard"),
    }));
    const top = best(
      found.flatMap(({ candidate, ...of }) =>
        MININGS.map((mining) => ({
          name: `${candidate.name}${mining === "none" ? "" : " with semi-hard negatives"}`,
          value: of[mining].value,
        })),
      ),
    );
    const mined = found.map(
      ({ candidate, ...of }) => `${gain(of.none.value, of["semi-hard"].value)} for ${candidate.name}`,
    );
    const series = (mining: Mining) => (mining === "none" ? "all negatives" : "semi-hard negatives");
    return {
      findings: [
        `The best is ${top.name}, with ${accuracyText(top.value)}; published, NT-Xent with 63.9 %, 6.0 points above the next.`,
        `Semi-hard mining changes the linear probe by ${mined.join(", ")}; published, +6.6 points for margin triplet and +6.3 for NT-logistic.`,
      ],
      sections: [
        {
          title: "Accuracy by loss",
          note: "All losses on normalised embeddings, so that distances are Euclidean on the sphere. Semi-hard negatives are those farther than the positive by less than the margin. Of the values tried for temperature or margin, the best counts, on the test images, as in the paper.",
          figures: [
            {
              kind: "bars",
              title: "Ours",
              note: `Test accuracy of the linear probe; ${setting.base.encoder}`,
              groupAxis: "loss",
              format: "percent",
              groups: found.map(({ candidate, ...of }) => ({
                name: candidate.name,
                bars: MININGS.map((mining) => ({ series: series(mining), value: of[mining].value })),
              })),
            },
            {
              kind: "bars",
              title: "Published",
              note: "ResNet-50 on ImageNet, top-1 of the linear evaluation; Chen et al. 2020, table 4",
              groupAxis: "loss",
              format: "percent",
              groups: CANDIDATES.map(({ name, published }) => ({
                name,
                bars: MININGS.flatMap((mining) => {
                  const value = published[mining];
                  return value === null ? [] : [{ series: series(mining), value: exactly(value / 100) }];
                }),
              })),
            },
            {
              kind: "table",
              title: "The best settings",
              note: "Linear probe and kNN",
              format: "percent",
              rows: [
                ["loss", "setting", "linear probe", "kNN"],
                ...found.flatMap(({ candidate, ...of }) =>
                  MININGS.map((mining) => [
                    `${candidate.name}, ${series(mining)}`,
                    of[mining].setting,
                    of[mining].value,
                    of[mining].knn,
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
