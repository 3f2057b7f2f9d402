import * as kernels from "../../kernels/generated.js";
import { once } from "../engine/once.js";
import type { ModelTensors } from "../nn/model-tensors.js";
import { checkStep, type Decay, decayTable, namedState, type Optimizer, slabState } from "./optimizer.js";

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
  const { schedule, velocities, decays } = device.memory.allOrNothing(() => ({
    schedule: device.tensor([4], undefined, "schedule"),
    velocities: slabState(model, "velocity"),
    decays: model.slabs.map((slab) => decayTable(device, slab, decay)),
  }));
  return {
    state: namedState({ velocity: velocities }),
    lossScale: device.one,
    schedule,
    record(tape) {
      model.slabs.forEach((slab, i) => {
        const bindings = {
          gradients: slab.gradients.all,
          decays: decays[i],
          schedule,
          parameters: slab.values.all,
          velocity: velocities[i],
        };
        const params = { elements: slab.values.all.size, momentum, weight_decay: weightDecay };
        tape.launch(kernels.sgd, bindings, params, { NESTEROV: nesterov });
      });
    },
    setStep(step, learningRate) {
      checkStep(step, learningRate);
      device.write(schedule, Float32Array.of(learningRate, 0, 0, 0));
    },
    dispose: once(() => {
      for (const tensor of [schedule, ...velocities, ...decays]) device.free(tensor);
    }),
  };
}
