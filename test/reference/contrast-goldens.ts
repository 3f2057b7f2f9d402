import type { ContrastSettings } from "../../src/reference/contrast.js";
import type { GoldenCase } from "./goldens.js";

const losses = ["nt-xent", "nt-logistic", "margin-triplet"] as const;
const minings = ["none", "semi-hard"] as const;
const variants = losses.flatMap((loss) => minings.map((mining) => `${loss} ${mining}`));

/** Names of the cases of `contrast.safetensors`, in the order of the file. */
export const contrastCases: readonly string[] = [
  ...variants,
  ...variants.map((name) => `${name}, two images`),
  ...variants.slice(0, 4).map((name) => `${name}, temperature 0.05`),
  ...losses.map((loss) => `${loss} semi-hard, no such negative`),
  ...variants.map((name) => `${name}, not normalised`),
];

/** Embeddings of a golden case, and the loss that it is of. */
export interface ContrastGolden {
  readonly z: Float64Array;
  readonly dimension: number;
  readonly settings: ContrastSettings & { readonly normalize: boolean };
}

/** What a case of `contrast.safetensors` says. */
export function contrastGolden(golden: GoldenCase): ContrastGolden {
  const [loss, mining] = [golden.text("loss"), golden.text("mining")];
  const settings = {
    loss: losses.find((name) => name === loss) ?? losses[0],
    mining: minings.find((name) => name === mining) ?? minings[0],
    temperature: golden.number("temperature"),
    margin: golden.number("margin"),
    normalize: golden.flag("normalize"),
  };
  return { z: golden.floats("z"), dimension: golden.number("dimension"), settings };
}
