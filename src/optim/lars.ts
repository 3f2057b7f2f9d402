import { kernels } from "../../kernels/generated.js";
import type { ModelTensors } from "../nn/model-tensors.js";
import { BLOCK, namedState, type Optimizer, slabState } from "./optimizer.js";

/** Settings of LARS. */
export interface LarsOptions {
  /** 0.9 by default. */
  readonly momentum?: number;
  /** 1e-6 by default, as in the paper; not applied to biases and norms. */
  readonly weightDecay?: number;
  /** Trust coefficient, 0.001 by default. */
  readonly trust?: number;
}

/**
 * Layer-wise adaptive rate scaling (You, Gitman and Ginsburg 2017) as SimCLR uses it:
 * v = m v + trust |w| / |g + wd w| lr (g + wd w), w -= v. Biases and norms take neither decay nor adaptation.
 */
export function lars(
  model: ModelTensors,
  { momentum = 0.9, weightDecay = 1e-6, trust = 0.001 }: LarsOptions = {},
): Optimizer {
  const { device } = model;
  const schedule = device.tensor([4], undefined, "schedule");
  const velocities = slabState(model, "velocity");
  const tables = model.slabs.map(({ values, parameters }) => {
    const blocks = values.all.size / BLOCK;
    const segments = new Uint32Array(blocks);
    const ranges = new Uint32Array(2 * parameters.length);
    parameters.forEach(({ value }, i) => {
      const first = device.placeOf(value).offset / 4 / BLOCK;
      const end = first + Math.ceil(value.size / BLOCK);
      segments.fill(i, first, end);
      ranges.set([first, end], 2 * i);
    });
    const adapted = Float32Array.from(parameters, ({ spec }) => (spec.role === "weight" ? 1 : 0));
    return {
      segments: device.tensor([blocks], segments, "segments"),
      ranges: device.tensor([ranges.length], ranges, "ranges"),
      adapted: device.tensor([adapted.length], adapted, "adapted"),
    };
  });
  return {
    state: namedState({ velocity: velocities }),
    lossScale: device.one,
    schedule,
    record(tape) {
      model.slabs.forEach(({ values, gradients, parameters }, i) => {
        const blocks = values.all.size / BLOCK;
        const squares = tape.tensor([blocks, 2], "squares");
        const trusts = tape.tensor([parameters.length], "trusts");
        const both = { parameters: values.all, gradients: gradients.all };
        tape.launch(kernels.larsNorms, { ...both, squares }, { elements: blocks, weight_decay: weightDecay });
        const { ranges, adapted, segments } = tables[i];
        const tensors = parameters.length;
        tape.launch(kernels.larsTrust, { squares, ranges, adapted, trusts }, { blocks, tensors, coefficient: trust });
        const params = { elements: values.all.size, momentum, weight_decay: weightDecay, tensors };
        tape.launch(kernels.lars, { ...both, segments, trusts, schedule, velocity: velocities[i] }, params);
      });
    },
    setStep(_step, learningRate) {
      device.write(schedule, Float32Array.of(learningRate, 0, 0, 0));
    },
    dispose() {
      const tensors = tables.flatMap(({ segments, ranges, adapted }) => [segments, ranges, adapted]);
      for (const tensor of [schedule, ...velocities, ...tensors]) device.free(tensor);
    },
  };
}
