import type { Device } from "../engine/device.js";
import type { Tape } from "../engine/tape.js";
import type { Tensor } from "../engine/tensor.js";
import type { ModelTensors, ParameterSlab } from "../nn/model-tensors.js";
import { concatenate, slice } from "../ops/shape.js";
import { checkStep } from "./optimizer.js";

/** What the steps of an optimizer are made by: the rate of the schedule, and the constant one of the slabs that have it. */
export class Rates {
  /** [4]: learning rate, two numbers of the optimizer's own, and whether the step is to be skipped. */
  readonly schedule: Tensor;
  /** [1]; null where no slab has it. */
  readonly #constant: Tensor | null;
  readonly #device: Device;

  /** @param initial the schedule until the first step; zeros by default */
  constructor({ device, slabs }: ModelTensors, initial?: readonly number[]) {
    this.#device = device;
    this.schedule = device.tensor([4], initial, "schedule");
    this.#constant = slabs.some(isConstant) ? device.tensor([1], undefined, "constant learning rate") : null;
  }

  /** The schedule of each slab, [4]: records what makes those with a constant rate. */
  record(tape: Tape, slabs: readonly ParameterSlab[]): Tensor[] {
    const rate = this.#constant;
    const constant = rate ? concatenate(tape, [rate, slice(tape, this.schedule, 0, 1)], 0) : this.schedule;
    return slabs.map((slab) => (isConstant(slab) ? constant : this.schedule));
  }

  /** Writes the rates of a step, counted from 1, and the numbers of the optimizer's own. @throws ConfigError: see `checkStep`. */
  write(step: number, rate: number, constantRate: number, first = 0, second = 0): void {
    checkStep(step, rate);
    checkStep(step, constantRate);
    this.#device.write(this.schedule, Float32Array.of(rate, first, second, 0));
    if (this.#constant) this.#device.write(this.#constant, Float32Array.of(constantRate));
  }

  /** Frees its buffers. */
  dispose(): void {
    for (const tensor of [this.schedule, this.#constant]) if (tensor) this.#device.free(tensor);
  }
}

function isConstant({ parameters }: ParameterSlab): boolean {
  return parameters[0].spec.rate === "constant";
}
