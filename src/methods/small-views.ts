import { type AugmentationPolicies, policyList } from "../augment/policy.js";
import { ConfigError } from "../errors.js";
import type { ViewSpec } from "./method.js";
import { number, type OptionValues, whole } from "./options.js";

/** The options of small views beside those of full size (multi-crop: Caron et al. 2020, section 3.4). */
export function smallViewOptions() {
  return {
    smallViews: whole(0, { from: 0 }, "small views of each image beside them, compared with those of full size"),
    smallSize: whole(0, { from: 0 }, "pixels of a small view; 0: half of the image's"),
    smallArea: number(0.32, { above: 0, to: 1 }, "largest area of a small view's crop, as a share of the image"),
  };
}

/** The values of `smallViewOptions`. */
type SmallViewOptions = OptionValues<ReturnType<typeof smallViewOptions>>;

/** Pixels of a small view. @throws ConfigError for more than the images have. */
export function smallSizeOf({ smallViews, smallSize }: SmallViewOptions, imageSize: number): number {
  const size = smallSize === 0 ? Math.ceil(imageSize / 2) : smallSize;
  if (smallViews > 0 && size > imageSize)
    throw new ConfigError(`smallSize is ${size}; it must be at most the ${imageSize} pixels of the images`);
  return size;
}

/** The groups of views, as `Learner.views` has them: those of full size, and the small ones where there are any. */
export function withSmallViews(
  views: number,
  options: SmallViewOptions,
  imageSize: number,
  policies: AugmentationPolicies,
): ViewSpec[] {
  const { smallViews, smallArea } = options;
  const full = { views, size: imageSize, policies };
  if (smallViews === 0) return [full];
  const [first] = policyList(policies);
  const cropArea = [Math.min(first.cropArea[0], smallArea / 2), smallArea] as const;
  return [full, { views: smallViews, size: smallSizeOf(options, imageSize), policies: { ...first, cropArea } }];
}
