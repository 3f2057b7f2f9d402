import type { Tensor } from "../engine/tensor.js";
import { type BatchNormTensors, batchNorm } from "../ops/batch-norm.js";
import { conv2d } from "../ops/conv2d.js";
import { groupNorm } from "../ops/group-norm.js";
import { addBias, matmul } from "../ops/matmul.js";
import { standardizeWeight } from "../ops/weight-standardization.js";
import type { ForwardPass, Initial, Module, TensorSpec } from "./module.js";

/** A convolution without bias, named as in PyTorch (`<name>.weight`). */
export class Convolution implements Module {
  readonly tensors: readonly TensorSpec[];

  /** @param standardized convolve with the standardised weights (Qiao et al. 2019); the tensor holds those that are trained. */
  constructor(
    readonly name: string,
    inChannels: number,
    outChannels: number,
    kernel: number,
    readonly stride: number,
    readonly padding: number,
    readonly standardized = false,
  ) {
    const initial = { kind: "kaiming-normal", fanOut: kernel * kernel * outChannels } as const;
    this.tensors = [
      { name: `${name}.weight`, shape: [kernel, kernel, inChannels, outChannels], initial, role: "weight" },
    ];
  }

  forward({ tape, tensor }: ForwardPass, x: Tensor): Tensor {
    const trained = tensor(`${this.name}.weight`);
    const weight = this.standardized ? standardizeWeight(tape, trained) : trained;
    return conv2d(tape, x, weight, { stride: this.stride, padding: this.padding });
  }
}

/** A tensor of a norm: [channels], all of one value at first. */
function normTensor(name: string, channels: number, value: number, role: TensorSpec["role"]): TensorSpec {
  return { name, shape: [channels], initial: { kind: "constant", value }, role };
}

/** Batch norm with what follows it, named as in PyTorch (`<name>.weight`, `.bias`, `.running_mean`, `.running_var`). */
export class BatchNorm implements Module {
  readonly tensors: readonly TensorSpec[];

  /** @param gamma where the scale starts; 0 for the last one of a residual block (Goyal et al. 2017, section 5.1). */
  constructor(
    readonly name: string,
    channels: number,
    readonly after: { readonly relu: boolean },
    gamma = 1,
  ) {
    this.tensors = [
      normTensor(`${name}.weight`, channels, gamma, "offset"),
      normTensor(`${name}.bias`, channels, 0, "offset"),
      normTensor(`${name}.running_mean`, channels, 0, "statistic"),
      normTensor(`${name}.running_var`, channels, 1, "statistic"),
    ];
  }

  forward(pass: ForwardPass, x: Tensor, residual?: Tensor): Tensor {
    const tensors: BatchNormTensors = {
      gamma: pass.tensor(`${this.name}.weight`),
      beta: pass.tensor(`${this.name}.bias`),
      runningMean: pass.tensor(`${this.name}.running_mean`),
      runningVar: pass.tensor(`${this.name}.running_var`),
    };
    const { training, movesRunning } = pass;
    return batchNorm(pass.tape, x, tensors, { training, movesRunning, relu: this.after.relu, residual });
  }
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
  readonly groups: number;

  /** @param gamma where the scale starts; 0 for the last one of a residual block (Goyal et al. 2017, section 5.1). */
  constructor(
    readonly name: string,
    channels: number,
    readonly after: { readonly relu: boolean },
    gamma = 1,
  ) {
    this.groups = groupsOf(channels);
    this.tensors = [
      normTensor(`${name}.weight`, channels, gamma, "offset"),
      normTensor(`${name}.bias`, channels, 0, "offset"),
    ];
  }

  forward({ tape, tensor }: ForwardPass, x: Tensor, residual?: Tensor): Tensor {
    const tensors = { gamma: tensor(`${this.name}.weight`), beta: tensor(`${this.name}.bias`) };
    return groupNorm(tape, x, tensors, { groups: this.groups, relu: this.after.relu, residual });
  }
}

/** A linear layer, named as in PyTorch (`<name>.weight`, `<name>.bias`). */
export class Linear implements Module {
  readonly tensors: readonly TensorSpec[];

  /** @param initial what weight and bias start with; PyTorch's default without it. */
  constructor(
    readonly name: string,
    inFeatures: number,
    outFeatures: number,
    readonly bias: boolean,
    initial: Initial = { kind: "uniform", fanIn: inFeatures },
  ) {
    const weight: TensorSpec = { name: `${name}.weight`, shape: [inFeatures, outFeatures], initial, role: "weight" };
    const offset: TensorSpec = { name: `${name}.bias`, shape: [outFeatures], initial, role: "offset" };
    this.tensors = bias ? [weight, offset] : [weight];
  }

  forward({ tape, tensor }: ForwardPass, x: Tensor): Tensor {
    const y = matmul(tape, x, tensor(`${this.name}.weight`));
    return this.bias ? addBias(tape, y, tensor(`${this.name}.bias`)) : y;
  }
}
