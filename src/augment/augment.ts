import { kernels } from "../../kernels/generated.js";
import type { Tape } from "../engine/tape.js";
import type { Tensor } from "../engine/tensor.js";
import { ConfigError } from "../errors.js";
import { type AugmentationPolicies, checkPolicies, policyList } from "./policy.js";

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
  /** u32 [batch, height, width]: R, G, B, 255 a pixel. */
  readonly bytes: Tensor;
  /** u32 [batch]: number of each image in its set. */
  readonly images: Tensor;
  /** u32 [2]: seed and epoch. */
  readonly counter: Tensor;
}

/** The size of the blur's window for views of this height: a tenth of it, made odd (Chen et al. 2020, appendix A). */
export function blurWindow(height: number): number {
  return 2 * Math.floor(height / 20) + 1;
}

/**
 * Draws the parameters of `views` views of each image: [views * batch, VIEW_FIELDS], row v * batch + i for view v of image i.
 * They depend on seed, epoch, number of the image, view and policy alone, and no operation that a policy adds to another one
 * changes what is drawn for the others.
 * @throws ConfigError for policies that cannot be, and for two of them where there are not two views
 */
export function drawViews(
  tape: Tape,
  { bytes, images, counter }: ImageBatch,
  policies: AugmentationPolicies,
  views = 2,
): Tensor {
  checkPolicies(policies);
  const list = policyList(policies);
  if (list.length > 1 && views !== list.length)
    throw new ConfigError(`${list.length} policies are for ${list.length} views of an image, not for ${views}`);
  const [batch, height, width] = bytes.shape;
  const table = tape.tensor([views * batch, VIEW_FIELDS], "view parameters");
  list.forEach((policy, i) => {
    tape.launch(
      kernels.augmentParameters,
      { counter, images, views: table },
      { batch, views, first_view: i, end_view: list.length > 1 ? i + 1 : views, height, width },
      {
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
        ROTATION_PROBABILITY: policy.rotationProbability,
      },
    );
  });
  return table;
}

/**
 * Makes the views that `table` describes: [views * batch, size, size, 3] with values in [0, 1]. The kernels of operations
 * that none of the policies has are left out.
 */
export function renderViews(
  tape: Tape,
  bytes: Tensor,
  table: Tensor,
  size: number,
  policies: AugmentationPolicies,
): Tensor {
  const [batch, height, width] = bytes.shape;
  const rows = table.shape[0];
  const list = policyList(policies);
  const params = { images: rows, height: size, width: size };
  let y = tape.tensor([rows, size, size, 3], "views");
  tape.launch(
    kernels.augment,
    { bytes, views: table, y },
    { batch, views: rows / batch, height, width, out_height: size, out_width: size },
  );
  if (list.some(({ sobelProbability }) => sobelProbability > 0)) {
    const x = y;
    y = tape.tensor(x.shape, "filtered views");
    tape.launch(kernels.sobel, { x, views: table, y }, params);
  }
  if (list.some(({ noiseProbability }) => noiseProbability > 0)) {
    tape.launch(kernels.gaussianNoise, { views: table, y }, params);
  }
  if (list.some(({ blurProbability }) => blurProbability > 0)) {
    for (const VERTICAL of [false, true]) {
      const x = y;
      y = tape.tensor(x.shape, "blurred views");
      tape.launch(kernels.gaussianBlur, { x, views: table, y }, params, { KERNEL: blurWindow(size), VERTICAL });
    }
  }
  return y;
}

/**
 * Two (or `views`) augmented views of every image: the first views of all, then the second ones. With a pair of policies,
 * one makes the first views and the other the second ones.
 */
export function augment(
  tape: Tape,
  batch: ImageBatch,
  policies: AugmentationPolicies,
  size: number,
  views = 2,
): Tensor {
  return renderViews(tape, batch.bytes, drawViews(tape, batch, policies, views), size, policies);
}

/** Images as they are: bytes u32 [batch, height, width] -> [batch, height, width, 3] with values in [0, 1]. */
export function toFloatImages(tape: Tape, bytes: Tensor): Tensor {
  const y = tape.tensor([...bytes.shape, 3], "images");
  tape.launch(kernels.bytesToImages, { bytes, y }, { pixels: bytes.size });
  return y;
}
