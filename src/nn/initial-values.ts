import { elementsOf } from "../engine/tensor.js";
import { ConfigError } from "../errors.js";
import type { TensorSpec } from "./module.js";

/** Where truncated normal numbers end, on both sides. */
const TRUNCATED_AT = 2;

/**
 * The values a tensor starts with, in this library's layout. Tensors that are filled one after the other share both sources.
 * @param random random whole numbers from 0 to 2^32 - 1, as `sfc32` gives
 * @param normal standard normal numbers that are drawn from `random`, as `normals(random)` gives
 * @throws ConfigError for a standard deviation that is not a number above 0, or above 2 where the distribution is cut off at 2:
 * that would be nearly uniform.
 */
export function initialValues(
  { name, shape, initial }: TensorSpec,
  random: () => number,
  normal: () => number,
): Float32Array<ArrayBuffer> {
  const values = new Float32Array(elementsOf(shape));
  const uniform = (reach: number) => values.map(() => reach * ((2 * random()) / 2 ** 32 - 1));
  switch (initial.kind) {
    case "constant":
      return values.fill(initial.value);
    case "normal":
      requireDeviation(name, initial.deviation, Number.MAX_VALUE);
      return values.map(() => initial.deviation * normal());
    case "truncated-normal":
      requireDeviation(name, initial.deviation, TRUNCATED_AT);
      return values.map(() => truncatedNormal(initial.deviation, normal));
    case "kaiming-normal": {
      const deviation = Math.sqrt(2 / initial.fanOut);
      return values.map(() => deviation * normal());
    }
    case "uniform":
      return uniform(1 / Math.sqrt(initial.fanIn));
    case "given": {
      const given = initial.values();
      if (given.length !== values.length)
        throw new ConfigError(`${name} starts with ${given.length} values, and has ${values.length}`);
      return given;
    }
    case "xavier-uniform":
      return uniform(Math.sqrt(6 / (initial.fanIn + initial.fanOut)));
  }
}

/** Draws again what lies beyond the ends. */
function truncatedNormal(deviation: number, normal: () => number): number {
  for (;;) {
    const value = deviation * normal();
    if (Math.abs(value) <= TRUNCATED_AT) return value;
  }
}

function requireDeviation(name: string, deviation: number, largest: number): void {
  if (deviation > 0 && deviation <= largest) return;
  const end = largest === TRUNCATED_AT ? ` and at most ${TRUNCATED_AT}` : "";
  throw new ConfigError(`${name} starts with a standard deviation of ${deviation}: it must be a number above 0${end}`);
}
