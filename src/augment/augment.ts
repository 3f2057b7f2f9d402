import { kernels } from "../../kernels/generated.js";
import type { Tape } from "../engine/tape.js";
import type { Tensor } from "../engine/tensor.js";
import { type AugmentationPolicy, checkPolicy } from "./policy.js";

/** Numbers that describe one view, as in kernels/lib/view.wgsl. */
export const VIEW_FIELDS = 12;

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

/** Draws the parameters of `views` views of each image: [views * batch, 12], row v * batch + i for view v of image i. */
export function drawViews(
  tape: Tape,
  { bytes, images, counter }: ImageBatch,
  policy: AugmentationPolicy,
  views = 2,
): Tensor {
  checkPolicy(policy);
  const [batch, height, width] = bytes.shape;
  const table = tape.tensor([views * batch, VIEW_FIELDS], "view parameters");
  tape.launch(
    kernels.augmentParameters,
    { counter, images, views: table },
    { batch, views, height, width },
    {
      MIN_AREA: policy.cropArea[0],
      MAX_AREA: policy.cropArea[1],
      MIN_ASPECT: policy.cropAspect[0],
      MAX_ASPECT: policy.cropAspect[1],
      FLIP_PROBABILITY: policy.flipProbability,
      JITTER_PROBABILITY: policy.jitterProbability,
      BRIGHTNESS: policy.brightness,
      CONTRAST: policy.contrast,
      SATURATION: policy.saturation,
      HUE: policy.hue,
      GRAYSCALE_PROBABILITY: policy.grayscaleProbability,
      BLUR_PROBABILITY: policy.blurProbability,
      MIN_SIGMA: policy.blurSigma[0],
      MAX_SIGMA: policy.blurSigma[1],
    },
  );
  return table;
}

/** Makes the views that `table` describes: [views * batch, size, size, 3] with values in [0, 1]. `blur` says whether any may blur. */
export function renderViews(tape: Tape, bytes: Tensor, table: Tensor, size: number, blur: boolean): Tensor {
  const [batch, height, width] = bytes.shape;
  const rows = table.shape[0];
  const sharp = tape.tensor([rows, size, size, 3], "views");
  const params = { batch, views: rows / batch, height, width, out_height: size, out_width: size };
  tape.launch(kernels.augment, { bytes, views: table, y: sharp }, params);
  if (!blur) return sharp;
  const KERNEL = blurWindow(size);
  return [false, true].reduce((x, VERTICAL) => {
    const y = tape.tensor(x.shape, "blurred views");
    tape.launch(
      kernels.gaussianBlur,
      { x, views: table, y },
      { images: rows, height: size, width: size },
      { KERNEL, VERTICAL },
    );
    return y;
  }, sharp);
}

/** Two (or `views`) augmented views of every image: the first views of all, then the second ones. */
export function augment(tape: Tape, batch: ImageBatch, policy: AugmentationPolicy, size: number, views = 2): Tensor {
  return renderViews(tape, batch.bytes, drawViews(tape, batch, policy, views), size, policy.blurProbability > 0);
}

/** Images as they are: bytes u32 [batch, height, width] -> [batch, height, width, 3] with values in [0, 1]. */
export function toFloatImages(tape: Tape, bytes: Tensor): Tensor {
  const y = tape.tensor([...bytes.shape, 3], "images");
  tape.launch(kernels.bytesToImages, { bytes, y }, { pixels: bytes.size });
  return y;
}
