import { pairPotentials, squaredDistances } from "../ops/rows.js";
import { squaredDistances as squaredDistancesReference } from "../reference/indicators.js";
import { type Check, checkOf, evaluate, type Subject } from "./check.js";
import { randomInputs } from "./random-inputs.js";
import { expRoundings, relativeError } from "./rounding.js";

interface DistanceInputs {
  readonly columns: number;
  readonly a: Float64Array;
  readonly b: Float64Array;
}

const distanceSubject: Subject<DistanceInputs> = {
  compute: (device, { columns, a, b }) =>
    evaluate(device, (tape, input) => {
      const shape = [a.length / columns, columns];
      return { distances: squaredDistances(tape, input(a, shape), input(b, shape)) };
    }),
  reference: ({ columns, a, b }) => ({ distances: squaredDistancesReference(a, b, columns) }),
  // A difference, which is squared, and a sum of positive terms.
  tolerance: ({ columns, a, b }) => ({
    distances: squaredDistancesReference(a, b, columns).map((value) => value * relativeError(columns + 4)),
  }),
};

interface PotentialInputs {
  readonly columns: number;
  readonly t: number;
  readonly similarities: Float64Array;
  readonly own: Uint32Array<ArrayBuffer>;
}

/** For each row, the sum over all columns but its own of what `term` makes of the exponent. */
function overOthers(
  { columns, t, similarities, own }: PotentialInputs,
  term: (exponent: number) => number,
): Float64Array {
  return Float64Array.from(own, (column, row) => {
    let sum = 0;
    for (let j = 0; j < columns; j++) {
      if (j !== column) sum += term(2 * t * (similarities[row * columns + j] - 1));
    }
    return sum;
  });
}

const potentialSubject: Subject<PotentialInputs> = {
  compute: (device, { columns, t, similarities, own }) =>
    evaluate(device, (tape, input) => ({
      potentials: pairPotentials(tape, input(similarities, [own.length, columns]), input(own, [own.length]), t),
    })),
  reference: (inputs) => ({ potentials: overOthers(inputs, Math.exp) }),
  // The exponent is rounded three times, which is as large a relative error of the exponential as it is long.
  tolerance: (inputs) => ({
    potentials: overOthers(
      inputs,
      (exponent) =>
        Math.exp(exponent) * relativeError(expRoundings(exponent) + 3 * Math.abs(exponent) + inputs.columns),
    ),
  }),
};

function checkDistances(rows: number, columns: number, apart: number): Check {
  const text = `${rows} pairs of rows of ${columns} that differ by ${apart}`;
  return checkOf(["squaredDistances"], text, distanceSubject, () => {
    const random = randomInputs(14);
    const a = random.normal(rows * columns);
    const noise = random.normal(rows * columns, apart);
    return { columns, a, b: a.map((value, i) => Math.fround(value + noise[i])) };
  });
}

function checkPotentials(rows: number, columns: number, t: number, lowest: number): Check {
  const text = `${rows} of ${columns} points, similarities of ${lowest} to 1, t = ${t}`;
  return checkOf(["pairPotentials"], text, potentialSubject, () => {
    const random = randomInputs(15);
    const own = Uint32Array.from({ length: rows }, (_, row) => (row * 7) % columns);
    return { columns, t, similarities: random.uniform(rows * columns, lowest, 1), own };
  });
}

/** Checks of the kernels of the quality indicators. */
export const indicatorChecks: readonly Check[] = [
  checkDistances(5, 131, 1),
  checkDistances(3, 67, 1e-3),
  checkDistances(1, 1, 1),
  checkPotentials(7, 331, 2, -1),
  checkPotentials(3, 5, 2, 1),
  checkPotentials(2, 2, 0.5, -1),
  checkPotentials(1, 70, 5, 0),
];
