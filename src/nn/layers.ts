import type { Tensor } from "../engine/tensor.js";
import { type BatchNormTensors, batchNorm } from "../ops/batch-norm.js";
import { conv2d } from "../ops/conv2d.js";
import { addBias, matmul } from "../ops/matmul.js";
import type { ForwardPass, Module, TensorSpec } from "./module.js";

/** A convolution without bias, named as in PyTorch (`<name>.weight`). */
export class Convolution implements Module {
  readonly tensors: readonly TensorSpec[];

  constructor(
    readonly name: string,
    inChannels: number,
    outChannels: number,
    kernel: number,
    readonly stride: number,
    readonly padding: number,
  ) {
    const initial = { kind: "kaiming-normal", fanOut: kernel * kernel * outChannels } as const;
    this.tensors = [
      { name: `${name}.weight`, shape: [kernel, kernel, inChannels, outChannels], initial, role: "weight" },
    ];
  }

  forward({ tape, tensor }: ForwardPass, x: Tensor): Tensor {
    return conv2d(tape, x, tensor(`${this.name}.weight`), { stride: this.stride, padding: this.padding });
  }
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
    const tensor = (part: string, value: number, role: TensorSpec["role"]): TensorSpec => ({
      name: `${name}.${part}`,
      shape: [channels],
      initial: { kind: "constant", value },
      role,
    });
    this.tensors = [
      tensor("weight", gamma, "offset"),
      tensor("bias", 0, "offset"),
      tensor("running_mean", 0, "statistic"),
      tensor("running_var", 1, "statistic"),
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

/** A linear layer, named as in PyTorch (`<name>.weight`, `<name>.bias`). */
export class Linear implements Module {
  readonly tensors: readonly TensorSpec[];

  constructor(
    readonly name: string,
    inFeatures: number,
    outFeatures: number,
    readonly bias: boolean,
  ) {
    const initial = { kind: "uniform", fanIn: inFeatures } as const;
    const weight: TensorSpec = { name: `${name}.weight`, shape: [inFeatures, outFeatures], initial, role: "weight" };
    const offset: TensorSpec = { name: `${name}.bias`, shape: [outFeatures], initial, role: "offset" };
    this.tensors = bias ? [weight, offset] : [weight];
  }

  forward({ tape, tensor }: ForwardPass, x: Tensor): Tensor {
    const y = matmul(tape, x, tensor(`${this.name}.weight`));
    return this.bias ? addBias(tape, y, tensor(`${this.name}.bias`)) : y;
  }
}
