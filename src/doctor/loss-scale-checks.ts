import * as kernels from "../../kernels/generated.js";
import { constantsOf } from "../engine/pipelines.js";
import { type LossScaleState, lossScaleStep } from "../reference/loss-scale.js";
import { type Check, checkOf, evaluate, exactly, type Outputs, type Subject } from "./check.js";
import { randomInputs } from "./random-inputs.js";

/** Gradients in two slabs, with the scale, a power of two, and the growth interval. */
export interface LossScaleInputs extends LossScaleState {
  readonly first: Float64Array;
  readonly second: Float64Array;
  readonly growthInterval: number;
}

/** What infinities and NaN are divided to does not count. */
function finite(values: Float64Array): Float64Array {
  return values.map((value) => (Number.isFinite(value) ? value : 0));
}

function expected({ first, second, growthInterval, ...state }: LossScaleInputs): Outputs {
  const step = lossScaleStep(Float64Array.of(...first, ...second), state, growthInterval);
  return {
    first: finite(step.gradients.subarray(0, first.length)),
    second: finite(step.gradients.subarray(first.length)),
    scale: Float64Array.of(step.scale),
    goodSteps: Float64Array.of(step.goodSteps),
    schedule: Float64Array.of(0.5, 0, 0, Number(step.skip)),
  };
}

/** Outputs first, second, scale, goodSteps and schedule. */
export const lossScaleSubject: Subject<LossScaleInputs> = {
  async compute(device, inputs) {
    const outputs = await evaluate(device, (tape, input) => {
      const first = input(inputs.first, [inputs.first.length]);
      const second = input(inputs.second, [inputs.second.length]);
      const scale = input(Float64Array.of(inputs.scale), [1]);
      const goodSteps = input(Float64Array.of(inputs.goodSteps), [1]);
      // The last number is that of the step before.
      const schedule = input(Float64Array.of(0.5, 0, 0, 1), [4]);
      const [before, after] = [first, second].map(({ size: elements }) =>
        kernels.unscaleGradients.workgroups({ ...constantsOf(kernels.unscaleGradients, {}), elements }),
      );
      const blocks = before + after;
      const counts = tape.tensor([blocks], "counts");
      for (const [gradients, place] of [[first, 0] as const, [second, before] as const]) {
        const params = { elements: gradients.size, first: place, blocks };
        tape.launch(kernels.unscaleGradients, { scale, gradients, counts }, params);
      }
      const constants = { GROWTH_INTERVAL: inputs.growthInterval };
      tape.launch(kernels.lossScale, { counts, scale, good_steps: goodSteps, schedule }, { blocks }, constants);
      return { first, second, scale, goodSteps, schedule };
    });
    return Object.fromEntries(Object.entries(outputs).map(([name, values]) => [name, finite(values)]));
  },
  reference: expected,
  // Exact, as the scale is a power of two.
  tolerance: (inputs) => Object.fromEntries(Object.entries(expected(inputs)).map(([name, x]) => [name, exactly(x)])),
};

interface Situation extends LossScaleState {
  /** What one of the gradients of the second slab is. */
  readonly found?: number;
}

function check(text: string, { found, ...state }: Situation): Check {
  return checkOf(["unscaleGradients", "lossScale"], text, lossScaleSubject, () => {
    const random = randomInputs(14);
    // Several workgroups, the last of them not full, and one of a part of a vector a thread.
    const [first, second] = [random.normal(5060, 1000), random.normal(128, 1000)];
    if (found !== undefined) second[77] = found;
    return { ...state, first, second, growthInterval: 20 };
  });
}

/** Checks of the loss scale: good steps, the one that doubles it, overflows, and both ends of its range. */
export const lossScaleChecks: readonly Check[] = [
  check("a good step", { scale: 1024, goodSteps: 3 }),
  check("the last good step before the scale doubles", { scale: 1024, goodSteps: 19 }),
  check("the largest scale stays", { scale: 2 ** 24, goodSteps: 19 }),
  check("infinity", { scale: 1024, goodSteps: 19, found: Number.POSITIVE_INFINITY }),
  check("minus infinity", { scale: 2, goodSteps: 3, found: Number.NEGATIVE_INFINITY }),
  check("NaN, after other skipped steps", { scale: 1, goodSteps: -3, found: Number.NaN }),
  check("a good step after skipped ones", { scale: 1, goodSteps: -3 }),
  check("the largest finite number", { scale: 1024, goodSteps: 3, found: -3.4028234663852886e38 }),
];
