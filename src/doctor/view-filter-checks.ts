import * as kernels from "../../kernels/generated.js";
import { solarize } from "../reference/color.js";
import type { ImageSize } from "../reference/image.js";
import { gaussianNoise, noisePolar } from "../reference/noise.js";
import { sobel } from "../reference/sobel.js";
import { viewTable } from "./augment-checks.js";
import { type Check, checkOf, evaluate, type Subject } from "./check.js";
import { randomInputs } from "./random-inputs.js";
import { logError, ROUNDINGS, relativeError, UNIT } from "./rounding.js";

/** Images [images, height, width, 3], whether each is filtered, and whether it is solarized after that. */
export interface SobelInputs extends ImageSize {
  readonly filtered: readonly boolean[];
  readonly solarized: readonly boolean[];
  readonly x: Float64Array;
}

/** Output y. */
export const sobelSubject: Subject<SobelInputs> = {
  compute: (device, { filtered, solarized, width, height, x: data }) =>
    evaluate(device, (tape, input) => {
      const shape = [filtered.length, height, width, 3];
      const table = viewTable(filtered.map((each, i) => ({ sobel: each, solarize: solarized[i] })));
      const views = input(table, [filtered.length, table.length / filtered.length]);
      const y = tape.tensor(shape, "filtered");
      const params = { images: filtered.length, height, width };
      tape.launch(kernels.sobel, { x: input(data, shape), views, y }, params, { SOLARIZE: solarized.includes(true) });
      return { y };
    }),
  reference: ({ filtered, solarized, x, ...size }) => ({
    y: perImage(x, filtered, (image, each, i) => solarizedIf(solarized[i], each ? sobel(image, size) : image)),
  }),
  tolerance({ filtered, x, ...size }) {
    // Lumas have 3 roundings, components of the gradient, between -1 and 1, those of two lumas and 4 of their own. The root
    // of half the sum of squares is off by no more than they are, and by the squares', the sum's and its own roundings.
    const error = relativeError(2 * 3 + 4);
    const magnitude = relativeError(2 + ROUNDINGS.sqrt);
    return {
      y: perImage(x, filtered, (image, each) =>
        each ? sobel(image, size).map((value) => error + magnitude * (value + error)) : image.map(() => 0),
      ),
    };
  },
};

/** Images [images, height, width, 3], the noise that each gets, and whether it is solarized after that. */
export interface NoiseInputs extends ImageSize {
  readonly noises: readonly { readonly sigma: number; readonly seed: readonly [number, number] }[];
  readonly solarized: readonly boolean[];
  readonly x: Float64Array;
}

/** Output y. */
export const noiseSubject: Subject<NoiseInputs> = {
  compute: (device, { noises, solarized, width, height, x: data }) =>
    evaluate(device, (tape, input) => {
      const shape = [noises.length, height, width, 3];
      const table = viewTable(noises.map((noise, i) => ({ noise, solarize: solarized[i] })));
      const views = input(table, [noises.length, table.length / noises.length]);
      const [x, y] = [input(data, shape), tape.tensor(shape, "noisy")];
      // The kernel works in place, and outputs are tensors of the tape.
      tape.launch(
        kernels.add,
        {
          a: x,
          b: input(
            data.map(() => 0),
            shape,
          ),
          y,
        },
        { elements: y.size },
      );
      const params = { images: noises.length, height, width };
      tape.launch(kernels.gaussianNoise, { views, y }, params, { SOLARIZE: solarized.includes(true) });
      return { y };
    }),
  reference: ({ noises, solarized, x }) => ({
    y: perImage(x, noises, (image, { sigma, seed }, i) =>
      solarizedIf(solarized[i], sigma > 0 ? gaussianNoise(image, sigma, seed) : image),
    ),
  }),
  tolerance: ({ noises, x }) => ({
    y: perImage(x, noises, (image, { sigma, seed }) =>
      image.map((_, i) => {
        const { radii } = noisePolar(seed, Math.floor(i / 3));
        const radius = radii[i % 3 < 2 ? 0 : 1];
        // A root of something that may be off by `inside`; then WGSL's cosine and sine, which in [-pi, pi] are off by at most
        // 2^-11, and the angle, which is rounded from 2 pi, itself rounded, times u - 1/2.
        const inside = 2 * logError(Math.exp((radius * radius) / -2)) + UNIT * radius * radius;
        const root = Math.sqrt(radius * radius + inside) - Math.sqrt(Math.max(radius * radius - inside, 0));
        const radiusError = root + relativeError(ROUNDINGS.sqrt) * (radius + root);
        const direction = 2 ** -11 + Math.PI * relativeError(3);
        const g = radiusError * (1 + direction) + radius * direction;
        return sigma * g + relativeError(4) * (1 + sigma * (radius + g));
      }),
    ),
  }),
};

/** Maps the images of a batch, each with what is said about it. */
function perImage<T>(
  x: Float64Array,
  facts: readonly T[],
  map: (image: Float64Array, fact: T, i: number) => Float64Array,
): Float64Array {
  const size = x.length / facts.length;
  return Float64Array.from(facts.flatMap((fact, i) => Array.from(map(x.slice(i * size, (i + 1) * size), fact, i))));
}

/** Has a slope of 1 or -1, and is exact in f32: tolerances are those of what comes before. */
function solarizedIf(wanted: boolean, image: Float64Array): Float64Array {
  return wanted ? solarize(image) : image;
}

const NONE = [false, false, false];
const TWO = [true, true, false];

/** How many images, for people. */
function count(some: readonly boolean[]): number {
  return some.filter((each) => each).length;
}

function checkSobel(width: number, height: number, solarized: readonly boolean[]): Check {
  const filtered = [true, false, true];
  return checkOf(
    ["sobel"],
    `3 images of ${height} x ${width}, ${count(filtered)} filtered, ${count(solarized)} solarized`,
    sobelSubject,
    () => ({
      width,
      height,
      filtered,
      solarized,
      x: randomInputs(16).uniform(filtered.length * height * width * 3, 0, 1),
    }),
  );
}

function checkNoise(width: number, height: number, solarized: readonly boolean[]): Check {
  return checkOf(
    ["gaussianNoise"],
    `3 images of ${height} x ${width}, different noise, ${count(solarized)} solarized`,
    noiseSubject,
    (): NoiseInputs => ({
      width,
      height,
      noises: [
        { sigma: 0.2, seed: [0, 2 ** 24 - 1] },
        { sigma: 0, seed: [3, 4] },
        { sigma: 0.01, seed: [1234567, 7654321] },
      ],
      solarized,
      x: randomInputs(17).uniform(3 * height * width * 3, 0, 1),
    }),
  );
}

/** Checks of what is done to views after they were cut out and coloured. */
export const viewFilterChecks: readonly Check[] = [
  checkSobel(9, 7, NONE),
  checkSobel(1, 1, NONE),
  checkSobel(1, 5, NONE),
  checkSobel(7, 9, TWO),
  checkNoise(9, 7, NONE),
  checkNoise(1, 1, NONE),
  checkNoise(7, 9, TWO),
];
