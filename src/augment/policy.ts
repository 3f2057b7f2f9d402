import { ConfigError } from "../errors.js";

/**
 * How views are made from an image (Chen et al. 2020, figure 4 and appendix A). The operations follow one another in the
 * order of the fields, which is the order of the rows of the paper's figure 5, with BYOL's solarization after the blur: crop and
 * flip, cutout, colour jitter and grayscale, Sobel filter, noise, blur, solarization, rotation. A probability of 0 switches an
 * operation off.
 */
export interface AugmentationPolicy {
  /**
   * Range of the area of a first crop that all views of an image have in common, as shares of the image; [1, 1] for none.
   * Each view's own crop lies inside of it.
   */
  readonly sharedCropArea: readonly [number, number];
  /** Range of the crop's area, as shares of the image, or of the crop that views share; [1, 1] for no crop. */
  readonly cropArea: readonly [number, number];
  /** Range of both crops' aspect ratio, width to height; drawn log-uniformly. */
  readonly cropAspect: readonly [number, number];
  /** Of a mirror image, left for right. */
  readonly flipProbability: number;
  /** A square around a pixel anywhere in the view becomes mid-gray (DeVries and Taylor 2017). */
  readonly cutoutProbability: number;
  /** The square's side as a share of the view's. */
  readonly cutoutSide: number;
  /** Of the jitter of brightness, contrast, saturation and hue, in an order that is drawn. */
  readonly jitterProbability: number;
  /** Half-widths of the ranges of the jitter's factors around 1; of the hue's shift around 0, in turns. */
  readonly brightness: number;
  /** See `brightness`. */
  readonly contrast: number;
  /** See `brightness`. */
  readonly saturation: number;
  /** In turns of the colour circle, up to 0.5: see `brightness`. */
  readonly hue: number;
  /** All channels become the luma. */
  readonly grayscaleProbability: number;
  /** All channels become the magnitude of the gradient of the luma. */
  readonly sobelProbability: number;
  /** Of Gaussian noise on every channel of every pixel. */
  readonly noiseProbability: number;
  /** Range of the standard deviation of the noise that every channel of every pixel gets, where white is 1. */
  readonly noiseSigma: readonly [number, number];
  /** Of a Gaussian blur. */
  readonly blurProbability: number;
  /**
   * Range of the blur's standard deviation, in pixels of the view, whatever its size; the window is a tenth of the view's
   * height, made odd: below 20 pixels it is a single one, and nothing is blurred.
   */
  readonly blurSigma: readonly [number, number];
  /**
   * Values of a half and more are inverted, x >= 0.5 to 1 - x, so that none is above a half (Grill et al. 2020, appendix B).
   * To bytes it does what Pillow's `solarize(128)` does; that leaves values between 127.5 / 255 and 128 / 255, half a level
   * that bytes do not have, as they are.
   */
  readonly solarizeProbability: number;
  /** Of a rotation by 90, 180 or 270 degrees, each as likely as the others. */
  readonly rotationProbability: number;
}

/** One policy for all views of an image, or a list with one for each of two or more views. */
export type AugmentationPolicies = AugmentationPolicy | readonly AugmentationPolicy[];

/**
 * Views that are the image itself. Strengths and ranges of what is switched off are the paper's where it tells them: colour
 * strength 1, blur. It tells none for cutout and noise: the cutout has DeVries and Taylor's size for CIFAR-10, and the noise,
 * like the blur, varies by a factor of 20, up to a fifth of the range of a channel.
 */
export const noAugmentation: AugmentationPolicy = {
  sharedCropArea: [1, 1],
  cropArea: [1, 1],
  cropAspect: [3 / 4, 4 / 3],
  flipProbability: 0,
  cutoutProbability: 0,
  cutoutSide: 0.5,
  jitterProbability: 0,
  brightness: 0.8,
  contrast: 0.8,
  saturation: 0.8,
  hue: 0.2,
  grayscaleProbability: 0,
  sobelProbability: 0,
  noiseProbability: 0,
  noiseSigma: [0.01, 0.2],
  blurProbability: 0,
  blurSigma: [0.1, 2],
  solarizeProbability: 0,
  rotationProbability: 0,
};

/** Random crop with resize and flip. */
const cropPolicy: AugmentationPolicy = { ...noAugmentation, cropArea: [0.08, 1], flipProbability: 0.5 };

/** The paper's policy with a colour strength: brightness, contrast and saturation 0.8 s, hue 0.2 s. */
export function paperPolicy(strength: number, blurProbability: number): AugmentationPolicy {
  return {
    ...cropPolicy,
    jitterProbability: 0.8,
    brightness: 0.8 * strength,
    contrast: 0.8 * strength,
    saturation: 0.8 * strength,
    hue: 0.2 * strength,
    grayscaleProbability: 0.2,
    blurProbability,
  };
}

/** BYOL's policies are SimCLR's at half its strength, with still less of the saturation (Grill et al. 2020, appendix B). */
function byolPolicy(blurProbability: number, solarizeProbability: number): AugmentationPolicy {
  return { ...paperPolicy(0.5, blurProbability), saturation: 0.2, solarizeProbability };
}

const weakPolicy: AugmentationPolicy = { ...paperPolicy(0.5, 0), cropArea: [0.2, 1], grayscaleProbability: 0.1 };
const mocoPolicy: AugmentationPolicy = { ...paperPolicy(0.5, 0.5), cropArea: [0.2, 1] };

/** Ready-made policies: one for all views of an image or, where views differ, one for each of two. */
export const augmentationPolicies = {
  /** SimCLR's (Chen et al. 2020, appendix A): colour strength 1, blur. */
  imagenet: paperPolicy(1, 0.5),
  /** SimCLR's for CIFAR-10 (Chen et al. 2020, appendix B.9): colour strength 0.5, no blur. */
  cifar: paperPolicy(0.5, 0),
  /**
   * `cifar` with crops of at least a fifth of the image and half as many gray views: that of dkobak/simclr-cifar10, where fewer
   * gray views are worth most of a point of accuracy.
   */
  "cifar-weak": weakPolicy,
  /** Random crop with resize and flip alone, for fine-tuning and supervised training (Chen et al. 2020, B.5 and B.8.1). */
  crop: cropPolicy,
  /** MoCo v2's for ImageNet (Chen, Fan, Girshick and He 2020; `--aug-plus` in facebookresearch/moco), and SimSiam's. */
  moco: mocoPolicy,
  /** MoCo's for CIFAR-10 (`moco_cifar10_demo` in facebookresearch/moco), which is `cifar` by another name. */
  "moco-cifar": paperPolicy(0.5, 0),
  /** BYOL's pair for ImageNet (Grill et al. 2020, appendix B), and Barlow Twins'. */
  byol: [byolPolicy(1, 0), byolPolicy(0.1, 0.2)],
  /** BYOL's pair without blur, for CIFAR-10 (`asymmetric.yaml` in vturrisi/solo-learn). */
  "byol-cifar": [byolPolicy(0, 0), byolPolicy(0, 0.2)],
} as const satisfies Record<string, AugmentationPolicies>;

/** The names of the ready-made policies. */
export const AUGMENTATION_POLICY_NAMES = [
  "byol",
  "byol-cifar",
  "cifar",
  "cifar-weak",
  "crop",
  "imagenet",
  "moco",
  "moco-cifar",
] as const satisfies (keyof typeof augmentationPolicies)[];
/** The name of a ready-made policy. */
export type AugmentationPolicyName = (typeof AUGMENTATION_POLICY_NAMES)[number];

/** The policies of a value that may be one or a list of them. */
export function policyList(policies: AugmentationPolicies): readonly AugmentationPolicy[] {
  return "cropArea" in policies ? [policies] : policies;
}

/** @throws ConfigError for so many policies in a list, if that is not one for each of two or more views. */
export function checkPolicyCount(count: number): void {
  if (count < 2)
    throw new ConfigError(
      `augmentation has ${count} policies in a list; it takes one policy, or a list with one for each of two or more views`,
    );
}

/**
 * @throws ConfigError for a probability outside of [0, 1], an empty range, a negative strength, a list of fewer than two
 * policies, or policies whose shared crops could differ.
 */
export function checkPolicies(policies: AugmentationPolicies): void {
  const list = policyList(policies);
  if (!("cropArea" in policies)) checkPolicyCount(policies.length);
  for (const policy of list) checkPolicy(policy);
  const ranges = list.map(
    ({ sharedCropArea: [low, high], cropAspect }) =>
      // The aspect ratio counts where there is a shared crop.
      `an area of [${low}, ${high}]${low < 1 ? ` and an aspect ratio of [${cropAspect.join(", ")}]` : ""}`,
  );
  const other = ranges.find((range) => range !== ranges[0]);
  if (other) throw new ConfigError(`the views' shared crop cannot have ${ranges[0]} for one and ${other} for another`);
}

const PROBABILITIES = [
  "flipProbability",
  "cutoutProbability",
  "jitterProbability",
  "grayscaleProbability",
  "sobelProbability",
  "noiseProbability",
  "blurProbability",
  "solarizeProbability",
  "rotationProbability",
] as const;

function checkPolicy(policy: AugmentationPolicy): void {
  const { sharedCropArea, cropArea, cropAspect, cutoutSide, noiseSigma, blurSigma } = policy;
  for (const name of PROBABILITIES) {
    if (!(policy[name] >= 0 && policy[name] <= 1))
      throw new ConfigError(`${name} is ${policy[name]}; it must lie between 0 and 1`);
  }
  for (const name of ["brightness", "contrast", "saturation", "hue"] as const) {
    if (!(policy[name] >= 0)) throw new ConfigError(`${name} is ${policy[name]}; it must not be negative`);
  }
  if (policy.hue > 0.5) throw new ConfigError(`hue is ${policy.hue}; half a turn, 0.5, is the most there is`);
  if (!(cutoutSide > 0 && cutoutSide <= 1))
    throw new ConfigError(`cutoutSide is ${cutoutSide}; it must be a share of the view's side, above 0 and up to 1`);
  for (const [name, [low, high]] of Object.entries({ sharedCropArea, cropArea, cropAspect, noiseSigma, blurSigma })) {
    if (!(low > 0 && low <= high)) throw new ConfigError(`${name} is [${low}, ${high}]; it must be a range above 0`);
  }
  for (const [name, [, high]] of Object.entries({ sharedCropArea, cropArea })) {
    if (high > 1) throw new ConfigError(`${name} ends at ${high}; a crop cannot be larger than the image, 1`);
  }
}
