import { resample } from "../ops/resample.js";
import { stochasticDepth } from "../ops/stochastic-depth.js";
import { matmulForward } from "../reference/matmul.js";
import { randomUniform } from "../reference/random.js";
import { resamplingWeights } from "../reference/resample.js";
import { type Check, checkOf, evaluate, exactly, gradientOf, type Subject } from "./check.js";
import { randomInputs } from "./random-inputs.js";
import { relativeError, UNIT } from "./rounding.js";

/** A map [height, width, channels] that is brought to another size [toHeight, toWidth, channels], and the gradient of the result. */
export interface ResampleInputs {
  readonly from: readonly [height: number, width: number];
  readonly to: readonly [height: number, width: number];
  readonly channels: number;
  readonly x: Float64Array;
  readonly dy: Float64Array;
}

type Weights = readonly [rows: Float64Array, columns: Float64Array];

function weightsOf({ from, to }: ResampleInputs): Weights {
  return [resamplingWeights(from[0], to[0]), resamplingWeights(from[1], to[1])];
}

function values({ from, to, channels, x, dy }: ResampleInputs, [rows, columns]: Weights) {
  const across = (map: Float64Array, height: number, m: number, k: number, transposeA: boolean) =>
    Float64Array.from(
      Array.from({ length: height }).flatMap((_, row) =>
        Array.from(
          matmulForward(columns, map.subarray(row * k * channels, (row + 1) * k * channels), {
            ...{ m, n: channels, k, transposeA },
          }),
        ),
      ),
    );
  const tall = matmulForward(rows, x, { m: to[0], n: from[1] * channels, k: from[0] });
  const narrow = across(dy, to[0], from[1], to[1], true);
  return {
    y: across(tall, to[0], to[1], from[1], false),
    dx: matmulForward(rows, narrow, { m: from[0], n: from[1] * channels, k: to[0], transposeA: true }),
  };
}

/** Outputs y and dx. */
export const resampleSubject: Subject<ResampleInputs> = {
  compute: (device, { from, to, channels, ...inputs }) =>
    evaluate(device, (tape, input) => {
      const x = input(inputs.x, [...from, channels]);
      tape.watch(x);
      const y = resample(tape, x, ...to);
      tape.backward(y, input(inputs.dy, y.shape));
      return { y, dx: gradientOf(tape, x) };
    }),
  reference: (inputs) => values(inputs, weightsOf(inputs)),
  // A place is off by roundings of numbers of the extent's size, a weight by less than 1.5 times that; then there are two sums.
  tolerance(inputs) {
    const extent = Math.max(...inputs.from, ...inputs.to);
    const [rows, columns] = weightsOf(inputs);
    const share = (6 * extent + 20) * UNIT;
    const absolute = { ...inputs, x: inputs.x.map(Math.abs), dy: inputs.dy.map(Math.abs) };
    // Weights of 0 stay that, but where a place lies next to a sample's.
    const upTo = (weights: Float64Array) => weights.map((weight) => Math.abs(weight) + share);
    const most = values(absolute, [upTo(rows), upTo(columns)]);
    const exact = values(absolute, [rows.map(Math.abs), columns.map(Math.abs)]);
    const of = (name: "y" | "dx") =>
      most[name].map((value, i) => value - exact[name][i] + relativeError(2 * extent) * value);
    return { y: of("y"), dx: of("dx") };
  },
};

function checkResample(from: readonly [number, number], to: readonly [number, number], channels: number): Check {
  const text = `a map of ${from.join(" x ")} pixels of ${channels} channels at ${to.join(" x ")}, and gradient`;
  return checkOf(["resample"], text, resampleSubject, () => {
    const random = randomInputs(52);
    return {
      ...{ from, to, channels },
      x: random.normal(from[0] * from[1] * channels),
      dy: random.normal(to[0] * to[1] * channels),
    };
  });
}

/** Branches of so many views of images with these numbers. */
function checkStochasticDepth(images: readonly number[], views: number, probability: number): Check {
  const counter = [7, 2 ** 32 - 3] as const;
  const site = 5;
  return checkOf(
    ["stochasticDepth"],
    `branches of ${views} x ${images.length} images, left out with probability ${probability}`,
    {
      compute: (device, numbers) =>
        evaluate(device, (tape, input) => {
          const drawn = {
            images: input(numbers, [numbers.length]),
            counter: input(Uint32Array.from(counter), [2]),
          };
          const factors = stochasticDepth(tape, drawn, views * numbers.length, { probability, site });
          return { factors };
        }),
      reference: (numbers) => ({
        factors: Float64Array.from({ length: views * numbers.length }, (_, row) => {
          const view = Math.floor(row / numbers.length);
          const [u] = randomUniform([...counter, numbers[row % numbers.length], 2 ** 30 + 256 * site + view]);
          return u >= Math.fround(probability) ? Math.fround(1 / (1 - probability)) : 0;
        }),
      }),
      tolerance: (numbers) => ({ factors: exactly({ length: views * numbers.length }) }),
    },
    () => Uint32Array.from(images),
  );
}

/** Checks of what transformers have besides: maps made larger, smaller, and of one sample; branches that are left out. */
export const transformerChecks: readonly Check[] = [
  checkResample([8, 8], [4, 5], 7),
  checkResample([5, 3], [11, 7], 2),
  checkResample([1, 1], [3, 2], 5),
  checkResample([4, 4], [4, 4], 3),
  checkStochasticDepth([3, 141, 59, 0, 2 ** 32 - 1], 3, 0.5),
  checkStochasticDepth([8], 1, 0.125),
];
