import { ConfigError } from "../errors.js";
import { globalAveragePool } from "../ops/pooling.js";
import { BatchNorm, Convolution } from "./layers.js";
import type { Encoder } from "./module.js";

/**
 * A small net for demonstrations and small machines: four 3x3 convolutions with stride 2 and 32, 64, 128, 256 channels
 * (times `width`), each with batch norm and a rectifier, then the global average. Images [batch, height, width, 3] to
 * [batch, features].
 * @throws ConfigError for a width that leaves no channel.
 */
export function convnet(width = 1): Encoder {
  const channels = [32, 64, 128, 256].map((base) => Math.round(base * width));
  if (!(width > 0) || channels[0] < 1)
    throw new ConfigError(`width ${width} must be a number above 0 that leaves at least one channel`);
  const layers = channels.map((outChannels, i) => ({
    convolution: new Convolution(`layers.${i}.conv`, i === 0 ? 3 : channels[i - 1], outChannels, 3, 2, 1),
    norm: new BatchNorm(`layers.${i}.bn`, outChannels, { relu: true }),
  }));
  return {
    name: `convnet${width === 1 ? "" : `-${width}x`}`,
    features: channels[3],
    stem: "cifar",
    tensors: layers.flatMap(({ convolution, norm }) => [...convolution.tensors, ...norm.tensors]),
    forward(pass, images) {
      const maps = layers.reduce(
        (x, { convolution, norm }, i) =>
          pass.segment(`layers.${i}`, () => norm.forward(pass, convolution.forward(pass, x))),
        images,
      );
      return pass.tape.scope("pool", () => globalAveragePool(pass.tape, maps));
    },
  };
}
