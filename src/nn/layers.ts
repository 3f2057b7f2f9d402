import type { Tensor } from "../engine/tensor.js";
import { type BatchNormOptions, type BatchNormTensors, batchNorm } from "../ops/batch-norm.js";
import { type ConvolutionOptions, conv2d, expectGroups } from "../ops/conv2d.js";
import { groupNorm } from "../ops/group-norm.js";
import { addBias, matmul } from "../ops/matmul.js";
import { toHalf } from "../ops/precision.js";
import { standardizeWeight } from "../ops/weight-standardization.js";
import { axesOf, type PerAxis } from "../ops/window.js";
import type { ForwardPass, Initial, Module, TensorSpec } from "./module.js";

/** How a convolution slides over a map, and what it has besides its weight. */
export interface ConvolutionLayerOptions extends Omit<ConvolutionOptions, "bias"> {
  /** Adds a bias to the result, which starts at 0; false by default. */
  readonly bias?: boolean;
  /** Convolve with the standardised weights (Qiao et al. 2019); the tensor holds those that are trained. False by default. */
  readonly standardized?: boolean;
}

/** A convolution, named as in PyTorch (`<name>.weight`, and `<name>.bias` where it has one). */
export class Convolution implements Module {
  readonly tensors: readonly TensorSpec[];

  /**
   * @param kernel extent of the window, in pixels
   * @throws ShapeError where the groups do not divide the channels.
   */
  constructor(
    /** What the names of its tensors begin with. */
    readonly name: string,
    inChannels: number,
    outChannels: number,
    kernel: PerAxis,
    /** How it slides, and what it has besides its weight. */
    readonly options: ConvolutionLayerOptions = {},
  ) {
    const { groups = 1, bias = false } = options;
    expectGroups(groups, [inChannels, outChannels], name);
    const { y: height, x: width } = axesOf(kernel);
    const initial = { kind: "kaiming-normal", fanOut: height * width * outChannels } as const;
    const shape = [height, width, inChannels / groups, outChannels];
    const weight: TensorSpec = { name: `${name}.weight`, shape, initial, role: "weight" };
    this.tensors = bias ? [weight, channelTensor(`${name}.bias`, outChannels, 0, "offset")] : [weight];
  }

  /** x [batch, height, width, in] -> [batch, height', width', out]. @throws ShapeError where x has other channels. */
  forward({ tape, tensor }: ForwardPass, x: Tensor): Tensor {
    const { bias, standardized, ...settings } = this.options;
    const trained = tensor(`${this.name}.weight`);
    const weight = standardized ? standardizeWeight(tape, trained) : trained;
    return conv2d(tape, x, weight, { ...settings, bias: bias ? tensor(`${this.name}.bias`) : undefined });
  }
}

/** A tensor with a value for each channel, all the same at first. */
function channelTensor(name: string, channels: number, value: number, role: TensorSpec["role"]): TensorSpec {
  return { name, shape: [channels], initial: { kind: "constant", value }, role };
}

/** What a norm begins and ends with. */
export interface NormOptions {
  /** Rectify at the end; false by default. */
  readonly relu?: boolean;
  /** Where the scale starts, 1 by default; 0 for the last norm of a residual block (Goyal et al. 2017, section 5.1). */
  readonly gamma?: number;
}

/** The same for a batch norm, and how it normalises. */
export interface BatchNormLayerOptions extends NormOptions, Pick<BatchNormOptions, "momentum" | "epsilon"> {
  /** A scale and an offset for each channel (`<name>.weight` and `.bias`), trained; true by default. */
  readonly affine?: boolean;
}

/** Batch norm with what follows it, named as in PyTorch (`<name>.weight`, `.bias`, `.running_mean`, `.running_var`). */
export class BatchNorm implements Module {
  readonly tensors: readonly TensorSpec[];

  constructor(
    /** What the names of its tensors begin with. */
    readonly name: string,
    channels: number,
    /** What it begins and ends with, and how it normalises. */
    readonly options: BatchNormLayerOptions = {},
  ) {
    const { gamma = 1, affine = true } = options;
    const statistics = [
      channelTensor(`${name}.running_mean`, channels, 0, "statistic"),
      channelTensor(`${name}.running_var`, channels, 1, "statistic"),
    ];
    this.tensors = affine ? [...affineTensors(name, channels, gamma), ...statistics] : statistics;
  }

  /** x [..., channels] -> the same shape, of x normalised; the residual, of the same shape, is added before the rectifier. */
  forward(pass: ForwardPass, x: Tensor, residual?: Tensor): Tensor {
    const { relu, momentum, epsilon, affine = true } = this.options;
    const tensors: BatchNormTensors = {
      gamma: affine ? pass.tensor(`${this.name}.weight`) : undefined,
      beta: affine ? pass.tensor(`${this.name}.bias`) : undefined,
      runningMean: pass.tensor(`${this.name}.running_mean`),
      runningVar: pass.tensor(`${this.name}.running_var`),
    };
    const { training, movesRunning } = pass;
    return batchNorm(pass.tape, x, tensors, { training, movesRunning, relu, momentum, epsilon, residual });
  }
}

/** The scale and the offset of a norm. */
function affineTensors(name: string, channels: number, gamma: number): TensorSpec[] {
  return [
    channelTensor(`${name}.weight`, channels, gamma, "offset"),
    channelTensor(`${name}.bias`, channels, 0, "offset"),
  ];
}

/**
 * The groups of a group norm over so many channels: the largest divisor of them that is not above 32 (Wu and He 2018) and leaves
 * at least 4 channels a group, where there are 4. With fewer on small maps, all images look alike: narrow nets then learn nothing.
 */
export function groupsOf(channels: number): number {
  let groups = Math.max(1, Math.min(32, Math.floor(channels / 4)));
  while (channels % groups !== 0) groups--;
  return groups;
}

/** Group norm with what follows it, named as in PyTorch (`<name>.weight`, `.bias`); it has no running statistics. */
export class GroupNorm implements Module {
  readonly tensors: readonly TensorSpec[];
  /** Neighbouring channels are in one group: see `groupNorm`. */
  readonly groups: number;

  constructor(
    /** What the names of its tensors begin with. */
    readonly name: string,
    channels: number,
    /** What it begins and ends with. */
    readonly options: NormOptions = {},
  ) {
    this.groups = groupsOf(channels);
    this.tensors = affineTensors(name, channels, options.gamma ?? 1);
  }

  /** x [batch, height, width, channels] -> the same shape; the residual, of the same shape, is added before the rectifier. */
  forward({ tape, tensor }: ForwardPass, x: Tensor, residual?: Tensor): Tensor {
    const tensors = { gamma: tensor(`${this.name}.weight`), beta: tensor(`${this.name}.bias`) };
    return groupNorm(tape, x, tensors, { groups: this.groups, relu: this.options.relu, residual });
  }
}

/** A linear layer, named as in PyTorch (`<name>.weight`, `<name>.bias`). */
export class Linear implements Module {
  readonly tensors: readonly TensorSpec[];

  /**
   * @param initial what weight and bias start with; PyTorch's default without it.
   * @param offset what the bias starts with, where that is something else
   */
  constructor(
    /** What the names of its tensors begin with. */
    readonly name: string,
    inFeatures: number,
    outFeatures: number,
    /** Whether it adds one. */
    readonly bias: boolean,
    initial: Initial = { kind: "uniform", fanIn: inFeatures },
    offset: Initial = initial,
  ) {
    const weight: TensorSpec = { name: `${name}.weight`, shape: [inFeatures, outFeatures], initial, role: "weight" };
    const added: TensorSpec = { name: `${name}.bias`, shape: [outFeatures], initial: offset, role: "offset" };
    this.tensors = bias ? [weight, added] : [weight];
  }

  /** x [rows, in] -> [rows, out], of the type of x. @throws ShapeError where x has other columns. */
  forward({ tape, tensor, operands }: ForwardPass, x: Tensor): Tensor {
    const trained = tensor(`${this.name}.weight`);
    const weight = x.type === "f16" ? toHalf(tape, trained) : trained;
    const y = matmul(tape, x, weight, { operands });
    return this.bias ? addBias(tape, y, tensor(`${this.name}.bias`)) : y;
  }
}
