import { policyList } from "../augment/policy.js";
import { checkImageSize } from "../data/dataset.js";
import type { Device } from "../engine/device.js";
import { checkConfig, completeConfig, type OwnParts, type TrainingConfig } from "./config.js";
import { createParts } from "./model.js";

/**
 * The share of an image that the smallest crop of a training takes, for `openImages`: images with `imageSize ** 2` pixels for that share
 * have enough for each view, of whatever size. Nothing is made on the device.
 * @param config what differs from `DEFAULT_CONFIG`; method, augmentation and the method's options matter
 * @param imageSize side of the images of the encoder, in pixels
 * @param own an encoder or a method of one's own
 * @throws ConfigError for values out of range.
 */
export function smallestCrop(
  device: Device,
  config: Partial<TrainingConfig>,
  imageSize: number,
  own: OwnParts = {},
): number {
  checkImageSize(imageSize);
  const full = completeConfig(config, own);
  checkConfig(full, full.batch, device, own);
  // As many classes and images as any method needs to be made.
  const facts = { imageSize, classes: 2, images: full.batch };
  const { result } = device.memory.rehearse(() => createParts(device, full, facts, own).learner.views);
  const shares = result.flatMap(({ size, policies }) =>
    policyList(policies).map(
      ({ cropArea, sharedCropArea }) => (cropArea[0] * sharedCropArea[0] * imageSize ** 2) / size ** 2,
    ),
  );
  return Math.min(1, ...shares);
}
