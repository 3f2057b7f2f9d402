import type { Tensor } from "../engine/tensor.js";
import { ConfigError } from "../errors.js";
import { globalAveragePool, maxPool } from "../ops/pooling.js";
import { BatchNorm, Convolution } from "./layers.js";
import type { Encoder, ForwardPass, Module } from "./module.js";

/** Depths there are. */
export type ResNetDepth = 18 | 34 | 50;

const BLOCKS: Readonly<Record<ResNetDepth, readonly number[]>> = {
  18: [2, 2, 2, 2],
  34: [3, 4, 6, 3],
  50: [3, 4, 6, 3],
};

/** Which ResNet. */
export interface ResNetOptions {
  readonly depth: ResNetDepth;
  /** `cifar`: 3x3 stride 1, no max-pool, for images up to 64 pixels; `imagenet`: 7x7 stride 2 and max-pool. */
  readonly stem: "cifar" | "imagenet";
  /** Multiplies all channels; 1 by default, 2 and 4 in the paper, below 1 for small machines. */
  readonly width?: number;
}

/** A residual block: its main path, and what the input goes through when it changes shape (He et al. 2015). */
class ResidualBlock implements Module {
  readonly tensors;

  constructor(
    readonly name: string,
    readonly path: readonly { readonly convolution: Convolution; readonly norm: BatchNorm }[],
    readonly shortcut: { readonly convolution: Convolution; readonly norm: BatchNorm } | null,
  ) {
    const parts = shortcut ? [...path, shortcut] : path;
    this.tensors = parts.flatMap(({ convolution, norm }) => [...convolution.tensors, ...norm.tensors]);
  }

  forward(pass: ForwardPass, x: Tensor): Tensor {
    const { shortcut } = this;
    const residual = shortcut ? shortcut.norm.forward(pass, shortcut.convolution.forward(pass, x)) : x;
    return this.path.reduce((value, { convolution, norm }, i) => {
      const last = i === this.path.length - 1;
      return norm.forward(pass, convolution.forward(pass, value), last ? residual : undefined);
    }, x);
  }
}

/** Basic blocks (18, 34) or bottlenecks with the stride in the 3x3 convolution (50), named as in torchvision. */
function residualBlock(
  name: string,
  depth: ResNetDepth,
  inChannels: number,
  channels: number,
  stride: number,
): ResidualBlock {
  const unit = (i: number, from: number, to: number, kernel: number, step: number, last: boolean) => ({
    convolution: new Convolution(`${name}.conv${i}`, from, to, kernel, step, kernel === 3 ? 1 : 0),
    norm: new BatchNorm(`${name}.bn${i}`, to, { relu: true }, last ? 0 : 1),
  });
  const outChannels = depth === 50 ? 4 * channels : channels;
  const path =
    depth === 50
      ? [
          unit(1, inChannels, channels, 1, 1, false),
          unit(2, channels, channels, 3, stride, false),
          unit(3, channels, outChannels, 1, 1, true),
        ]
      : [unit(1, inChannels, channels, 3, stride, false), unit(2, channels, channels, 3, 1, true)];
  const shortcut =
    stride === 1 && inChannels === outChannels
      ? null
      : {
          convolution: new Convolution(`${name}.downsample.0`, inChannels, outChannels, 1, stride, 0),
          norm: new BatchNorm(`${name}.downsample.1`, outChannels, { relu: false }),
        };
  return new ResidualBlock(name, path, shortcut);
}

/**
 * ResNet-18, -34 or -50 without its classifier, to the global average: images [batch, height, width, 3] to
 * [batch, features]. Tensor names and, transposed, shapes are torchvision's.
 * @throws ConfigError for an unknown depth or a width that leaves no channel.
 */
export function resnet({ depth, stem, width = 1 }: ResNetOptions): Encoder {
  const counts = BLOCKS[depth];
  if (!counts) throw new ConfigError(`there is no ResNet-${depth} here: choose 18, 34 or 50`);
  const channels = (base: number) => Math.round(base * width);
  if (!(width > 0) || channels(64) < 1)
    throw new ConfigError(`width ${width} must be a number above 0 that leaves at least one channel`);
  const [kernel, stride, padding] = stem === "cifar" ? [3, 1, 1] : [7, 2, 3];
  const first = new Convolution("conv1", 3, channels(64), kernel, stride, padding);
  const norm = new BatchNorm("bn1", channels(64), { relu: true });
  const blocks: ResidualBlock[] = [];
  let inChannels = channels(64);
  counts.forEach((count, stage) => {
    const stageChannels = channels(64 * 2 ** stage);
    for (let i = 0; i < count; i++) {
      const blockStride = stage > 0 && i === 0 ? 2 : 1;
      blocks.push(residualBlock(`layer${stage + 1}.${i}`, depth, inChannels, stageChannels, blockStride));
      inChannels = depth === 50 ? 4 * stageChannels : stageChannels;
    }
  });
  return {
    name: `resnet${depth}${width === 1 ? "" : `-${width}x`}`,
    features: inChannels,
    stem,
    tensors: [...first.tensors, ...norm.tensors, ...blocks.flatMap((block) => block.tensors)],
    forward(pass, images) {
      const start = pass.segment("conv1", () => {
        const maps = norm.forward(pass, first.forward(pass, images));
        return stem === "imagenet" ? maxPool(pass.tape, maps) : maps;
      });
      const maps = blocks.reduce((x, block) => pass.segment(block.name, () => block.forward(pass, x)), start);
      return pass.tape.scope("pool", () => globalAveragePool(pass.tape, maps));
    },
  };
}
