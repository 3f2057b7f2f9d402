import { type AugmentationPolicy, noAugmentation } from "./policy.js";

/** Names of the parts, in the order in which they follow one another. */
export const AUGMENTATION_PART_NAMES = ["crop", "cutout", "color", "sobel", "noise", "blur", "rotate"] as const;
/** The name of a part. */
export type AugmentationPartName = (typeof AUGMENTATION_PART_NAMES)[number];

/**
 * The seven augmentations of the paper's ablation (Chen et al. 2020, figure 5), in its order, as what each changes of
 * `noAugmentation`. How often each happens is the paper's: for crop (with flip), colour and blur in appendix A, and for the
 * others by the rates at which a random guess of what was done to a view is right (table 3): half of the views for the Sobel
 * filter and for noise, and one of four directions for the rotation. Cutout always happens, as in DeVries and Taylor (2017).
 */
export const augmentationParts: Readonly<Record<AugmentationPartName, Partial<AugmentationPolicy>>> = {
  crop: { cropArea: [0.08, 1], flipProbability: 0.5 },
  cutout: { cutoutProbability: 1 },
  color: { jitterProbability: 0.8, grayscaleProbability: 0.2 },
  sobel: { sobelProbability: 0.5 },
  noise: { noiseProbability: 0.5 },
  blur: { blurProbability: 0.5 },
  rotate: { rotationProbability: 0.75 },
};

/** The policy that does these parts and nothing else; without any, views are the image itself. */
export function composePolicy(...parts: readonly AugmentationPartName[]): AugmentationPolicy {
  let policy = noAugmentation;
  for (const part of parts) policy = { ...policy, ...augmentationParts[part] };
  return policy;
}

/**
 * The two policies of an entry of the paper's figure 5: "we always first randomly crop images and resize them to the same
 * resolution, and we then apply the targeted transformation(s) only to one branch of the framework [...], while leaving the
 * other branch as the identity (i.e. t(x_i) = x_i)" (section 3.1). The first crop is of x_i and so the same for both
 * branches; a crop among the parts is a second one, inside of it. Both are made in one resize, from the pixels of the image.
 *
 * Parts follow one another in the order of {@link AUGMENTATION_PART_NAMES}, whatever the order here: a pair of them is the
 * entry above the figure's diagonal, where the row's augmentation comes before the column's.
 * @param sharedCropArea range of the first crop's area; [0.08, 1] by default; [1, 1] leaves it out, where images are of one
 *   size anyway
 */
export function ablationPolicies(
  parts: readonly AugmentationPartName[],
  sharedCropArea: AugmentationPolicy["sharedCropArea"] = [0.08, 1],
): readonly [AugmentationPolicy, AugmentationPolicy] {
  return [
    { ...composePolicy(...parts), sharedCropArea },
    { ...noAugmentation, sharedCropArea },
  ];
}
