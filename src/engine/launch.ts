import type { KernelDefinition, KernelValues } from "../../kernels/definition.js";
import type { ConstantValues } from "./pipelines.js";
import type { ElementType, Tensor } from "./tensor.js";

/** One kernel call as it was recorded: everything but the places of its tensors. */
export interface Launch {
  /** What is launched. */
  readonly kernel: KernelDefinition;
  /** In the order of the kernel's bindings. */
  readonly tensors: readonly Tensor[];
  /** Values of the fields of `Params`, and of the constants that shapes and counts are computed from. */
  readonly params: KernelValues;
  /** Constants that differ from those in the source. */
  readonly constants: ConstantValues;
  /** A single number, which is folded into a grid of two dimensions. */
  readonly workgroups: number;
  /** Floating-point operations, by the kernel's header. */
  readonly flops: number;
  /** What part of the recording it belongs to: see `Tape.scope`. */
  readonly scope: string;
}

/** What takes down kernel calls: a `Tape`. */
export interface Recorder {
  /** An intermediate tensor: see `Tape.tensor`. */
  tensor(shape: readonly number[], label: string, type?: ElementType): Tensor;
  /** Records a kernel call: see `Tape.launch`. */
  launch<Bindings extends string, Params extends string, Constants extends string>(
    kernel: KernelDefinition<Bindings, Params, Constants>,
    bindings: Readonly<Record<Bindings, Tensor>>,
    params: Readonly<Record<Params, number>>,
    constants?: ConstantValues<Exclude<Constants, "HALF">>,
  ): void;
}
