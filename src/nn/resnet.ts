import type { Tensor } from "../engine/tensor.js";
import { ConfigError } from "../errors.js";
import { globalAveragePool, maxPool } from "../ops/pooling.js";
import type { Encoder, ForwardPass, Module } from "./module.js";
import {
  encoderSuffix,
  type Norm,
  type NormalizedConvolution,
  normalizedConvolution,
} from "./normalized-convolution.js";

/** Depths there are. */
export type ResNetDepth = 18 | 34 | 50;

/** Images up to this many pixels count as small: `auto` gives them the stem and the augmentations of CIFAR-10. */
export const SMALL_IMAGE = 64;

const BLOCKS: Readonly<Record<ResNetDepth, readonly number[]>> = {
  18: [2, 2, 2, 2],
  34: [3, 4, 6, 3],
  50: [3, 4, 6, 3],
};

/** Which ResNet. */
export interface ResNetOptions {
  /** Layers with weights. */
  readonly depth: ResNetDepth;
  /** `cifar`: 3x3 stride 1, no max-pool, for images up to 64 pixels; `imagenet`: 7x7 stride 2 and max-pool. */
  readonly stem: "cifar" | "imagenet";
  /** Multiplies all channels; 1 by default, 2 and 4 in the paper, below 1 for small machines. */
  readonly width?: number;
  /** `batch` by default. */
  readonly norm?: Norm;
}

/** A residual block: its main path, and what the input goes through when it changes shape (He et al. 2015). */
class ResidualBlock implements Module {
  readonly tensors;

  constructor(
    readonly name: string,
    readonly path: readonly NormalizedConvolution[],
    readonly shortcut: NormalizedConvolution | null,
  ) {
    this.tensors = (shortcut ? [...path, shortcut] : path).flatMap(({ tensors }) => tensors);
  }

  forward(pass: ForwardPass, x: Tensor): Tensor {
    const residual = this.shortcut ? this.shortcut.forward(pass, x) : x;
    const last = this.path.length - 1;
    return this.path.reduce((value, unit, i) => unit.forward(pass, value, i === last ? residual : undefined), x);
  }
}

/** Basic blocks (18, 34) or bottlenecks with the stride in the 3x3 convolution (50), named as in torchvision. */
function residualBlock(
  name: string,
  depth: ResNetDepth,
  norm: Norm,
  inChannels: number,
  channels: number,
  stride: number,
): ResidualBlock {
  const unit = (i: number, from: number, to: number, kernel: number, step: number, last: boolean) =>
    normalizedConvolution(norm, {
      names: [`${name}.conv${i}`, `${name}.bn${i}`],
      inChannels: from,
      outChannels: to,
      kernel,
      stride: step,
      padding: kernel === 3 ? 1 : 0,
      relu: true,
      gamma: last ? 0 : 1,
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
  if (stride === 1 && inChannels === outChannels) return new ResidualBlock(name, path, null);
  const names = [`${name}.downsample.0`, `${name}.downsample.1`] as const;
  const shape = { names, inChannels, outChannels, kernel: 1, stride, padding: 0, relu: false };
  return new ResidualBlock(name, path, normalizedConvolution(norm, shape));
}

/**
 * ResNet-18, -34 or -50 without its classifier, to the global average: images [batch, height, width, 3] to
 * [batch, features]. Tensor names and, transposed, shapes are torchvision's; with group norm, those of its norms without running
 * statistics.
 * @throws ConfigError for an unknown depth or norm, or a width that leaves no channel.
 */
export function resnet({ depth, stem, width = 1, norm = "batch" }: ResNetOptions): Encoder {
  const counts = BLOCKS[depth];
  if (!counts) throw new ConfigError(`there is no ResNet-${depth} here: choose 18, 34 or 50`);
  const channels = (base: number) => Math.round(base * width);
  if (!(width > 0) || channels(64) < 1)
    throw new ConfigError(`width ${width} must be a number above 0 that leaves at least one channel`);
  const [kernel, stride, padding] = stem === "cifar" ? [3, 1, 1] : [7, 2, 3];
  const shape = { inChannels: 3, outChannels: channels(64), kernel, stride, padding, relu: true };
  const first = normalizedConvolution(norm, { names: ["conv1", "bn1"], ...shape });
  const blocks: ResidualBlock[] = [];
  let inChannels = channels(64);
  counts.forEach((count, stage) => {
    const stageChannels = channels(64 * 2 ** stage);
    for (let i = 0; i < count; i++) {
      const blockStride = stage > 0 && i === 0 ? 2 : 1;
      blocks.push(residualBlock(`layer${stage + 1}.${i}`, depth, norm, inChannels, stageChannels, blockStride));
      inChannels = depth === 50 ? 4 * stageChannels : stageChannels;
    }
  });
  return {
    name: `resnet${depth}${encoderSuffix(width, norm)}`,
    features: inChannels,
    stem,
    tensors: [...first.tensors, ...blocks.flatMap((block) => block.tensors)],
    forward(pass, images) {
      const start = pass.segment("conv1", () => {
        const maps = first.forward(pass, images);
        return stem === "imagenet" ? maxPool(pass.tape, maps) : maps;
      });
      const maps = blocks.reduce((x, block) => pass.segment(block.name, () => block.forward(pass, x)), start);
      return pass.tape.scope("pool", () => globalAveragePool(pass.tape, maps));
    },
  };
}
