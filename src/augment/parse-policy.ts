import { ConfigError } from "../errors.js";
import { shown } from "../io/json.js";
import { AUGMENTATION_PART_NAMES, composePolicy } from "./parts.js";
import {
  AUGMENTATION_POLICY_NAMES,
  type AugmentationPolicies,
  type AugmentationPolicy,
  augmentationPolicies,
  checkPolicyCount,
  noAugmentation,
  policyList,
} from "./policy.js";

/**
 * A policy, or an array with one for each view of an image, from JSON. A policy is an object of fields that differ from those of
 * its `base`: "none" (the default), the name of a ready-made policy, or an array of names of parts. A name that stands for
 * several policies is, in an array of as many, the one for the same view.
 * `{ "base": "cifar", "jitterProbability": 0 }` is the policy for CIFAR-10 without colour jitter;
 * `[{ "base": ["crop", "color"] }, {}]` augments only one of the two views;
 * `[{ "base": "byol" }, { "base": "byol", "solarizeProbability": 0 }]` is BYOL's without solarization.
 *
 * Only names and types are checked: `checkPolicies` looks at the values.
 * @throws ConfigError for an unknown field or base, and for a value of another type
 */
export function parsePolicies(value: unknown): AugmentationPolicies {
  if (!Array.isArray(value)) return parsePolicy(value, { view: 0, views: 1 });
  checkPolicyCount(value.length);
  return value.map((each: unknown, view) => parsePolicy(each, { view, views: value.length }));
}

/** Which view a policy is for, of how many that have one each. */
interface Place {
  readonly view: number;
  readonly views: number;
}

function parsePolicy(value: unknown, place: Place): AugmentationPolicy {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new ConfigError(`augmentation has ${shown(value)} where the fields of a policy are expected`);
  const { base = "none", ...fields }: Record<string, unknown> = { ...value };
  const policy: Record<string, unknown> = { ...basePolicy(base, place) };
  for (const [name, found] of Object.entries(fields)) {
    if (!Object.hasOwn(policy, name))
      throw new ConfigError(`an augmentation has no "${name}"; it has ${Object.keys(noAugmentation).join(", ")}`);
    const like = policy[name];
    const fits = Array.isArray(like)
      ? Array.isArray(found) && found.length === 2 && found.every((end) => typeof end === "number")
      : typeof found === "number";
    if (!fits)
      throw new ConfigError(
        `${name} is ${shown(found)}; it must be ${Array.isArray(like) ? "a range, [least, most]" : "a number"}`,
      );
    policy[name] = found;
  }
  if (!isPolicy(policy)) throw new ConfigError("the augmentation is damaged");
  return policy;
}

function basePolicy(base: unknown, { view, views }: Place): AugmentationPolicy {
  if (base === "none") return noAugmentation;
  const name = AUGMENTATION_POLICY_NAMES.find((known) => known === base);
  if (name) {
    const list = policyList(augmentationPolicies[name]);
    if (list.length > 1 && list.length !== views)
      throw new ConfigError(
        `base is "${name}", which is ${list.length} policies for the views of an image: give a list of as many`,
      );
    return list[list.length > 1 ? view : 0];
  }
  const names: readonly unknown[] = Array.isArray(base) ? base : [];
  const parts = AUGMENTATION_PART_NAMES.filter((known) => names.includes(known));
  if (!Array.isArray(base) || parts.length !== names.length) {
    throw new ConfigError(
      `base is ${shown(base)}; choose "none", ${AUGMENTATION_POLICY_NAMES.map((known) => `"${known}"`).join(", ")}, or an array of ${AUGMENTATION_PART_NAMES.join(", ")}`,
    );
  }
  return composePolicy(...parts);
}

/** Every field was checked against that of `noAugmentation` above. */
function isPolicy(policy: object): policy is AugmentationPolicy {
  return Object.keys(noAugmentation).every((name) => name in policy);
}
