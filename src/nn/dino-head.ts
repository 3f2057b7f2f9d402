import type { Tensor } from "../engine/tensor.js";
import { matmul } from "../ops/matmul.js";
import { normalizeRows } from "../ops/normalize-rows.js";
import { gelu } from "../ops/unary.js";
import { BatchNorm, Linear } from "./layers.js";
import type { ForwardPass, Head, Initial, TensorSpec } from "./module.js";

/** DINO's head. */
export interface DinoHeadOptions {
  /** Channels of the two hidden layers. */
  readonly hidden: number;
  /** Channels of what is compared with the prototypes. */
  readonly bottleneck: number;
  /** How many prototypes. */
  readonly prototypes: number;
  /** Batch norm after the hidden layers, which then have no bias; false by default. */
  readonly batchNorm?: boolean;
}

/** Of the linear layers' weights, as in the authors' code; `Prototypes` begins the last one with random directions. */
const DRAWN: Initial = { kind: "truncated-normal", deviation: 0.02 };

/**
 * The head of DINO (Caron et al. 2021, appendix C; facebookresearch/dino, commit 7c446df): two hidden layers with GELU, and a linear
 * layer to vectors z whose cosines with the prototypes count. Those are the weights of a last layer without bias, normalised, with a
 * scale of 1 that is not trained.
 */
export class DinoHead implements Head {
  readonly output: number;
  readonly tensors: readonly TensorSpec[];
  /** The prototypes [prototypes, bottleneck]: rows of any length. */
  readonly prototypes: TensorSpec;
  readonly #layers: readonly (Linear | BatchNorm | null)[];

  constructor(features: number, { hidden, bottleneck, prototypes, batchNorm = false }: DinoHeadOptions) {
    const bias: Initial = { kind: "constant", value: 0 };
    // Positions as in a torch.nn.Sequential of these layers, null for a GELU.
    const layers: (Linear | BatchNorm | null)[] = [];
    for (const from of [features, hidden]) {
      layers.push(new Linear(`head.mlp.${layers.length}`, from, hidden, !batchNorm, DRAWN, bias));
      if (batchNorm) layers.push(new BatchNorm(`head.mlp.${layers.length}`, hidden));
      layers.push(null);
    }
    layers.push(new Linear(`head.mlp.${layers.length}`, hidden, bottleneck, true, DRAWN, bias));
    this.#layers = layers;
    this.output = bottleneck;
    this.prototypes = { name: "head.last.weight", shape: [prototypes, bottleneck], initial: DRAWN, role: "weight" };
    this.tensors = [...layers.flatMap((layer) => layer?.tensors ?? []), this.prototypes];
  }

  /** From representations h [rows, features] to z [rows, bottleneck], of any length. */
  forward(pass: ForwardPass, h: Tensor): Tensor {
    const { tape } = pass;
    return tape.scope("head", () =>
      this.#layers.reduce((x, layer) => (layer ? layer.forward(pass, x) : gelu(tape, x)), h),
    );
  }
}

/** Cosines of z [rows, bottleneck] with prototypes [prototypes, bottleneck], both of any length: [rows, prototypes]. */
export function prototypeScores(
  { tape, operands }: Pick<ForwardPass, "tape" | "operands">,
  z: Tensor,
  prototypes: Tensor,
): Tensor {
  return matmul(tape, normalizeRows(tape, z), normalizeRows(tape, prototypes), { transposeB: true, operands });
}
