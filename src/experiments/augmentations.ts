import { AUGMENTATION_PART_NAMES, type AugmentationPartName, ablationPolicies } from "../augment/parts.js";
import type { Experiment } from "./experiment.js";
import type { Scale } from "./setting.js";
import { training } from "./training.js";

const PARTS = AUGMENTATION_PART_NAMES;
/** Of each run, where the scale's own would take too long for so many. */
const EPOCHS: Readonly<Partial<Record<Scale, number>>> = { smoke: 1, small: 8 };

/** Chen et al. 2020, figure 5: rows are the first augmentation, columns the second, in the order of `PARTS`. */
const PUBLISHED = [
  [33.1, 33.9, 56.3, 46.0, 39.9, 35.0, 30.2],
  [32.2, 25.6, 33.9, 40.0, 26.5, 25.2, 22.4],
  [55.8, 35.5, 18.8, 21.0, 11.4, 16.5, 20.8],
  [46.2, 40.6, 20.9, 4.0, 9.3, 6.2, 4.2],
  [38.8, 25.8, 7.5, 7.6, 9.8, 9.8, 9.6],
  [35.1, 25.2, 16.6, 5.8, 9.7, 2.6, 6.7],
  [30.0, 22.5, 20.7, 4.3, 9.7, 6.5, 2.6],
];

/** All single augmentations and pairs of them. */
const ENTRIES = PARTS.flatMap((first, i) => PARTS.slice(i).map((second) => ({ first, second })));

/** Linear accuracy under every pair of augmentations, which only one of the two branches gets. */
export const augmentations: Experiment = {
  name: "augmentations",
  title: "Compositions of augmentations",
  shows:
    "No single augmentation suffices to learn good representations; of the pairs, cropping with colour distortion stands out.",
  plan: (setting) =>
    ENTRIES.map(({ first, second }) => {
      const parts: readonly AugmentationPartName[] = first === second ? [first] : [first, second];
      const epochs = EPOCHS[setting.scale] ?? setting.base.epochs;
      return training(
        setting,
        { first, second },
        { augmentation: ablationPolicies(parts), epochs, warmupEpochs: Math.min(setting.base.warmupEpochs, epochs) },
      );
    }),
  present(results) {
    const probe = (a: AugmentationPartName, b: AugmentationPartName) => {
      const [first, second] = PARTS.indexOf(a) <= PARTS.indexOf(b) ? [a, b] : [b, a];
      return results.estimate({ first, second }, "probe").mean;
    };
    const ranked = ENTRIES.map(({ first, second }) => ({ first, second, value: probe(first, second) })).sort(
      (a, b) => b.value - a.value,
    );
    const named = ({ first, second }: { first: string; second: string }) =>
      first === second ? `${first} alone` : `${first} with ${second}`;
    const text = (entry: (typeof ranked)[number]) => `${named(entry)} (${(100 * entry.value).toFixed(1)} %)`;
    const singles = ranked.filter(({ first, second }) => first === second);
    const color = ranked.findIndex(({ first, second }) => first === "crop" && second === "color") + 1;
    return {
      findings: [
        `The best are ${ranked.slice(0, 3).map(text).join(", ")}; the worst is ${text(ranked[ranked.length - 1])}.`,
        `The best single augmentation is ${text(singles[0])}.`,
        `Crop with colour has place ${color} of ${ranked.length}; published, it has the first, with 56.3 %.`,
      ],
      sections: [
        {
          title: "Accuracy by augmentations",
          note: "Both branches see the same random crop of an image; one of them is augmented further, as the row and the column say, and the other is left as it is. On the diagonal there is one augmentation. That lowers all numbers against augmenting both branches.",
          figures: [
            {
              kind: "heat",
              title: "Ours",
              note: "Test accuracy of the linear probe, in per cent. Pairs were measured in one order, so that the map is symmetric",
              rowAxis: "first",
              columnAxis: "second augmentation",
              format: "percent",
              rows: PARTS,
              columns: PARTS,
              values: PARTS.map((row) => PARTS.map((column) => probe(row, column))),
            },
            {
              kind: "heat",
              title: "Published",
              note: "ResNet-50 on ImageNet, top-1 of the linear evaluation; Chen et al. 2020, figure 5",
              rowAxis: "first",
              columnAxis: "second augmentation",
              format: "percent",
              rows: PARTS,
              columns: PARTS,
              values: PUBLISHED.map((row) => row.map((value) => value / 100)),
            },
          ],
        },
      ],
    };
  },
};
