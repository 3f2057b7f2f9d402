import { randomUniform } from "./random.js";

/** The radii and angles that the noise of a pixel is made of (Box and Muller 1958): g = radius cos(angle), radius sin(angle). */
export function noisePolar(seed: readonly [number, number], pixel: number) {
  const [a, b, c, d] = randomUniform([...seed, 0, pixel]);
  const [radii, angles] = [
    [a, b].map((u) => Math.sqrt(-2 * Math.log(1 - u))),
    [c, d].map((u) => 2 * Math.PI * (u - 0.5)),
  ];
  return { radii, angles };
}

/** Three standard normal numbers for a pixel, from two whole numbers below 2^24. */
export function pixelNoise(seed: readonly [number, number], pixel: number): [number, number, number] {
  const { radii, angles } = noisePolar(seed, pixel);
  return [radii[0] * Math.cos(angles[0]), radii[0] * Math.sin(angles[0]), radii[1] * Math.cos(angles[1])];
}

/** Adds noise of a standard deviation to an RGB image [..., 3] and clamps to [0, 1]. */
export function gaussianNoise(image: Float64Array, sigma: number, seed: readonly [number, number]): Float64Array {
  const y = new Float64Array(image.length);
  for (let i = 0; i < image.length; i += 3) {
    pixelNoise(seed, i / 3).forEach((g, c) => {
      y[i + c] = Math.min(1, Math.max(0, image[i + c] + sigma * g));
    });
  }
  return y;
}
