import { ConfigError } from "../errors.js";

/** How views are made from an image (Chen et al. 2020, appendix A). */
export interface AugmentationPolicy {
  /** Range of the crop's area, as shares of the image. */
  readonly cropArea: readonly [number, number];
  /** Range of the crop's aspect ratio, width to height; drawn log-uniformly. */
  readonly cropAspect: readonly [number, number];
  readonly flipProbability: number;
  readonly jitterProbability: number;
  /** Half-widths of the ranges of the jitter's factors around 1; of the hue's shift around 0, in turns. */
  readonly brightness: number;
  readonly contrast: number;
  readonly saturation: number;
  readonly hue: number;
  readonly grayscaleProbability: number;
  /** 0 switches the blur off. */
  readonly blurProbability: number;
  /** Range of the blur's standard deviation, in pixels; its window is a tenth of the view's height, made odd. */
  readonly blurSigma: readonly [number, number];
}

/** The paper's policy with a colour strength: brightness, contrast and saturation 0.8 s, hue 0.2 s. */
function paperPolicy(strength: number, blurProbability: number): AugmentationPolicy {
  return {
    cropArea: [0.08, 1],
    cropAspect: [3 / 4, 4 / 3],
    flipProbability: 0.5,
    jitterProbability: 0.8,
    brightness: 0.8 * strength,
    contrast: 0.8 * strength,
    saturation: 0.8 * strength,
    hue: 0.2 * strength,
    grayscaleProbability: 0.2,
    blurProbability,
    blurSigma: [0.1, 2],
  };
}

/** The paper's policies: ImageNet (strength 1, blur) and CIFAR-10 (strength 0.5, no blur; appendix B.9). */
export const augmentationPolicies = {
  imagenet: paperPolicy(1, 0.5),
  cifar: paperPolicy(0.5, 0),
} as const;

/** The names of the ready-made policies. */
export const AUGMENTATION_POLICY_NAMES = ["cifar", "imagenet"] as const satisfies (keyof typeof augmentationPolicies)[];
export type AugmentationPolicyName = (typeof AUGMENTATION_POLICY_NAMES)[number];

/** @throws ConfigError for a probability outside of [0, 1], an empty range, or a negative strength. */
export function checkPolicy(policy: AugmentationPolicy): void {
  const { cropArea, cropAspect, blurSigma } = policy;
  for (const name of ["flipProbability", "jitterProbability", "grayscaleProbability", "blurProbability"] as const) {
    if (!(policy[name] >= 0 && policy[name] <= 1))
      throw new ConfigError(`${name} is ${policy[name]}; it must lie between 0 and 1`);
  }
  for (const name of ["brightness", "contrast", "saturation", "hue"] as const) {
    if (!(policy[name] >= 0)) throw new ConfigError(`${name} is ${policy[name]}; it must not be negative`);
  }
  if (policy.hue > 0.5) throw new ConfigError(`hue is ${policy.hue}; half a turn, 0.5, is the most there is`);
  for (const [name, [low, high]] of Object.entries({ cropArea, cropAspect, blurSigma })) {
    if (!(low > 0 && low <= high)) throw new ConfigError(`${name} is [${low}, ${high}]; it must be a range above 0`);
  }
  if (cropArea[1] > 1)
    throw new ConfigError(`cropArea ends at ${cropArea[1]}; a crop cannot be larger than the image, 1`);
}
