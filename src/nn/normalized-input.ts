import { ConfigError } from "../errors.js";
import { type Channels, scaleChannels } from "../ops/channel-scale.js";
import type { Encoder, Normalization } from "./module.js";

/** Of published sets, as torchvision and others have them; `none` leaves images as they are. */
export const NORMALIZATIONS: Readonly<Record<"none" | "imagenet" | "cifar10", Normalization>> = {
  none: { mean: [0, 0, 0], deviation: [1, 1, 1] },
  imagenet: { mean: [0.485, 0.456, 0.406], deviation: [0.229, 0.224, 0.225] },
  cifar10: { mean: [0.4914, 0.4822, 0.4465], deviation: [0.247, 0.2435, 0.2616] },
};

function isThree(value: unknown): value is Channels {
  return Array.isArray(value) && value.length === 3 && value.every((number) => Number.isFinite(number));
}

/** True for what has the form of a normalization. */
export function isNormalization(value: unknown): value is Normalization {
  return (
    typeof value === "object" &&
    value !== null &&
    "mean" in value &&
    "deviation" in value &&
    isThree(value.mean) &&
    isThree(value.deviation) &&
    value.deviation.every((number) => number > 0)
  );
}

/** An encoder whose images are normalised first, in training and wherever it embeds. @throws ConfigError for numbers that cannot be */
export function normalizedInput(encoder: Encoder, normalization: Normalization): Encoder {
  if (!isNormalization(normalization)) {
    throw new ConfigError(
      `images cannot be normalised by ${JSON.stringify(normalization)}: give three means and three deviations above 0`,
    );
  }
  const { mean, deviation } = normalization;
  const unchanged = mean.every((number) => number === 0) && deviation.every((number) => number === 1);
  if (unchanged) return encoder;
  const scale: Channels = [1 / deviation[0], 1 / deviation[1], 1 / deviation[2]];
  const offset: Channels = [-mean[0] * scale[0], -mean[1] * scale[1], -mean[2] * scale[2]];
  return {
    ...encoder,
    normalization,
    forward(pass, images) {
      const normalized = pass.tape.scope("normalization", () => scaleChannels(pass.tape, images, scale, offset));
      return encoder.forward(pass, normalized);
    },
  };
}
