import { ConfigError } from "../errors.js";
import { augmentations } from "./augmentations.js";
import { batchSize } from "./batch-size.js";
import { colorShortcut } from "./color-shortcut.js";
import { colorStrength } from "./color-strength.js";
import { epochs } from "./epochs.js";
import type { Experiment } from "./experiment.js";
import { fewLabels } from "./few-labels.js";
import { linearEval } from "./linear-eval.js";
import { losses } from "./losses.js";
import { methods } from "./methods.js";
import { modelSize } from "./model-size.js";
import { negatives } from "./negatives.js";
import { projectionHead } from "./projection-head.js";
import { temperature } from "./temperature.js";
import { time } from "./time.js";
import { transfer } from "./transfer.js";

/** All experiments by name. */
export const experiments: readonly Experiment[] = [
  batchSize,
  augmentations,
  colorShortcut,
  colorStrength,
  projectionHead,
  temperature,
  losses,
  modelSize,
  linearEval,
  fewLabels,
  transfer,
  epochs,
  methods,
  negatives,
  time,
];

/** The experiment of this name. @throws ConfigError where there is none. */
export function experimentNamed(name: string): Experiment {
  const found = experiments.find((experiment) => experiment.name === name);
  if (!found) {
    const names = experiments.map((experiment) => experiment.name).join(", ");
    throw new ConfigError(`there is no experiment "${name}": choose ${names}`);
  }
  return found;
}
