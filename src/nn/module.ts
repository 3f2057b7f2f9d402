import type { Tape } from "../engine/tape.js";
import type { Tensor } from "../engine/tensor.js";
import type { Channels } from "../ops/channel-scale.js";
import type { Operands } from "../ops/matrix-tiles.js";
import type { DrawnImages } from "../ops/stochastic-depth.js";

/** How a tensor of a model starts. */
export type Initial =
  | { readonly kind: "constant"; readonly value: number }
  /** Normal with this standard deviation. */
  | { readonly kind: "normal"; readonly deviation: number }
  /** The same without what lies beyond +-2, whatever the deviation: PyTorch's `trunc_normal_` with its default ends. */
  | { readonly kind: "truncated-normal"; readonly deviation: number }
  /** Normal with standard deviation sqrt(2 / fan out) (He et al. 2015), as in torchvision's ResNets. */
  | { readonly kind: "kaiming-normal"; readonly fanOut: number }
  /**
   * Uniform in +-1 / sqrt(fan in): PyTorch's default for linear layers and convolutions, and the same as its `kaiming_uniform_`
   * with a = sqrt(5), whose bound is sqrt(6 / ((1 + a^2) fan in)).
   */
  | { readonly kind: "uniform"; readonly fanIn: number }
  /** Uniform in +-sqrt(6 / (fan in + fan out)) (Glorot and Bengio 2010, equation 16): PyTorch's `xavier_uniform_`. */
  | { readonly kind: "xavier-uniform"; readonly fanIn: number; readonly fanOut: number }
  /** These values, which are asked for when the tensor is made. */
  | {
      readonly kind: "given";
      /** Makes them. */
      readonly values: () => Float32Array<ArrayBuffer>;
    };

/** A tensor of a model, by its PyTorch name. */
export interface TensorSpec {
  /** Tells the tensors of a model apart, as in PyTorch: "layers.0.conv.weight". */
  readonly name: string;
  /** In this library's layout: convolutions [height, width, in, out], linear layers [in, out]. */
  readonly shape: readonly number[];
  /** How its values are drawn, or what they are. */
  readonly initial: Initial;
  /**
   * `weight` is trained, decayed and adapted by LARS; `offset` (biases and the norms' gamma and beta) is trained, and decayed only
   * by an optimizer that is to decay all; `statistic` (running mean and variance, positions by sines) is not trained.
   */
  readonly role: "weight" | "offset" | "statistic";
  /**
   * By what rate it is trained: that of the "schedule", by default, or a "constant" one, the highest of the schedule (SimSiam's
   * predictor).
   */
  readonly rate?: "schedule" | "constant";
}

/** What a forward pass needs besides its input. */
export interface ForwardPass {
  /** What is recorded on. */
  readonly tape: Tape;
  /** Batch norm's statistics: those of the batch (true), or the running ones (false). */
  readonly training: boolean;
  /** Whether the batch's statistics move the running ones. */
  readonly movesRunning: boolean;
  /** What matrix products may round their operands to (see `MatmulOptions`): f16 in mixed precision; f32 by default. */
  readonly operands?: Operands;
  /**
   * The images whose views go through, and what is drawn for them by: for what leaves out parts of a net at random. Nothing is left out
   * without it, as in a teacher and wherever a net is not trained.
   */
  readonly drawn?: DrawnImages;
  /** The tensor of this name. */
  tensor(name: string): Tensor;
  /**
   * Records a part of an encoder under its name (see `Tape.scope`): what recomputation, where it is asked for, keeps the
   * output of and computes a second time.
   */
  segment(name: string, record: () => Tensor): Tensor;
}

/** How a model takes part in a recording. */
export interface PassOptions {
  /** Batch statistics, and the tape is asked for the gradients of all parameters (true), or running statistics (false). */
  readonly training: boolean;
  /** Whether batch statistics move the running ones; as `training` by default. */
  readonly movesRunning?: boolean;
  /** What matrix products may round their operands to (see `MatmulOptions`); f32 by default. */
  readonly operands?: Operands;
  /** See `ForwardPass.drawn`; nothing by default. */
  readonly drawn?: DrawnImages;
  /** Compute the segments of the encoder again in the backward pass, and keep only their outputs until then; false by default. */
  readonly recompute?: boolean;
}

/** A part of a model: the tensors it needs and its forward pass. */
export interface Module {
  /** What it needs on the device: a model makes them, and `pass.tensor(name)` gives them. */
  readonly tensors: readonly TensorSpec[];
  /** Records the module on `pass.tape`. @throws ShapeError where x has a shape that it does not take. */
  forward(pass: ForwardPass, x: Tensor): Tensor;
}

/** What follows an encoder: from representations [batch, features] to what the loss takes. */
export interface Head extends Module {
  /** Dimension of what comes out. */
  readonly output: number;
}

/** What images, with values in [0, 1], are centred and scaled by before an encoder: (x - mean) / deviation, channel by channel. */
export interface Normalization {
  /** Of red, green and blue. */
  readonly mean: Channels;
  /** Standard deviation of red, green and blue; above 0. */
  readonly deviation: Channels;
}

/** A net from images to representations. */
export interface Encoder extends Module {
  /** For messages, files and run folders; encoders of one name have the same tensors. */
  readonly name: string;
  /** Dimension of the representation h. */
  readonly features: number;
  /** For messages: what images it is made for. */
  readonly stem: "cifar" | "imagenet";
  /** What images are normalised by before anything else (see `normalizedInput`); not at all where it is left out. */
  readonly normalization?: Normalization;
}
