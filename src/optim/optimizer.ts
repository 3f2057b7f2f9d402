import type { Device } from "../engine/device.js";
import type { Tape } from "../engine/tape.js";
import type { Tensor } from "../engine/tensor.js";
import { ConfigError } from "../errors.js";
import type { ModelTensors, ParameterSlab } from "../nn/model-tensors.js";

/** An optimizer of the parameters of one model. */
export interface Optimizer {
  /** What it remembers between steps, by name: part of a checkpoint. */
  readonly state: ReadonlyMap<string, Tensor>;
  /** What the loss counts times, [1]: 1 unless `withLossScale` scales it. `tape.backward(loss, lossScale)` starts from it. */
  readonly lossScale: Tensor;
  /** What a step is made by, [4], as `setStep` writes it. A step whose last number is above 0 changes nothing. */
  readonly schedule: Tensor;
  /** Records the update of all parameters from their gradients: a few dispatches a slab. */
  record(tape: Tape): void;
  /**
   * Sets the learning rate of the runs that follow, 0 until then, and that of parameters with a constant one (see
   * `TensorSpec.rate`), the same where it is left out; `step` counts from 1.
   * @throws ConfigError for a step that does not, and a rate that is not finite
   */
  setStep(step: number, learningRate: number, constantRate?: number): void;
  /** Frees its buffers. */
  dispose(): void;
}

/** @throws ConfigError for a step that is no whole number from 1 up, or a learning rate that is not finite */
export function checkStep(step: number, learningRate: number): void {
  if (!Number.isInteger(step) || step < 1)
    throw new ConfigError(
      `step ${step} must be a whole number from 1 up: an optimizer counts from 1, a schedule from 0`,
    );
  if (!Number.isFinite(learningRate)) throw new ConfigError(`the learning rate of step ${step} is ${learningRate}`);
}

/**
 * What weight decay applies to: `weights` leaves out biases and norms (`offset` in a `TensorSpec`), as in SimCLR and most recipes
 * after it; `all` leaves out nothing, as PyTorch's optimizers do where parameters are not put into groups.
 */
export type Decay = "weights" | "all";

/** Elements that share an entry of the tables below; parameters start at multiples of it. */
export const BLOCK = 64;

/** 1 for each block of 64 elements of a slab that weight decay applies to, 0 for the others. */
export function decayTable(device: Device, slab: ParameterSlab, decay: Decay): Tensor {
  const table = new Float32Array(slab.values.all.size / BLOCK);
  for (const { spec, value } of slab.parameters) {
    const first = device.placeOf(value).offset / 4 / BLOCK;
    table.fill(decay === "all" || spec.role === "weight" ? 1 : 0, first, first + Math.ceil(value.size / BLOCK));
  }
  return device.tensor([table.length], table, "decays");
}

/** One vector of zeros for each slab, of its size. */
export function slabState(model: ModelTensors, label: string): Tensor[] {
  return model.slabs.map((slab) => model.device.tensor(slab.values.all.shape, undefined, label));
}

/** State tensors by name and slab. */
export function namedState(states: Readonly<Record<string, readonly Tensor[]>>): ReadonlyMap<string, Tensor> {
  return new Map(
    Object.entries(states).flatMap(([name, tensors]) => tensors.map((tensor, i) => [`${name}.${i}`, tensor])),
  );
}
