import type { Tensor } from "../engine/tensor.js";
import { ConfigError } from "../errors.js";
import { BatchNorm, Convolution, GroupNorm } from "./layers.js";
import type { ForwardPass, Module } from "./module.js";

/** Names of the norms that an encoder can have. */
export const NORMS = ["batch", "group"] as const;

/**
 * What normalises an encoder's maps. `batch`: batch norm. `group`: group norm, and every convolution's weights standardised, as in
 * BiT (Kolesnikov et al. 2020): the gradients of a batch then do not depend on how it is cut into smaller ones, and images in
 * training not on each other.
 */
export type Norm = (typeof NORMS)[number];

/** A convolution with the norm after it, an optional residual sum and an optional rectifier. */
export class NormalizedConvolution implements Module {
  readonly tensors;

  constructor(
    readonly convolution: Convolution,
    readonly norm: BatchNorm | GroupNorm,
  ) {
    this.tensors = [...convolution.tensors, ...norm.tensors];
  }

  forward(pass: ForwardPass, x: Tensor, residual?: Tensor): Tensor {
    return this.norm.forward(pass, this.convolution.forward(pass, x), residual);
  }
}

/** A normalised convolution: its two layers' names and extents, and what they begin and end with. */
export interface NormalizedConvolutionShape {
  readonly names: readonly [convolution: string, norm: string];
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;
  /** Rectify at the end. */
  readonly relu: boolean;
  /** Where the norm's scale starts; 1 by default. */
  readonly gamma?: number;
}

/** Makes a convolution with a norm of this kind after it. @throws ConfigError for an unknown kind. */
export function normalizedConvolution(kind: Norm, shape: NormalizedConvolutionShape): NormalizedConvolution {
  const { names, inChannels, outChannels, kernel, stride, padding, relu, gamma } = shape;
  if (!NORMS.includes(kind)) throw new ConfigError(`there is no norm "${String(kind)}": choose ${NORMS.join(", ")}`);
  const [convolution, norm] = names;
  const grouped = kind === "group";
  const Layer = grouped ? GroupNorm : BatchNorm;
  return new NormalizedConvolution(
    new Convolution(convolution, inChannels, outChannels, kernel, { stride, padding, standardized: grouped }),
    new Layer(norm, outChannels, { relu, gamma }),
  );
}

/** What the name of an encoder says of its width and norm: "-2x" for twice the channels, "-gn" for group norm. */
export function encoderSuffix(width: number, norm: Norm): string {
  return `${width === 1 ? "" : `-${width}x`}${norm === "group" ? "-gn" : ""}`;
}
