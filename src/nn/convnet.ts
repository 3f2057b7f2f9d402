import { ConfigError } from "../errors.js";
import { globalAveragePool } from "../ops/pooling.js";
import type { Encoder } from "./module.js";
import { encoderSuffix, type Norm, normalizedConvolution } from "./normalized-convolution.js";

/**
 * A small net for demonstrations and small machines: four 3x3 convolutions with stride 2 and 32, 64, 128, 256 channels
 * (times `width`), each with a norm and a rectifier, then the global average. Images [batch, height, width, 3] to
 * [batch, features].
 * @param width 1 by default
 * @param norm "batch" by default
 * @throws ConfigError for a width that leaves no channel, or an unknown norm.
 */
export function convnet(width = 1, norm: Norm = "batch"): Encoder {
  const channels = [32, 64, 128, 256].map((base) => Math.round(base * width));
  if (!(width > 0) || channels[0] < 1)
    throw new ConfigError(`width ${width} must be a number above 0 that leaves at least one channel`);
  const layers = channels.map((outChannels, i) => {
    const inChannels = i === 0 ? 3 : channels[i - 1];
    const names = [`layers.${i}.conv`, `layers.${i}.bn`] as const;
    const shape = { names, inChannels, outChannels, kernel: 3, stride: 2, padding: 1, relu: true };
    return normalizedConvolution(norm, shape);
  });
  return {
    name: `convnet${encoderSuffix(width, norm)}`,
    features: channels[3],
    stem: "cifar",
    tensors: layers.flatMap(({ tensors }) => tensors),
    forward(pass, images) {
      const maps = layers.reduce((x, layer, i) => pass.segment(`layers.${i}`, () => layer.forward(pass, x)), images);
      return pass.tape.scope("pool", () => globalAveragePool(pass.tape, maps));
    },
  };
}
