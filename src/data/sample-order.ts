import { ConfigError } from "../errors.js";
import { sfc32 } from "../random.js";

/**
 * The order in which an epoch visits `length` images: a permutation of 0 .. length - 1 that depends only on the three
 * arguments, the same in every runtime. Fisher-Yates on the sfc32 generator (C. Doty-Humphrey, PractRand), without
 * modulo bias.
 * @param length 0 to 2^32 - 1.
 * @param seed whole number from 0 to 2^53 - 1.
 * @param epoch whole number from 0 to 2^32 - 1.
 * @throws ConfigError where an argument is out of its range.
 */
export function sampleOrder(length: number, seed: number, epoch: number): Uint32Array {
  checkRange("length", length, 2 ** 32 - 1);
  checkRange("seed", seed, Number.MAX_SAFE_INTEGER);
  checkRange("epoch", epoch, 2 ** 32 - 1);
  const order = new Uint32Array(length);
  const random = sfc32(seed >>> 0, Math.floor(seed / 2 ** 32), epoch);
  // The inside-out form: filling and shuffling are one loop.
  for (let i = 0; i < length; i++) {
    const j = below(i + 1, random);
    order[i] = order[j] ?? 0;
    order[j] = i;
  }
  return order;
}

function checkRange(name: string, value: number, largest: number): void {
  if (!Number.isInteger(value) || value < 0 || value > largest) {
    throw new ConfigError(`${name} has to be a whole number from 0 to ${largest}; got ${value}.`);
  }
}

/** A whole number from 0 to `bound - 1`, each equally likely: draws of the last, incomplete stretch are thrown away. */
function below(bound: number, random: () => number): number {
  const limit = 2 ** 32 - (2 ** 32 % bound);
  let draw = random();
  while (draw >= limit) {
    draw = random();
  }
  return draw % bound;
}
