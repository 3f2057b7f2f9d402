import { randomInputs } from "../../src/doctor/random-inputs.js";
import type { Features } from "../../src/evaluation/embed.js";

/** Embeddings without a pattern. */
export function randomFeatures(rows: number, dimension: number, seed: number): Features {
  return { values: Float32Array.from(randomInputs(seed).normal(rows * dimension)), rows, dimension };
}

/** Embeddings around as many random centres as `groups`, in turn. */
export function groupedFeatures(
  rows: number,
  dimension: number,
  groups: number,
  spread: number,
  seed: number,
): Features {
  const random = randomInputs(seed);
  const [centres, noise] = [random.normal(groups * dimension), random.normal(rows * dimension)];
  const values = Float32Array.from(
    noise,
    (value, i) => centres[(Math.floor(i / dimension) % groups) * dimension + (i % dimension)] + spread * value,
  );
  return { values, rows, dimension };
}

/** Cosine similarity of two rows, in float64. */
export function cosine({ values, dimension }: Features, a: number, b: number): number {
  let [product, left, right] = [0, 0, 0];
  for (let c = 0; c < dimension; c++) {
    const [x, y] = [values[a * dimension + c], values[b * dimension + c]];
    product += x * y;
    left += x * x;
    right += y * y;
  }
  return product / Math.sqrt(left * right);
}
