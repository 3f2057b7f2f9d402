import type { Tape } from "../engine/tape.js";
import type { Tensor } from "../engine/tensor.js";
import { ConfigError } from "../errors.js";
import { contrast } from "../losses/contrast.js";
import { type CONTRASTIVE_LOSSES, checkContrastiveSettings } from "../losses/contrast-rows.js";
import { contrastiveLoss } from "../losses/contrastive.js";
import { checkDebiased, debiased } from "../losses/debiased.js";
import { weightedDecoupled } from "../losses/decoupled.js";
import type { NtXent } from "../losses/nt-xent.js";
import { viewGroups } from "../losses/view-groups.js";
import type { Measured } from "./method.js";
import { choice, number, type OptionValues } from "./options.js";

/** Which negatives count for an anchor, and how much. */
export const NEGATIVES = ["all", "decoupled", "decoupled-weighted", "debiased", "hard", "semi-hard"] as const;

/** The options of how negatives count. */
export function negativesOptions() {
  return {
    negatives: choice(
      NEGATIVES,
      "all",
      "how negatives count: all alike; decoupled: without the positive beside them (DCL; decoupled-weighted: DCLW; Yeh et al. 2021, temperature 0.1); debiased: less those of the anchor's class (Chuang et al. 2020); hard: of these, similar ones more (HCL; Robinson et al. 2021); semi-hard: those farther than the positive, by at most the margin",
    ),
    sigma: number(0.5, { above: 0 }, "of the weights of decoupled-weighted (the article's)"),
    classPrior: number(
      0.1,
      { from: 0, below: 1 },
      "of debiased and hard: the share of negatives that are of the anchor's class (the articles' tau+; 1 over the classes where that is known)",
    ),
    hardness: number(
      1,
      { from: 0 },
      "of hard: how much more similar negatives count (the article's beta; it tried 0.5 to 6)",
    ),
  };
}

/** What a contrastive loss of views is computed with. */
export type NegativesSettings = OptionValues<ReturnType<typeof negativesOptions>> & {
  readonly loss: (typeof CONTRASTIVE_LOSSES)[number];
  readonly temperature: number;
  readonly margin: number;
  readonly normalize: boolean;
  /** Views of full size of each image. */
  readonly views: number;
  /** Small views beside them. */
  readonly smallViews: number;
};

/** @throws ConfigError for settings out of range, and for what does not go together. */
export function checkNegatives(settings: NegativesSettings): void {
  const { loss, negatives, normalize, views, smallViews } = settings;
  checkContrastiveSettings({ ...settings, mining: miningOf(settings) });
  checkDebiased(settings);
  const plain = loss === "nt-xent" && normalize;
  if (!plain && !["all", "semi-hard"].includes(negatives))
    throw new ConfigError(
      `negatives are ${negatives}, and that comes with NT-Xent of normalised embeddings: leave loss and normalize as they are`,
    );
  if ((!plain || negatives === "semi-hard") && (views > 2 || smallViews > 0))
    throw new ConfigError(
      "more than two views, and small ones, come with NT-Xent of normalised embeddings, and not with semi-hard negatives: leave loss, negatives and normalize as they are",
    );
  if (smallViews > 0 && !["all", "decoupled"].includes(negatives))
    throw new ConfigError(`negatives are ${negatives}, and small views come with all or decoupled ones`);
}

function miningOf({ negatives }: Pick<NegativesSettings, "negatives">): "none" | "semi-hard" {
  return negatives === "semi-hard" ? "semi-hard" : "none";
}

/**
 * The loss of the views of so many images, with what is measured beside it.
 * @param z embeddings of the views of full size, [views * images, dim]
 * @param smallZ those of small ones, where there are any
 */
export function negativesLoss(
  tape: Tape,
  { z, smallZ }: { readonly z: Tensor; readonly smallZ?: Tensor },
  images: number,
  settings: NegativesSettings,
): Measured {
  const { loss, accuracy, spread, ...others } = lossOf(tape, z, smallZ, images, settings);
  return { loss, contrastiveAccuracy: accuracy, outputStd: spread, ...others };
}

function lossOf(
  tape: Tape,
  z: Tensor,
  smallZ: Tensor | undefined,
  images: number,
  settings: NegativesSettings,
): NtXent & Readonly<Record<string, Tensor>> {
  const { negatives, views, smallViews, temperature, sigma, classPrior, hardness } = settings;
  if (negatives === "debiased" || negatives === "hard") {
    const { loss, accuracy, spread, clamped } = debiased(tape, z, images, {
      ...{ temperature, classPrior, hardness: negatives === "hard" ? hardness : 0 },
    });
    return { loss, accuracy, spread, clampedShare: clamped };
  }
  if (negatives === "decoupled-weighted") return { ...weightedDecoupled(tape, z, images, { temperature, sigma }) };
  if (negatives !== "decoupled" && views === 2 && smallViews === 0)
    return { ...contrastiveLoss(tape, z, { ...settings, mining: miningOf(settings) }) };
  const full = { z, groups: viewGroups(tape, images, views) };
  const small = smallZ ? [{ z: smallZ, groups: viewGroups(tape, images, smallViews) }] : [];
  const same = negatives === "decoupled" ? "attracted" : "positive";
  const keys = { ...full, same, other: "negative" } as const;
  const { loss, accuracy, spread } = contrast(tape, [full, ...small], [keys], { temperature });
  return { loss, accuracy, spread };
}

/** What the loss is where nothing was learned, in a batch of so many images; null where that is not known. */
export function negativesChance(
  { loss, negatives, views }: NegativesSettings,
  images: number,
): { formula: string; value: number } | null {
  if (loss !== "nt-xent" || negatives === "semi-hard") return null;
  return negatives.startsWith("decoupled")
    ? { formula: `ln(${views}N − ${views})`, value: Math.log(views * (images - 1)) }
    : { formula: `ln(${views}N − 1)`, value: Math.log(views * images - 1) };
}

/** Rows for the table of the settings. */
export function negativesRows(settings: NegativesSettings): [string, string][] {
  const { negatives, sigma, classPrior, hardness } = settings;
  switch (negatives) {
    case "all":
    case "semi-hard":
      return [];
    case "decoupled":
      return [["negatives", "decoupled"]];
    case "decoupled-weighted":
      return [["negatives", `decoupled, positives weighted with sigma ${sigma}`]];
    case "debiased":
      return [["negatives", `debiased, class prior ${classPrior}`]];
    case "hard":
      return [["negatives", `hard, hardness ${hardness}, class prior ${classPrior}`]];
  }
}
