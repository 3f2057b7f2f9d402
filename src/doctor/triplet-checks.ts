import { tripletsOfSimilarities } from "../losses/triplets.js";
import { semiHardTriplets, type TripletInputs } from "../reference/triplets.js";
import { type Check, checkOf, evaluate, gradientOf, type Subject } from "./check.js";
import { randomInputs } from "./random-inputs.js";
import { ROUNDINGS, relativeError } from "./rounding.js";

interface Inputs extends TripletInputs {
  readonly similarities: Float64Array;
  readonly groups: Uint32Array<ArrayBuffer>;
  readonly times: Uint32Array<ArrayBuffer>;
}

const subject: Subject<Inputs> = {
  compute: (device, { similarities: data, groups, times, ...settings }) =>
    evaluate(device, (tape, input) => {
      const rows = groups.length;
      const similarities = input(data, [rows, rows]);
      tape.watch(similarities);
      const marks = { groups: input(groups, [rows]), times: input(times, [rows]) };
      const { loss, accuracy } = tripletsOfSimilarities(tape, similarities, { ...marks, ...settings });
      tape.backward(loss);
      return { loss, accuracy, dSimilarities: gradientOf(tape, similarities) };
    }),
  reference(inputs) {
    const { loss, accuracy, dSimilarities } = semiHardTriplets(inputs);
    return { loss: Float64Array.of(loss), accuracy: Float64Array.of(accuracy), dSimilarities };
  },
  tolerance(inputs) {
    const { loss, accuracy, dSimilarities } = semiHardTriplets(inputs);
    // Similarities and the margin are whole numbers of 256ths, and so are sums of them: there is a division, and a product.
    const error = relativeError(ROUNDINGS.division + 1);
    return {
      loss: Float64Array.of(error * loss),
      accuracy: Float64Array.of(error * accuracy),
      dSimilarities: dSimilarities.map((value) => error * Math.abs(value)),
    };
  },
};

function checkTriplets(rows: number, clips: number, near: number, far: number, margin: number): Check {
  const text = `${rows} rows of ${clips} clips, near ${near}, far ${far}, margin ${margin}`;
  return checkOf(["triplets", "tripletsGradient"], text, subject, () => {
    const random = randomInputs(12);
    return {
      similarities: Float64Array.from(random.below(rows * rows, 513), (level) => level / 256 - 1),
      groups: random.below(rows, clips),
      times: random.below(rows, Math.ceil(rows / clips)),
      ...{ near, far, margin },
    };
  });
}

/** Checks of the triplets' kernels: more rows than threads, ties, a single clip, and one without negatives. */
export const tripletChecks: readonly Check[] = [
  checkTriplets(71, 3, 2, 4, 0.25),
  checkTriplets(37, 1, 3, 6, 0.5),
  checkTriplets(13, 5, 1, 1, 0),
  checkTriplets(9, 1, 9, 9, 0.25),
];
