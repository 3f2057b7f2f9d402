import * as kernels from "../../kernels/generated.js";
import type { Tape } from "../engine/tape.js";
import type { Tensor } from "../engine/tensor.js";
import { ConfigError, ShapeError } from "../errors.js";
import type { ModelTensors } from "./model-tensors.js";
import type { ForwardPass, PassOptions, TensorSpec } from "./module.js";
import { NamedTensors } from "./named-tensors.js";

/**
 * A teacher: the exponential moving average of a model's first tensors, such as those of its encoder and its head, but not of the
 * predictor after them. With every update t = m t + (1 - m) s, for each parameter s of the model, the student (He et al. 2020,
 * MoCo, equation 2; Grill et al. 2020, BYOL, equation 1). Running statistics are not averaged: in training, the teacher
 * normalises by its own batches and keeps its own, as in the authors' code of MoCo and DINO. It has no gradients.
 */
export class MovingAverage {
  readonly #tensors: NamedTensors;
  /** 1 - m, [1]. */
  readonly #rate: Tensor;

  /**
   * Begins with what the model has now, and a momentum of 1.
   * @param specs the model's first ones, in the same order
   * @throws ShapeError where they are not the model's first ones, or do not come to lie as the model's.
   */
  constructor(
    /** What it is the average of. */
    readonly model: ModelTensors,
    readonly specs: readonly TensorSpec[],
  ) {
    const { device } = model;
    const other = specs.findIndex((spec, i) => describe(spec) !== describe(model.specs.at(i)));
    if (other >= 0) {
      throw new ShapeError(
        `an average has a model's first tensors: tensor ${other} is ${describe(specs[other])}, not ${describe(model.specs.at(other))}`,
      );
    }
    [this.#tensors, this.#rate] = device.memory.allOrNothing(() => [
      new NamedTensors(device, specs),
      device.tensor([1], undefined, "rate of the moving average"),
    ]);
    const misplaced = this.#misplaced();
    if (!misplaced) {
      this.copy();
      return;
    }
    this.dispose();
    throw new ShapeError(`the average of ${misplaced} does not lie as it does in the model's buffers`);
  }

  /** All of it by name, running statistics too: part of a checkpoint. */
  get state(): ReadonlyMap<string, Tensor> {
    return this.#tensors.byName;
  }

  /** The average of the tensor of this name. @throws CheckpointError where there is none. */
  tensor(name: string): Tensor {
    return this.#tensors.tensor(name);
  }

  /** Sets the momentum of the runs that follow. @throws ConfigError unless it is a number from 0 to 1. */
  setMomentum(momentum: number): void {
    if (!(momentum >= 0 && momentum <= 1))
      throw new ConfigError(`a moving average with a momentum of ${momentum}: it must be a number from 0 to 1`);
    this.model.device.write(this.#rate, Float32Array.of(1 - momentum));
  }

  /** Makes parameters and running statistics those of the model. */
  copy(): void {
    const { device } = this.model;
    for (const [name, tensor] of this.state) device.copy(this.model.tensor(name), tensor);
  }

  /** What a module's forward pass takes, in training too: the tape is asked for no gradients. */
  pass(tape: Tape, options: PassOptions): ForwardPass {
    return this.#tensors.pass(tape, options);
  }

  /**
   * Records the update, one dispatch a slab; after the optimizer's, it moves towards the parameters of the same step. Where a loss
   * scale has the optimizer skip a step, the student stands still and the average moves on towards it: that does no harm.
   */
  record(tape: Tape): void {
    this.#tensors.parameters.forEach(({ all: average }, i) => {
      const parameters = this.model.slabs[i].values.all;
      const params = { elements: average.size, slab_elements: parameters.size };
      tape.launch(kernels.ema, { rate: this.#rate, parameters, average }, params);
    });
  }

  /** Frees its buffers, and none of the model's. */
  dispose(): void {
    this.#tensors.dispose();
    this.model.device.free(this.#rate);
  }

  /** The first parameter that does not lie in the same place of the same slab as the model's. */
  #misplaced(): Tensor | undefined {
    const { device, slabs } = this.model;
    const offset = (tensor: Tensor | undefined) => tensor && device.placeOf(tensor).offset;
    return this.#tensors.parameters
      .flatMap(({ tensors }, slab) =>
        tensors.filter((tensor, i) => offset(tensor) !== offset(slabs.at(slab)?.values.tensors.at(i))),
      )
      .at(0);
  }
}

function describe(spec: TensorSpec | undefined): string {
  return spec ? `the ${spec.role} ${spec.name} [${spec.shape.join(", ")}]` : "one of the model's";
}
