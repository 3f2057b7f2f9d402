import { standardizeWeight } from "../ops/weight-standardization.js";
import { weightStandardizationBackward, weightStandardizationForward } from "../reference/weight-standardization.js";
import { type Check, checkOf, evaluate, gradientOf, type Subject } from "./check.js";
import { randomInputs } from "./random-inputs.js";
import { ROUNDINGS, relativeError, UNIT } from "./rounding.js";

/** A weight standardisation and the gradient of its output. */
export interface WeightStandardizationInputs {
  /** [height, width, in, out]. */
  readonly shape: readonly [number, number, number, number];
  readonly weight: Float64Array;
  readonly dy: Float64Array;
}

/** Outputs y and dWeight. */
export const weightStandardizationSubject: Subject<WeightStandardizationInputs> = {
  compute: (device, { shape, weight: data, dy }) =>
    evaluate(device, (tape, input) => {
      const weight = input(data, shape);
      tape.watch(weight);
      const y = standardizeWeight(tape, weight);
      tape.backward(y, input(dy, shape));
      return { y, dWeight: gradientOf(tape, weight) };
    }),

  reference({ shape, weight, dy }) {
    const result = weightStandardizationForward(weight, shape[3]);
    return { y: result.y, dWeight: weightStandardizationBackward(result, dy) };
  },

  tolerance({ shape, weight, dy }) {
    const channels = shape[3];
    const rows = weight.length / channels;
    const { y, inverseDeviation } = weightStandardizationForward(weight, channels);
    const yError = new Float64Array(weight.length);
    const dWeight = new Float64Array(weight.length);
    for (let c = 0; c < channels; c++) {
      const own = (values: Float64Array) => values.filter((_, i) => i % channels === c);
      const mean = (values: Float64Array) => values.reduce((a, b) => a + b, 0) / rows;
      const inverse = inverseDeviation[c];
      const [gradient, standardized] = [own(dy), own(y)];
      // Means: a sum and a division. An error m of the mean adds m^2 to the variance, whose squares take 3 roundings.
      const overRows = relativeError(rows + ROUNDINGS.division);
      const meanError = overRows * mean(own(weight).map(Math.abs));
      const variance = mean(standardized.map((value) => (value / inverse) ** 2));
      const varianceError = relativeError(rows + 3 + ROUNDINGS.division) * variance + meanError ** 2;
      // The root halves relative errors; one more rounding for the sum with epsilon.
      const scaleError = (varianceError * inverse ** 2 + UNIT) / 2 + relativeError(ROUNDINGS.inverseSqrt);
      const error = standardized.map((value) => meanError * inverse + Math.abs(value) * (scaleError + 2 * UNIT));

      const products = gradient.map((value, row) => value * standardized[row]);
      const offset = Math.abs(mean(gradient));
      const slope = Math.abs(mean(products));
      const offsetError = overRows * mean(gradient.map(Math.abs));
      const slopeError =
        relativeError(rows + 1 + ROUNDINGS.division) * mean(products.map(Math.abs)) +
        mean(gradient.map((value, row) => Math.abs(value) * error[row]));
      for (let row = 0; row < rows; row++) {
        const i = row * channels + c;
        const size = Math.abs(standardized[row]);
        const terms = Math.abs(gradient[row]) + offset + size * slope;
        yError[i] = error[row];
        // Two differences and two products, and the errors of what goes into them.
        dWeight[i] =
          inverse * (offsetError + size * slopeError + error[row] * slope + terms * (relativeError(4) + scaleError));
      }
    }
    return { y: yError, dWeight };
  },
};

function check(shape: readonly [number, number, number, number], mean = 0): Check {
  const text = `${shape.join(" x ")}${mean === 0 ? "" : `, mean ${mean}`}, and gradient`;
  const used = ["weightStandardization", "weightStandardizationGradient"] as const;
  return checkOf(used, text, weightStandardizationSubject, (): WeightStandardizationInputs => {
    const random = randomInputs(9);
    const elements = shape.reduce((a, b) => a * b, 1);
    // As small as the weights of a wide layer.
    return { shape, weight: random.normal(elements, 0.02, mean), dy: random.normal(elements) };
  });
}

/** Checks of weight standardisation: vectors of channels and odd ones, one channel, fewer rows than threads, one row. */
export const weightStandardizationChecks: readonly Check[] = [
  check([3, 3, 5, 7]),
  check([3, 3, 17, 36]),
  check([1, 1, 67, 33]),
  check([5, 3, 1, 1]),
  check([1, 1, 2, 8], 0.5),
  check([1, 1, 1, 3]),
];
