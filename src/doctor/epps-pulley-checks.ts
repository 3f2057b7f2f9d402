import { eppsPulley, randomDirections } from "../losses/epps-pulley.js";
import {
  characteristicFunction,
  columnsOf,
  eppsPulleyBackward,
  eppsPulleyForward,
  KNOTS,
  normalRow,
  randomDirections as randomDirectionsReference,
} from "../reference/epps-pulley.js";
import { type Check, checkOf, evaluate, gradientOf, type Subject } from "./check.js";
import { randomInputs } from "./random-inputs.js";
import { expRoundings, ROUNDINGS, relativeError, UNIT } from "./rounding.js";

interface DirectionInputs {
  readonly counter: readonly [number, number];
  readonly rows: number;
  readonly cols: number;
}

const directionSubject: Subject<DirectionInputs> = {
  compute: (device, { counter, rows, cols }) =>
    evaluate(device, (tape, input) => ({
      y: randomDirections(tape, input(Uint32Array.from(counter), [2]), rows, cols),
    })),
  reference: ({ counter, rows, cols }) => ({ y: randomDirectionsReference(counter, rows, cols) }),
  tolerance({ counter, rows, cols }) {
    // The logarithm: m + 1, a quotient, and a series of 8 roundings, all doubled where it is taken from that of 2; half of that and
    // a root for the radius. The angle is off by 3 roundings of up to pi, and the polynomials by 8.
    const radius = relativeError((2 * (1 + ROUNDINGS.division + 8)) / 2 + ROUNDINGS.sqrt);
    const normal = radius + Math.PI * relativeError(3) + relativeError(8);
    const all = Array.from({ length: rows }, (_, row) => {
      const { radii, normals } = normalRow(counter, row, cols);
      const [length, radiiLength] = [Math.hypot(...normals), Math.hypot(...radii)];
      // The length is off by no more than the radii are, in all.
      const ofLength = (normal * radiiLength) / length + relativeError(cols + 2 + ROUNDINGS.inverseSqrt);
      return normals.map((value, c) => (normal * radii[c] + Math.abs(value) * ofLength) / length);
    });
    return { y: Float64Array.from(all.flatMap((row) => [...row])) };
  },
};

interface EppsPulleyInputs {
  readonly views: number;
  readonly cols: number;
  readonly y: Float64Array;
  readonly dStatistics: Float64Array;
}

/** What the cosine and the sine at the k-th knot above 0 may be off by: an angle is rounded and reduced, and turned on k times. */
function angleError(value: number, k: number): number {
  return (k + 1) * (3 * Math.abs((3 * value) / 16) + 8 + 4) * UNIT;
}

/** What a number of `characteristicFunction` may be off by, of a column whose largest magnitude is given. */
function meanError(rows: number, largest: number, k: number): number {
  const { t, normal } = KNOTS[k];
  return angleError(largest, k) + relativeError(rows + ROUNDINGS.division) + normal * expRoundings((t * t) / 2) * UNIT;
}

const eppsPulleySubject: Subject<EppsPulleyInputs> = {
  compute: (device, { views, cols, y: data, dStatistics }) =>
    evaluate(device, (tape, input) => {
      const y = input(data, [data.length / cols, cols]);
      tape.watch(y);
      const statistics = eppsPulley(tape, y, views);
      tape.backward(statistics, input(dStatistics, [views, cols]));
      return { statistics, dy: gradientOf(tape, y) };
    }),
  reference: ({ views, cols, y, dStatistics }) => ({
    statistics: eppsPulleyForward(y, views, cols),
    dy: eppsPulleyBackward(y, dStatistics, views, cols),
  }),
  tolerance({ views, cols, y, dStatistics }) {
    const [statistics, dy] = [new Float64Array(views * cols), new Float64Array(y.length)];
    columnsOf(y, views, cols).forEach((column, i) => {
      const rows = column.length;
      const largest = column.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      const found = characteristicFunction(column).map(({ real, imaginary }, k) => {
        const error = meanError(rows, largest, k);
        const weight = relativeError(expRoundings(KNOTS[k].t ** 2 / 2) + KNOTS.length + 6);
        return { size: Math.abs(real) + Math.abs(imaginary), squares: real ** 2 + imaginary ** 2, error, weight };
      });
      found.forEach(({ size, squares, error, weight }, k) => {
        statistics[i] += rows * KNOTS[k].weight * (2 * size * error + 2 * error ** 2 + squares * weight);
      });
      column.forEach((value, row) => {
        const at = (Math.floor(i / cols) * rows + row) * cols + (i % cols);
        found.forEach(({ size, error, weight }, k) => {
          const slope = 2 * KNOTS[k].weight * KNOTS[k].t * Math.abs(dStatistics[i]);
          dy[at] += slope * (2 * error + size * (angleError(value, k) + weight));
        });
      });
    });
    return { statistics, dy };
  },
};

function checkDirections(rows: number, cols: number, counter: readonly [number, number]): Check {
  const text = `${rows} random directions in ${cols} dimensions`;
  return checkOf(["randomDirections"], text, directionSubject, () => ({ counter, rows, cols }));
}

function checkEppsPulley(views: number, rows: number, cols: number, deviation: number, mean = 0): Check {
  const text = `${views} views of ${rows} rows of ${cols}, mean ${mean}, deviation ${deviation}`;
  return checkOf(["eppsPulleySums", "eppsPulley", "eppsPulleyGradient"], text, eppsPulleySubject, () => {
    const random = randomInputs(44);
    const y = random.normal(views * rows * cols, deviation, mean);
    return { views, cols, y, dStatistics: random.normal(views * cols) };
  });
}

/** Checks of the kernels of SIGReg. */
export const eppsPulleyChecks: readonly Check[] = [
  checkDirections(5, 131, [7, 3]),
  checkDirections(67, 3, [2 ** 32 - 1, 0]),
  checkDirections(1, 1, [1, 1]),
  checkEppsPulley(1, 37, 5, 1),
  checkEppsPulley(3, 67, 71, 2, 0.5),
  checkEppsPulley(2, 5, 3, 1e-3),
  // Angles of many turns.
  checkEppsPulley(2, 9, 11, 300, -100),
  checkEppsPulley(1, 1, 1, 0),
];
