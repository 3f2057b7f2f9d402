import type { Tensor } from "../engine/tensor.js";
import { ConfigError } from "../errors.js";
import { relu } from "../ops/elementwise.js";
import { BatchNorm, Linear } from "./layers.js";
import type { ForwardPass, Head, TensorSpec } from "./module.js";

/** The head g between the representation h and the embedding z that the loss compares (Chen et al. 2020, section 2.1). */
export interface HeadOptions {
  /** 0: none (z = h); 1: linear; 2 (SimCLR) or 3 (SimCLR v2): that many linear layers with rectifiers between. */
  readonly layers: number;
  /** Dimension of the hidden layers; that of h by default. */
  readonly hidden?: number;
  /** Dimension of z, 128 by default; not used without layers. */
  readonly output?: number;
  /** Batch norm after every linear layer but the last, which then have no bias; false by default. */
  readonly batchNorm?: boolean;
  /**
   * What the last linear layer ends with: a "bias", by default; nothing, "none"; or a batch norm without scale and offset, "norm"
   * (SimSiam).
   */
  readonly end?: "bias" | "none" | "norm";
  /** See `TensorSpec.rate`. */
  readonly rate?: TensorSpec["rate"];
}

/**
 * Makes a head for representations of `features` dimensions, or another small net of linear layers, such as a predictor.
 * @param name what its tensors' names begin with: `<name>.<position>.*`; "head" by default
 * @throws ConfigError for numbers of layers and dimensions that cannot be.
 */
export function projectionHead(features: number, options: HeadOptions, name = "head"): Head {
  const { layers, hidden = features, output = 128, batchNorm = false, end = "bias", rate } = options;
  if (![0, 1, 2, 3].includes(layers))
    throw new ConfigError(`a head of ${layers} layers: choose 0 (none), 1 (linear), 2 or 3`);
  for (const [size, value] of Object.entries({ hidden, output })) {
    if (!Number.isInteger(value) || value < 1)
      throw new ConfigError(`the head's ${size} dimension ${value} must be a whole number from 1 up`);
  }
  const steps: { readonly tensors: readonly TensorSpec[]; forward(pass: ForwardPass, x: Tensor): Tensor }[] = [];
  for (let i = 0; i < layers; i++) {
    const last = i === layers - 1;
    const from = i === 0 ? features : hidden;
    const normalized = last ? end === "norm" : batchNorm;
    const [to, bias] = last ? [output, end === "bias"] : [hidden, !batchNorm];
    // Positions as in a torch.nn.Sequential of these layers.
    steps.push(new Linear(`${name}.${steps.length}`, from, to, bias));
    if (normalized) steps.push(new BatchNorm(`${name}.${steps.length}`, to, { affine: !last }));
    if (!last) steps.push({ tensors: [], forward: (pass, x) => relu(pass.tape, x) });
  }
  return {
    output: layers === 0 ? features : output,
    tensors: steps.flatMap((step) => step.tensors.map((spec) => (rate ? { ...spec, rate } : spec))),
    forward: (pass, h) => pass.tape.scope(name, () => steps.reduce((x, step) => step.forward(pass, x), h)),
  };
}
