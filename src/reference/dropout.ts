import { randomUniform } from "./random.js";

/** What a dropout multiplies each of so many elements by: 0, or 1 / (1 - probability). */
export function dropoutFactors(
  elements: number,
  probability: number,
  counter: readonly [number, number],
  site: number,
): Float64Array {
  return Float64Array.from({ length: elements }, (_, i) => {
    const draws = randomUniform([...counter, 2 ** 31 + site, Math.floor(i / 4)]);
    return draws[i % 4] >= Math.fround(probability) ? 1 / (1 - probability) : 0;
  });
}
