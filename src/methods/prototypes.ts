import type { Device } from "../engine/device.js";
import type { Tape } from "../engine/tape.js";
import type { Tensor } from "../engine/tensor.js";
import { viewGroups } from "../losses/view-groups.js";
import type { ForwardPass, TensorSpec } from "../nn/module.js";
import { multiply, subtract } from "../ops/binary.js";
import { add } from "../ops/elementwise.js";
import { normalizeRows } from "../ops/normalize-rows.js";
import { columnMaxima, columnMeans, rowMaxima, rowSums, sum } from "../ops/reductions.js";
import { scatterRows } from "../ops/rows.js";
import { reshape } from "../ops/shape.js";
import { stopGradient } from "../ops/stop-gradient.js";
import { elementwise, scale } from "../ops/unary.js";
import type { LearnerParts } from "./method.js";
import { randomRows } from "./random-rows.js";

/** Rows [count, dimension] of length 1 that are trained, and stand still in the first steps. */
export class Prototypes {
  /** [1]: what their gradient counts times. */
  readonly #moves: Tensor;
  readonly #device: Device;

  /** Begins with random directions, in place of what the model began with. */
  constructor(
    readonly parts: LearnerParts,
    readonly spec: TensorSpec,
    /** Steps in which they do not move. */
    readonly frozenSteps: number,
  ) {
    this.#device = parts.device;
    this.#moves = parts.device.tensor([1], undefined, "whether prototypes move");
    const [count, dimension] = spec.shape;
    if (!parts.device.memory.rehearsing) parts.device.write(this.rows, randomRows(count, dimension, parts.seed));
  }

  /** As they are trained. */
  get rows(): Tensor {
    return this.parts.model.tensors.tensor(this.spec.name);
  }

  /** What a loss takes: the rows, whose gradient is 0 while they stand still. */
  taken({ tape, tensor }: ForwardPass): Tensor {
    const rows = tensor(this.spec.name);
    const constant = stopGradient(tape, rows);
    return add(tape, constant, multiply(tape, subtract(tape, rows, constant), this.#moves));
  }

  /** Records that they have length 1 again, after the optimizer's step. */
  record(tape: Tape): void {
    const [count] = this.spec.shape;
    scatterRows(tape, normalizeRows(tape, this.rows), viewGroups(tape, count, 1), this.rows);
  }

  /** Says which step it is, counted from 0. */
  setStep(step: number): void {
    this.#device.write(this.#moves, Float32Array.of(step < this.frozenSteps ? 0 : 1));
  }

  dispose(): void {
    this.#device.free(this.#moves);
  }
}

/** Below it, the logarithm of a share is not taken. */
const LEAST_SHARE = 1e-30;

/** Makes more than 1 of the least difference of two scores. */
const MANY = 1e30;

/** Entropy of shares in rows, in nats: [rows, cols] -> [rows, 1]. */
function entropies(tape: Tape, shares: Tensor): Tensor {
  const logarithms = elementwise(tape, shares, [["clamp", LEAST_SHARE, 1], "log"]);
  return scale(tape, rowSums(tape, multiply(tape, shares, logarithms)), -1);
}

/** What is looked at of prototypes; tensors of one. */
export interface PrototypeUse {
  /** How many are the best match of some row. */
  readonly prototypesUsed: Tensor;
  /** Mean over the rows of the entropy of what they are assigned to, in nats: 0 where that is one prototype. */
  readonly assignmentEntropy: Tensor;
  /** Entropy of the mean over the rows of what is predicted, in nats: 0 where that is one prototype for all, ln K where all serve alike. */
  readonly meanEntropy: Tensor;
}

/** How many prototypes are the best match of some row, from scores [rows, K]: a tensor of one, without gradient. */
export function prototypesUsed(tape: Tape, scores: Tensor): Tensor {
  const constant = stopGradient(tape, scores);
  // 1 where a score is the best of its row, and 0 elsewhere.
  const distances = subtract(tape, constant, rowMaxima(tape, constant));
  const matches = elementwise(tape, distances, [
    ["scale", MANY, 1],
    ["clamp", 0, 1],
  ]);
  return sum(tape, columnMaxima(tape, matches));
}

/**
 * How prototypes are used, from scores [rows, K], the logarithms of predictions [rows, K] and assignments [rows, K]. Without
 * gradient.
 */
export function prototypeUse(tape: Tape, scores: Tensor, predictions: Tensor, assignments: Tensor): PrototypeUse {
  const [rows, count] = scores.shape;
  const shares = elementwise(tape, stopGradient(tape, predictions), ["exp"]);
  const means = reshape(tape, columnMeans(tape, shares), [1, count]);
  return {
    prototypesUsed: prototypesUsed(tape, scores),
    assignmentEntropy: scale(tape, sum(tape, entropies(tape, assignments)), 1 / rows),
    meanEntropy: reshape(tape, entropies(tape, means), [1]),
  };
}
