import * as kernels from "../../kernels/generated.js";
import { once } from "../engine/once.js";
import type { ModelTensors } from "../nn/model-tensors.js";
import { type Decay, decayTable, namedState, type Optimizer, slabState } from "./optimizer.js";
import { Rates } from "./rates.js";

/** Settings of AdamW. */
export interface AdamWOptions {
  /** 0.9 by default. */
  readonly beta1?: number;
  /** 0.999 by default. */
  readonly beta2?: number;
  /** 1e-8 by default. */
  readonly epsilon?: number;
  /** 0 by default, which makes it Adam. */
  readonly weightDecay?: number;
  /** What is decayed: `weights` by default, and `all` in PyTorch. */
  readonly decay?: Decay;
}

/** Adam with decoupled weight decay (Loshchilov and Hutter 2019), bias-corrected; PyTorch's AdamW. */
export function adamW(
  model: ModelTensors,
  { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0, decay = "weights" }: AdamWOptions = {},
): Optimizer {
  const { device } = model;
  const { rates, firstMoments, secondMoments, decays } = device.memory.allOrNothing(() => ({
    // A run before the first `setStep` divides by these corrections, and moves no parameter.
    rates: new Rates(model, [0, 1, 1, 0]),
    firstMoments: slabState(model, "first moment"),
    secondMoments: slabState(model, "second moment"),
    decays: model.slabs.map((slab) => decayTable(device, slab, decay)),
  }));
  return {
    state: namedState({ first_moment: firstMoments, second_moment: secondMoments }),
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
          first_moment: firstMoments[i],
          second_moment: secondMoments[i],
        };
        tape.launch(kernels.adamw, bindings, {
          elements: slab.values.all.size,
          one_minus_beta1: 1 - beta1,
          one_minus_beta2: 1 - beta2,
          epsilon,
          weight_decay: weightDecay,
        });
      });
    },
    setStep(step, learningRate, constantRate = learningRate) {
      rates.write(step, learningRate, constantRate, 1 - beta1 ** step, 1 - beta2 ** step);
    },
    dispose: once(() => {
      rates.dispose();
      for (const tensor of [...firstMoments, ...secondMoments, ...decays]) device.free(tensor);
    }),
  };
}
