import * as kernels from "../../kernels/generated.js";
import type { Device } from "../engine/device.js";
import { once } from "../engine/once.js";
import type { ModelTensors, ParameterSlab } from "../nn/model-tensors.js";
import { BLOCK, type Decay, namedState, type Optimizer, slabState } from "./optimizer.js";
import { Rates } from "./rates.js";

/** Settings of LARS. */
export interface LarsOptions {
  /** 0.9 by default. */
  readonly momentum?: number;
  /** Nesterov's momentum; false by default. */
  readonly nesterov?: boolean;
  /** 1e-6 by default, as in SimCLR. */
  readonly weightDecay?: number;
  /** What is decayed: `weights` by default. With `all`, biases and norms are decayed, and still not adapted. */
  readonly decay?: Decay;
  /** Trust coefficient, 0.001 by default; the presets of solo-learn for CIFAR have 0.02, with `trustClip`. */
  readonly eta?: number;
  /** Adapted rates do not go beyond the learning rate; false by default. It makes other steps in more than that: see `lars`. */
  readonly trustClip?: boolean;
}

/**
 * Layer-wise adaptive rate scaling (You, Gitman and Ginsburg 2017) as SimCLR uses it: v = m v + u, w -= v, with
 * u = eta |w| / |g + wd w| lr (g + wd w), and Nesterov's w -= u + m v. Where |w| or |g + wd w| is 0, u = lr (g + wd w). Biases and
 * norms are not adapted, u = lr g, and decayed only with `decay: "all"`.
 *
 * With `trustClip` it is the LARS of solo-learn with `clip_lars_lr`, by whose learning rates its presets go: the norm below is
 * not that of the sum, and the velocity is without the learning rate, as in PyTorch's SGD: v = m v + u, w -= lr v, with
 * u = min(eta |w| / (|g| + wd |w| + 1e-8) / lr, 1) (g + wd w), and Nesterov's w -= lr (u + m v). Where |w| or |g| is 0, and for
 * biases and norms, u = g.
 */
export function lars(
  model: ModelTensors,
  {
    momentum = 0.9,
    nesterov = false,
    weightDecay = 1e-6,
    decay = "weights",
    eta = 0.001,
    trustClip = false,
  }: LarsOptions = {},
): Optimizer {
  const { device } = model;
  const { rates, velocities, tables } = device.memory.allOrNothing(() => ({
    rates: new Rates(model),
    velocities: slabState(model, "velocity"),
    tables: model.slabs.map((slab) => segmentTables(device, slab)),
  }));
  return {
    state: namedState({ velocity: velocities }),
    lossScale: device.one,
    schedule: rates.schedule,
    record(tape) {
      const schedules = rates.record(tape, model.slabs);
      model.slabs.forEach(({ values, gradients, parameters }, i) => {
        const [elements, schedule] = [values.all.size, schedules[i]];
        const blocks = elements / BLOCK;
        const tensors = parameters.length;
        const { ranges, adapted, segments } = tables[i];
        const both = { parameters: values.all, gradients: gradients.all };
        const squares = tape.tensor([blocks, 2], "squares");
        // Without decay, the second norm is that of the gradient.
        const inNorm = trustClip ? 0 : weightDecay;
        tape.launch(kernels.larsNorms, { ...both, squares }, { elements: blocks, weight_decay: inNorm });
        const scales = tape.tensor([tensors, 2], "scales");
        tape.launch(
          kernels.larsTrust,
          { squares, ranges, adapted, schedule, scales },
          { blocks, tensors, eta, weight_decay: weightDecay, offset_decay: decay === "all" ? weightDecay : 0 },
          { CLIP: trustClip },
        );
        tape.launch(
          kernels.lars,
          { ...both, segments, scales, schedule, velocity: velocities[i] },
          { elements, momentum, tensors },
          { NESTEROV: nesterov, CLIP: trustClip },
        );
      });
    },
    setStep: (step, learningRate, constantRate = learningRate) => rates.write(step, learningRate, constantRate),
    dispose: once(() => {
      rates.dispose();
      const tensors = tables.flatMap(({ segments, ranges, adapted }) => [segments, ranges, adapted]);
      for (const tensor of [...velocities, ...tensors]) device.free(tensor);
    }),
  };
}

/** Which blocks of a slab are whose, and whose rates are adapted. */
function segmentTables(device: Device, { values, parameters }: ParameterSlab) {
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
}
