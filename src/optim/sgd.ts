import * as kernels from "../../kernels/generated.js";
import { once } from "../engine/once.js";
import type { ModelTensors } from "../nn/model-tensors.js";
import { type Decay, decayTable, namedState, type Optimizer, slabState } from "./optimizer.js";
import { Rates } from "./rates.js";

/** Settings of SGD. */
export interface SgdOptions {
  /** 0.9 by default. */
  readonly momentum?: number;
  /** Nesterov's momentum, as in PyTorch; true by default. */
  readonly nesterov?: boolean;
  /** 0 by default. */
  readonly weightDecay?: number;
  /** What is decayed: `weights` by default, and `all` in PyTorch. */
  readonly decay?: Decay;
}

/**
 * Stochastic gradient descent with momentum: with g the gradient plus wd w, v = m v + g, and w -= lr (g + m v) with Nesterov or
 * lr v without; PyTorch's SGD.
 */
export function sgd(
  model: ModelTensors,
  { momentum = 0.9, nesterov = true, weightDecay = 0, decay = "weights" }: SgdOptions = {},
): Optimizer {
  const { device } = model;
  const { rates, velocities, decays } = device.memory.allOrNothing(() => ({
    rates: new Rates(model),
    velocities: slabState(model, "velocity"),
    decays: model.slabs.map((slab) => decayTable(device, slab, decay)),
  }));
  return {
    state: namedState({ velocity: velocities }),
    lossScale: device.one,
    schedule: rates.schedule,
    record(tape) {
      const schedules = rates.record(tape, model.slabs);
      model.slabs.forEach((slab, i) => {
        const bindings = {
          gradients: slab.gradients.all,
          decays: decays[i],
          schedule: schedules[i],
          parameters: slab.values.all,
          velocity: velocities[i],
        };
        const params = { elements: slab.values.all.size, momentum, weight_decay: weightDecay };
        tape.launch(kernels.sgd, bindings, params, { NESTEROV: nesterov });
      });
    },
    setStep: (step, learningRate, constantRate = learningRate) => rates.write(step, learningRate, constantRate),
    dispose: once(() => {
      rates.dispose();
      for (const tensor of [...velocities, ...decays]) device.free(tensor);
    }),
  };
}
