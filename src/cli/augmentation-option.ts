import { readFileSync } from "node:fs";
import { parsePolicies } from "../augment/parse-policy.js";
import { AUGMENTATION_POLICY_NAMES } from "../augment/policy.js";
import { ConfigError } from "../errors.js";
import type { TrainingConfig } from "../training/config.js";
import { InvalidArgumentError } from "../vendor/commander.js";

const NAMES = ["auto", ...AUGMENTATION_POLICY_NAMES] as const;

/**
 * The text of `--augmentation`: a name, or the path of a JSON file of one policy, or one for each view.
 * @throws ConfigError for a file that cannot be read or holds something else
 */
export function augmentation(text: string): TrainingConfig["augmentation"] {
  const name = NAMES.find((known) => known === text);
  if (name) return name;
  if (!text.endsWith(".json"))
    throw new InvalidArgumentError(
      `Choose ${NAMES.join(", ")}, or the path of a .json file of one policy, or one for each view.`,
    );
  try {
    return parsePolicies(JSON.parse(readFileSync(text, "utf8")));
  } catch (cause) {
    throw new ConfigError(`${text}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}
