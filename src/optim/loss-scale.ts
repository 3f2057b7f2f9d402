import * as kernels from "../../kernels/generated.js";
import { once } from "../engine/once.js";
import { constantsOf } from "../engine/pipelines.js";
import { ConfigError } from "../errors.js";
import type { ModelTensors } from "../nn/model-tensors.js";
import type { Optimizer } from "./optimizer.js";

/** Settings of the loss scale. */
export interface LossScaleOptions {
  /** 65536 by default: with it gradients begin too large rather than too small, and a few skipped steps set that right. */
  readonly initial?: number;
  /** Steps in a row without an overflow after which the scale doubles; 2000 by default. */
  readonly growthInterval?: number;
}

/**
 * An optimizer for gradients that pass through f16: the loss is scaled, so that small gradients stay above the smallest numbers
 * of f16, and gradients are divided by the scale before the step (Micikevicius et al. 2018, section 3.2). Where one of them is
 * infinite or NaN, the step changes neither parameters nor the optimizer's state, and the scale halves, not below 1; after
 * `growthInterval` good steps in a row it doubles. The rule and the defaults are those of torch.amp.GradScaler; all of it
 * happens on the device. A skipped step counts in the schedule and in the bias correction of AdamW. The state has `loss_scale`
 * and `good_steps`, the good steps in a row, or below 0, the skipped ones.
 *
 * Backward passes have to start from the scale, or from gradients that were computed so: `tape.backward(loss, lossScale)`.
 * @throws ConfigError for a setting out of its range.
 */
export function withLossScale(
  model: ModelTensors,
  optimizer: Optimizer,
  { initial = 65536, growthInterval = 2000 }: LossScaleOptions = {},
): Optimizer {
  if (!(initial >= 1 && Number.isFinite(initial)))
    throw new ConfigError(`a loss scale that begins at ${initial}: it must be a number from 1 up`);
  if (!Number.isInteger(growthInterval) || growthInterval < 1)
    throw new ConfigError(`a growth interval of ${growthInterval} steps: it must be a whole number from 1 up`);
  const { device } = model;
  const { schedule } = optimizer;
  const { scale, goodSteps } = device.memory.allOrNothing(() => ({
    scale: device.tensor([1], [initial], "loss scale"),
    goodSteps: device.tensor([1], undefined, "good steps"),
  }));
  return {
    ...optimizer,
    state: new Map([...optimizer.state, ["loss_scale", scale], ["good_steps", goodSteps]]),
    lossScale: scale,
    record(tape) {
      const constants = constantsOf(kernels.unscaleGradients, {});
      const slabs = model.slabs.map(({ gradients: { all } }) => {
        return { all, groups: kernels.unscaleGradients.workgroups({ ...constants, elements: all.size }) };
      });
      const blocks = slabs.reduce((sum, { groups }) => sum + groups, 0);
      const counts = tape.tensor([blocks], "infinite gradients");
      let first = 0;
      for (const { all, groups } of slabs) {
        const params = { elements: all.size, first, blocks };
        tape.launch(kernels.unscaleGradients, { scale, gradients: all, counts }, params);
        first += groups;
      }
      const bindings = { counts, scale, good_steps: goodSteps, schedule };
      tape.launch(kernels.lossScale, bindings, { blocks }, { GROWTH_INTERVAL: growthInterval });
      optimizer.record(tape);
    },
    dispose: once(() => {
      for (const tensor of [scale, goodSteps]) device.free(tensor);
      optimizer.dispose();
    }),
  };
}
