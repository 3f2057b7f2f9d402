import type { Tape } from "../engine/tape.js";
import type { Tensor } from "../engine/tensor.js";
import { mapShape } from "../engine/tensor.js";
import { ConfigError, ShapeError } from "../errors.js";
import { attention } from "../ops/attention.js";
import { broadcast, multiply } from "../ops/binary.js";
import { conv2d } from "../ops/conv2d.js";
import { add } from "../ops/elementwise.js";
import { layerNorm } from "../ops/layer-norm.js";
import { globalAveragePool } from "../ops/pooling.js";
import { toFloat, toHalf } from "../ops/precision.js";
import { resample } from "../ops/resample.js";
import { concatenate, reshape, slice } from "../ops/shape.js";
import { stochasticDepth } from "../ops/stochastic-depth.js";
import { gelu } from "../ops/unary.js";
import { Linear } from "./layers.js";
import type { Encoder, ForwardPass, Initial, TensorSpec } from "./module.js";
import { SMALL_IMAGE } from "./resnet.js";
import { sinePositions } from "./sine-positions.js";

/** Sizes of vision transformers: channels of a token, blocks, and heads of each; tiny to base as in timm. */
export const VIT_SIZES: Readonly<Record<VitSize, VitShape>> = {
  micro: { channels: 128, depth: 4, heads: 4 },
  tiny: { channels: 192, depth: 12, heads: 3 },
  small: { channels: 384, depth: 12, heads: 6 },
  base: { channels: 768, depth: 12, heads: 12 },
};

/** Names of the sizes. */
export type VitSize = "micro" | "tiny" | "small" | "base";

/** What a size of a vision transformer says. */
export interface VitShape {
  /** Of a token. */
  readonly channels: number;
  /** Blocks. */
  readonly depth: number;
  /** Of the attention in each block. */
  readonly heads: number;
}

/** What a vision transformer makes its representation of. */
export const VIT_POOLINGS = ["class", "mean"] as const;
/** Where its positions come from. */
export const VIT_POSITIONS = ["learned", "sine"] as const;

/** What makes a vision transformer beside its size. */
export interface VitSettings {
  /** Pixels of a patch's side; 0, by default, for 4 where images have up to 64 pixels and 16 above. */
  readonly patch?: number;
  /** The "class" token, by default, or the "mean" of all patches, without such a token. */
  readonly pooling?: (typeof VIT_POOLINGS)[number];
  /** "learned", by default, or "sine": sines and cosines of two dimensions, which are not trained. */
  readonly positions?: (typeof VIT_POSITIONS)[number];
  /** Stochastic depth: how often the last block's branches are left out in training, the first one's never; 0 by default. */
  readonly dropPath?: number;
  /** Where each channel's factor of the branches starts (layer scale); 0, by default, for none. */
  readonly layerScale?: number;
}

/** A vision transformer. */
export interface VitOptions extends VitSettings {
  /** Of `VIT_SIZES`. */
  readonly size: VitSize;
  /** Pixels of the images that its positions are for, which are square; those of others are interpolated. */
  readonly imageSize: number;
  /** Multiplies the channels, and with them the size of a head; 1 by default. */
  readonly width?: number;
}

/** The tensor whose first two extents are the patch's. */
export const PATCH_WEIGHT = "patch_embed.proj.weight";
/** Added to variances by the layer norms, as in timm and torchvision. */
const EPSILON = 1e-6;
/** Of weights, positions and the class token. */
const DRAWN: Initial = { kind: "truncated-normal", deviation: 0.02 };
const ZERO: Initial = { kind: "constant", value: 0 };
/** Hidden channels of a block's perceptron for each of a token. */
const EXPANSION = 4;

function vector(name: string, channels: number, initial: Initial): TensorSpec {
  return { name, shape: [channels], initial, role: "offset" };
}

/** A linear layer whose bias starts at 0. */
function linear(name: string, from: number, to: number): Linear {
  return new Linear(name, from, to, true, DRAWN, ZERO);
}

/** A layer norm, named as in PyTorch. */
class Norm {
  readonly tensors: readonly TensorSpec[];

  constructor(
    readonly name: string,
    channels: number,
  ) {
    this.tensors = [
      vector(`${name}.weight`, channels, { kind: "constant", value: 1 }),
      vector(`${name}.bias`, channels, ZERO),
    ];
  }

  forward({ tape, tensor }: ForwardPass, x: Tensor): Tensor {
    const [gamma, beta] = this.tensors.map(({ name }) => tensor(name));
    return layerNorm(tape, x, { gamma, beta, epsilon: EPSILON });
  }
}

/** A tensor in the type of another one. */
function inTypeOf(tape: Tape, x: Tensor, other: Tensor): Tensor {
  return other.type === "f16" ? toHalf(tape, x) : x;
}

/** A block: attention and a perceptron, each a branch behind a norm (Dosovitskiy et al. 2021, equations 2 and 3). */
class Block {
  readonly norms: readonly [Norm, Norm];
  readonly qkv: Linear;
  readonly proj: Linear;
  readonly fc1: Linear;
  readonly fc2: Linear;
  readonly scales: readonly TensorSpec[];
  readonly tensors: readonly TensorSpec[];

  constructor(
    readonly name: string,
    /** The number of the block. */
    readonly site: number,
    channels: number,
    readonly heads: number,
    /** That a branch is left out. */
    readonly probability: number,
    layerScale: number,
  ) {
    this.norms = [new Norm(`${name}.norm1`, channels), new Norm(`${name}.norm2`, channels)];
    this.qkv = linear(`${name}.attn.qkv`, channels, 3 * channels);
    this.proj = linear(`${name}.attn.proj`, channels, channels);
    this.fc1 = linear(`${name}.mlp.fc1`, channels, EXPANSION * channels);
    this.fc2 = linear(`${name}.mlp.fc2`, EXPANSION * channels, channels);
    const scale = (branch: string) =>
      vector(`${name}.${branch}.gamma`, channels, { kind: "constant", value: layerScale });
    this.scales = layerScale > 0 ? [scale("ls1"), scale("ls2")] : [];
    const [first, second] = this.norms;
    const layers = [first, this.qkv, this.proj, second, this.fc1, this.fc2];
    this.tensors = [...layers.flatMap(({ tensors }) => tensors), ...this.scales];
  }

  /** x [images, tokens, channels] -> the same shape. */
  forward(pass: ForwardPass, x: Tensor): Tensor {
    const { tape } = pass;
    const [images, tokens, channels] = x.shape;
    const rows = (of: Tensor) => reshape(tape, of, [images * tokens, channels]);
    const [first, second] = this.norms;
    const qkv = this.qkv.forward(pass, first.forward(pass, rows(x)));
    const mixed = attention(tape, reshape(tape, qkv, [images, tokens, 3 * channels]), this.heads);
    const attended = this.#add(pass, x, this.proj.forward(pass, rows(mixed)), 0);
    const hidden = gelu(tape, this.fc1.forward(pass, second.forward(pass, rows(attended))));
    return this.#add(pass, attended, this.fc2.forward(pass, hidden), 1);
  }

  /** x and a branch [images * tokens, channels], scaled, and left out in some images. */
  #add({ tape, tensor, drawn }: ForwardPass, x: Tensor, branch: Tensor, which: 0 | 1): Tensor {
    const [images, tokens] = x.shape;
    const scale = this.scales.at(which);
    const scaled = scale ? multiply(tape, branch, inTypeOf(tape, tensor(scale.name), branch)) : branch;
    const whole = reshape(tape, scaled, x.shape);
    if (!drawn || this.probability === 0) return add(tape, x, whole);
    // Views of another size draw for themselves.
    const site = (2 * this.site + which) * LARGEST_RUN + (tokens % LARGEST_RUN);
    const factors = stochasticDepth(tape, drawn, images, { probability: this.probability, site });
    return add(tape, x, multiply(tape, whole, reshape(tape, inTypeOf(tape, factors, whole), [images, 1, 1])));
  }
}

/** Numbers of tokens that are told apart when branches are drawn. */
const LARGEST_RUN = 2 ** 13;

/**
 * A vision transformer (Dosovitskiy et al. 2021) as timm has it: images [batch, height, width, 3] are cut into patches, each of which a
 * convolution makes a token of; with positions, and behind a class token or not, they go through blocks of attention and perceptrons
 * that norms precede; the class token, or the mean of all tokens, normalised, is the representation [batch, channels]. Images may be
 * of any size in whole patches. Names and, transposed, shapes are those of timm's `VisionTransformer` without a classifier;
 * with the mean, of one with `class_token=False, global_pool=""`, whose tokens are averaged outside.
 * @throws ConfigError for sizes and settings that cannot be.
 */
export function vit({ size, imageSize, width = 1, ...settings }: VitOptions): Encoder {
  const { patch: asked = 0, pooling = "class", positions = "learned", dropPath = 0, layerScale = 0 } = settings;
  const sizes = VIT_SIZES[size];
  if (!sizes)
    throw new ConfigError(`there is no transformer of size "${size}": choose ${Object.keys(VIT_SIZES).join(", ")}`);
  const { depth, heads } = sizes;
  const headSize = Math.round((sizes.channels / heads) * width);
  if (!(headSize % 4 === 0 && headSize >= 4 && headSize <= 128)) {
    throw new ConfigError(
      `width ${width} gives heads of ${headSize} channels: it must come to a multiple of 4, and at most 128`,
    );
  }
  const channels = heads * headSize;
  const stem = imageSize <= SMALL_IMAGE ? "cifar" : "imagenet";
  const patch = asked === 0 ? (stem === "cifar" ? 4 : 16) : asked;
  checkSettings({ patch, pooling, positions, dropPath, layerScale }, imageSize);
  const grid = imageSize / patch;
  const prefix = pooling === "class" ? 1 : 0;
  const count = prefix + grid ** 2;
  const initial: Initial = { kind: "uniform", fanIn: 3 * patch ** 2 };
  const weight: TensorSpec = {
    ...{ name: PATCH_WEIGHT, shape: [patch, patch, 3, channels] },
    ...{ initial, role: "weight" },
  };
  const bias = vector("patch_embed.proj.bias", channels, initial);
  const token = { name: "cls_token", shape: [1, 1, channels], initial: DRAWN, role: "offset" } as const;
  const places: TensorSpec = {
    ...{ name: "pos_embed", shape: [1, count, channels] },
    ...(positions === "learned"
      ? { initial: DRAWN, role: "offset" }
      : { initial: { kind: "given", values: () => sinePositions(grid, channels, prefix) }, role: "statistic" }),
  };
  const blocks = Array.from({ length: depth }, (_, i) => {
    const probability = (dropPath * i) / (depth - 1);
    return new Block(`blocks.${i}`, i, channels, heads, probability, layerScale);
  });
  const norm = new Norm("norm", channels);

  /** Positions of a grid of another size. */
  const positionsOf = (pass: ForwardPass, height: number, across: number): Tensor => {
    const { tape } = pass;
    const own = pass.tensor(places.name);
    if (height === grid && across === grid) return own;
    const known = slice(tape, own, 1, prefix);
    const map = resample(tape, reshape(tape, known, [grid, grid, channels]), height, across);
    const interpolated = reshape(tape, map, [1, height * across, channels]);
    return prefix === 0 ? interpolated : concatenate(tape, [slice(tape, own, 1, 0, prefix), interpolated], 1);
  };

  const tokensOf = (pass: ForwardPass, images: Tensor): Tensor => {
    const { tape, tensor } = pass;
    const [batch, height, across] = mapShape(images);
    if (height % patch !== 0 || across % patch !== 0)
      throw new ShapeError(`${images} cannot be cut into patches of ${patch} x ${patch} pixels`);
    const map = conv2d(tape, images, tensor(weight.name), { stride: patch, padding: 0, bias: tensor(bias.name) });
    const patches = reshape(tape, map, [batch, map.shape[1] * map.shape[2], channels]);
    const first = prefix === 1 && inTypeOf(tape, broadcast(tape, tensor(token.name), [batch, 1, channels]), patches);
    const tokens = first ? concatenate(tape, [first, patches], 1) : patches;
    return add(tape, tokens, inTypeOf(tape, positionsOf(pass, map.shape[1], map.shape[2]), tokens));
  };

  /** The representation [batch, channels]. */
  const pooled = (pass: ForwardPass, x: Tensor): Tensor => {
    const { tape } = pass;
    const [batch, tokens] = x.shape;
    if (pooling === "class") {
      const own = norm.forward(pass, reshape(tape, slice(tape, x, 1, 0, 1), [batch, channels]));
      return own.type === "f16" ? toFloat(tape, own) : own;
    }
    const normalized = norm.forward(pass, reshape(tape, x, [batch * tokens, channels]));
    return globalAveragePool(tape, reshape(tape, normalized, [batch, tokens, 1, channels]));
  };

  const suffix = [
    width === 1 ? "" : `-${width}x`,
    pooling === "class" ? "" : "-mean",
    positions === "learned" ? "" : "-sine",
    layerScale === 0 ? "" : "-scaled",
  ].join("");
  return {
    name: `vit-${size}-patch${patch}-${imageSize}${suffix}`,
    features: channels,
    stem,
    tensors: [
      ...(prefix === 1 ? [token] : []),
      places,
      weight,
      bias,
      ...blocks.flatMap(({ tensors }) => tensors),
      ...norm.tensors,
    ],
    forward(pass, images) {
      const tokens = pass.segment("patch_embed", () => tokensOf(pass, images));
      const x = blocks.reduce((before, block) => pass.segment(block.name, () => block.forward(pass, before)), tokens);
      return pass.tape.scope("pool", () => pooled(pass, x));
    },
  };
}

/** @throws ConfigError */
function checkSettings(
  { patch, pooling, positions, dropPath, layerScale }: Required<VitSettings>,
  imageSize: number,
): void {
  if (!Number.isInteger(patch) || patch < 1 || imageSize % patch !== 0 || imageSize < 1) {
    throw new ConfigError(
      `images of ${imageSize} x ${imageSize} pixels cannot be cut into patches of ${patch} x ${patch}: choose a patch that divides ${imageSize}`,
    );
  }
  if (!VIT_POOLINGS.includes(pooling))
    throw new ConfigError(`pooling is "${pooling}"; choose ${VIT_POOLINGS.join(", ")}`);
  if (!VIT_POSITIONS.includes(positions))
    throw new ConfigError(`positions is "${positions}"; choose ${VIT_POSITIONS.join(", ")}`);
  if (!(dropPath >= 0 && dropPath < 1))
    throw new ConfigError(`dropPath is ${dropPath}; it must be at least 0 and below 1`);
  if (!(layerScale >= 0 && Number.isFinite(layerScale)))
    throw new ConfigError(`layerScale is ${layerScale}; it must be a number from 0 up`);
}
