import * as kernels from "../../kernels/generated.js";
import type { Tape } from "../engine/tape.js";
import type { Tensor } from "../engine/tensor.js";
import { ConfigError } from "../errors.js";
import { type AugmentationPolicies, type AugmentationPolicy, checkPolicies, policyList } from "./policy.js";

/** Numbers that describe one view, as in kernels/lib/view.wgsl. */
export const VIEW_FIELDS = kernels.augmentParameters.constants.VIEW_FIELDS.value;

/** Where the table of views says what was done besides cropping and colour jitter: 0 where it was not. As in kernels/lib/view.wgsl. */
export const VIEW_FIELD = {
  /** 1 for a grayscale view. */
  grayscale: 10,
  /** 1 for a Sobel-filtered view. */
  sobel: 15,
  /** Standard deviation of the noise. */
  noise: 16,
  /** Quarter turns counterclockwise, 0 to 3. */
  turns: 19,
} as const;

/** A batch of images as bytes, and what the random numbers are drawn from. */
export interface ImageBatch {
  /**
   * u32 [batch, height, width]: R, G, B, 255 a pixel. With `sizes`, [batch, pixels]: each image's rows, one after another, from
   * the start of its own pixels on; what is left behind them is not read.
   */
  readonly bytes: Tensor;
  /** u32 [batch, 2]: height and width of each image, where they are not all the same. */
  readonly sizes?: Tensor;
  /** u32 [batch]: number of each image in its set. */
  readonly images: Tensor;
  /** u32 [2]: seed and epoch. */
  readonly counter: Tensor;
}

/** Which of the views of an image are made together, of one size. */
export interface ViewGroup {
  /** How many; 2 by default. */
  readonly views?: number;
  /**
   * The number of the first one among all views of an image, 0 by default. What is drawn depends on the number: groups
   * that are not to be alike must not overlap.
   */
  readonly firstView?: number;
}

/** The draws of a view take 16 of 2^32 numbers, and those of the crop that views share the last 16. */
const NUMBERED_VIEWS = 2 ** 28 - 1;

/** The size of the blur's window for views of this height: a tenth of it, made odd (Chen et al. 2020, appendix A). */
export function blurWindow(height: number): number {
  return 2 * Math.floor(height / 20) + 1;
}

/**
 * Draws the parameters of a group of views of each image: [views * batch, VIEW_FIELDS], row v * batch + i for view v of the group
 * and image i. They depend on seed, epoch, number of the image, number of the view and policy alone, and no operation that a
 * policy adds to another one changes what is drawn for the others. A crop that views share is the same in all groups whose
 * policies give it the same range.
 * @throws ConfigError for policies that cannot be, for a list of them that is not one for each view of the group, and for views
 * that cannot be numbered
 */
export function drawViews(
  tape: Tape,
  { bytes, sizes, images, counter }: ImageBatch,
  policies: AugmentationPolicies,
  { views = 2, firstView = 0 }: ViewGroup = {},
): Tensor {
  checkPolicies(policies);
  const list = policyList(policies);
  if (list.length > 1 && views !== list.length)
    throw new ConfigError(
      `there are ${list.length} augmentation policies; give one, or a list with one for each of ${views} views`,
    );
  if (!(Number.isInteger(firstView) && firstView >= 0 && firstView + views <= NUMBERED_VIEWS))
    throw new ConfigError(`firstView is ${firstView}; views are numbered from 0 to ${NUMBERED_VIEWS - 1}`);
  const [batch, height, width = 1] = bytes.shape;
  const table = tape.tensor([views * batch, VIEW_FIELDS], "view parameters");
  list.forEach((policy, i) => {
    tape.launch(
      kernels.augmentParameters,
      { counter, images, sizes: sizes ?? images, views: table },
      { batch, views, first_view: firstView, begin: i, end: list.length > 1 ? i + 1 : views, height, width },
      {
        SIZED: sizes !== undefined,
        MIN_SHARED_AREA: policy.sharedCropArea[0],
        MAX_SHARED_AREA: policy.sharedCropArea[1],
        MIN_AREA: policy.cropArea[0],
        MAX_AREA: policy.cropArea[1],
        MIN_ASPECT: policy.cropAspect[0],
        MAX_ASPECT: policy.cropAspect[1],
        FLIP_PROBABILITY: policy.flipProbability,
        CUTOUT_PROBABILITY: policy.cutoutProbability,
        CUTOUT_SIDE: policy.cutoutSide,
        JITTER_PROBABILITY: policy.jitterProbability,
        BRIGHTNESS: policy.brightness,
        CONTRAST: policy.contrast,
        SATURATION: policy.saturation,
        HUE: policy.hue,
        GRAYSCALE_PROBABILITY: policy.grayscaleProbability,
        SOBEL_PROBABILITY: policy.sobelProbability,
        NOISE_PROBABILITY: policy.noiseProbability,
        MIN_NOISE: policy.noiseSigma[0],
        MAX_NOISE: policy.noiseSigma[1],
        BLUR_PROBABILITY: policy.blurProbability,
        MIN_SIGMA: policy.blurSigma[0],
        MAX_SIGMA: policy.blurSigma[1],
        SOLARIZE_PROBABILITY: policy.solarizeProbability,
        ROTATION_PROBABILITY: policy.rotationProbability,
      },
    );
  });
  return table;
}

/**
 * Makes the views that `table` describes: [views * batch, size, size, 3] with values in [0, 1]. Where a crop is larger than its
 * view, every pixel of the view is a weighted mean of those it covers (see kernels/augment.wgsl), so that small views of
 * large images do not alias. The kernels of operations that none of the policies has are left out.
 */
export function renderViews(
  tape: Tape,
  bytes: Tensor,
  table: Tensor,
  size: number,
  policies: AugmentationPolicies,
): Tensor {
  const [batch] = bytes.shape;
  const rows = table.shape[0];
  const list = policyList(policies);
  const params = { images: rows, height: size, width: size };
  const has = (probability: `${string}Probability` & keyof AugmentationPolicy) =>
    list.some((policy) => policy[probability] > 0);
  const [sobel, noise, blur] = [has("sobelProbability"), has("noiseProbability"), has("blurProbability")];
  // Solarization is the last thing that happens to a view, at no cost in the last kernel that works on it.
  const last = blur ? "blur" : noise ? "noise" : sobel ? "sobel" : "augment";
  const solarizes = (kernel: typeof last) => kernel === last && has("solarizeProbability");
  let y = tape.tensor([rows, size, size, 3], "views");
  tape.launch(
    kernels.augment,
    { bytes, views: table, y },
    { batch, views: rows / batch, image_pixels: bytes.size / batch, out_height: size, out_width: size },
    { SOLARIZE: solarizes("augment") },
  );
  if (sobel) {
    const x = y;
    y = tape.tensor(x.shape, "filtered views");
    tape.launch(kernels.sobel, { x, views: table, y }, params, { SOLARIZE: solarizes("sobel") });
  }
  if (noise) tape.launch(kernels.gaussianNoise, { views: table, y }, params, { SOLARIZE: solarizes("noise") });
  if (blur) {
    for (const VERTICAL of [false, true]) {
      const x = y;
      y = tape.tensor(x.shape, "blurred views");
      const constants = { KERNEL: blurWindow(size), VERTICAL, SOLARIZE: VERTICAL && solarizes("blur") };
      tape.launch(kernels.gaussianBlur, { x, views: table, y }, params, constants);
    }
  }
  return y;
}

/**
 * Augmented views of every image, two unless `group` says otherwise: [views * batch, size, size, 3], the first views of all
 * images, then the second ones, and so on. Each policy of a list makes one of an image's views.
 *
 * Views of several sizes and policies (multi-crop) are made in groups, the views of each numbered from where the one before
 * ends: two large ones with `{ views: 2 }`, then four small ones with `{ views: 4, firstView: 2 }`.
 * @throws ConfigError as `drawViews` does
 */
export function augment(
  tape: Tape,
  batch: ImageBatch,
  policies: AugmentationPolicies,
  size: number,
  group: ViewGroup = {},
): Tensor {
  return renderViews(tape, batch.bytes, drawViews(tape, batch, policies, group), size, policies);
}

/** Images as they are: bytes u32 [batch, height, width] -> [batch, height, width, 3] with values in [0, 1]. */
export function toFloatImages(tape: Tape, bytes: Tensor): Tensor {
  const y = tape.tensor([...bytes.shape, 3], "images");
  tape.launch(kernels.bytesToImages, { bytes, y }, { pixels: bytes.size });
  return y;
}
