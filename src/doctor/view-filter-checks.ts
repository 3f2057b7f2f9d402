import { kernels } from "../../kernels/generated.js";
import type { ImageSize } from "../reference/image.js";
import { gaussianNoise, noisePolar } from "../reference/noise.js";
import { sobel } from "../reference/sobel.js";
import { viewTable } from "./augment-checks.js";
import { type Check, checkOf, evaluate, type Subject } from "./check.js";
import { randomInputs } from "./random-inputs.js";
import { logError, ROUNDINGS, relativeError, UNIT } from "./rounding.js";

/** Images [images, height, width, 3], and whether each is filtered. */
export interface SobelInputs extends ImageSize {
  readonly filtered: readonly boolean[];
  readonly x: Float64Array;
}

/** Output y. */
export const sobelSubject: Subject<SobelInputs> = {
  compute: (device, { filtered, width, height, x: data }) =>
    evaluate(device, (tape, input) => {
      const shape = [filtered.length, height, width, 3];
      const table = viewTable(filtered.map((each) => ({ sobel: each })));
      const views = input(table, [filtered.length, table.length / filtered.length]);
      const y = tape.tensor(shape, "filtered");
      tape.launch(kernels.sobel, { x: input(data, shape), views, y }, { images: filtered.length, height, width });
      return { y };
    }),
  reference: ({ filtered, x, ...size }) => ({
    y: perImage(x, filtered, (image, each) => (each ? sobel(image, size) : image)),
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

/** Images [images, height, width, 3], and the noise that each gets. */
export interface NoiseInputs extends ImageSize {
  readonly noises: readonly { readonly sigma: number; readonly seed: readonly [number, number] }[];
  readonly x: Float64Array;
}

/** Output y. */
export const noiseSubject: Subject<NoiseInputs> = {
  compute: (device, { noises, width, height, x: data }) =>
    evaluate(device, (tape, input) => {
      const shape = [noises.length, height, width, 3];
      const table = viewTable(noises.map((noise) => ({ noise })));
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
      tape.launch(kernels.gaussianNoise, { views, y }, { images: noises.length, height, width });
      return { y };
    }),
  reference: ({ noises, x }) => ({
    y: perImage(x, noises, (image, { sigma, seed }) => (sigma > 0 ? gaussianNoise(image, sigma, seed) : image)),
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
  map: (image: Float64Array, fact: T) => Float64Array,
): Float64Array {
  const size = x.length / facts.length;
  return Float64Array.from(facts.flatMap((fact, i) => Array.from(map(x.slice(i * size, (i + 1) * size), fact))));
}

function checkSobel(width: number, height: number): Check {
  const filtered = [true, false, true];
  return checkOf(["sobel"], `3 images of ${height} x ${width}, 2 of them filtered`, sobelSubject, () => ({
    width,
    height,
    filtered,
    x: randomInputs(16).uniform(filtered.length * height * width * 3, 0, 1),
  }));
}

function checkNoise(width: number, height: number): Check {
  return checkOf(
    ["gaussianNoise"],
    `3 images of ${height} x ${width}, different noise`,
    noiseSubject,
    (): NoiseInputs => ({
      width,
      height,
      noises: [
        { sigma: 0.2, seed: [0, 2 ** 24 - 1] },
        { sigma: 0, seed: [3, 4] },
        { sigma: 0.01, seed: [1234567, 7654321] },
      ],
      x: randomInputs(17).uniform(3 * height * width * 3, 0, 1),
    }),
  );
}

/** Checks of what is done to views after they were cut out and coloured. */
export const viewFilterChecks: readonly Check[] = [
  checkSobel(9, 7),
  checkSobel(1, 1),
  checkSobel(1, 5),
  checkNoise(9, 7),
  checkNoise(1, 1),
];
