import * as kernels from "../../kernels/generated.js";
import { movingAverageStep } from "../reference/moving-average.js";
import { type Check, checkOf, evaluate, exactly, type Subject } from "./check.js";
import { randomInputs } from "./random-inputs.js";
import { relativeError } from "./rounding.js";

/** An average of the first elements of a slab. */
export interface MovingAverageInputs {
  readonly momentum: number;
  readonly average: Float64Array;
  /** As many elements as the average has, or more. */
  readonly parameters: Float64Array;
}

/** Output average. */
export const movingAverageSubject: Subject<MovingAverageInputs> = {
  compute: (device, { momentum, ...data }) =>
    evaluate(device, (tape, input) => {
      const [average, parameters] = [data.average, data.parameters].map((x) => input(x, [x.length]));
      const rate = input(Float64Array.of(1 - momentum), [1]);
      const params = { elements: average.size, slab_elements: parameters.size };
      tape.launch(kernels.ema, { rate, parameters, average }, params);
      return { average };
    }),
  reference: ({ momentum, average, parameters }) => ({ average: movingAverageStep(average, parameters, momentum) }),
  tolerance({ momentum, average, parameters }) {
    if (momentum === 1) return { average: exactly(average) };
    // The rate is rounded, so are the difference and their product, and then the sum.
    return {
      average: average.map((mean, i) => {
        const move = (1 - momentum) * Math.abs(parameters[i] - mean);
        return relativeError(3) * move + relativeError(1) * (Math.abs(mean) + move);
      }),
    };
  },
};

function check(momentum: number): Check {
  // Several workgroups, the last of them not full.
  const shape = `2,368 of 2,560 elements, momentum ${momentum}`;
  return checkOf(["ema"], shape, movingAverageSubject, () => {
    const random = randomInputs(31);
    return { momentum, average: random.normal(37 * 64), parameters: random.normal(40 * 64) };
  });
}

/** Checks of the moving average of parameters: usual momenta, none, and one that moves nothing. */
export const movingAverageChecks: readonly Check[] = [0.99, 0.9995, 0, 1].map(check);
