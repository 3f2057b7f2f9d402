import { ShapeError } from "../errors.js";

/**
 * The adjusted Rand index of two partitions of the same things (Hubert and Arabie 1985): 1 where they are the same, about 0 where they have
 * nothing to do with each other, and 1 as well where neither divides anything.
 * @param a part of each thing, from 0 on
 * @param b the same, by another partition
 * @throws ShapeError where they are of different numbers of things
 */
export function adjustedRandIndex(a: Uint32Array, b: Uint32Array): number {
  if (a.length !== b.length)
    throw new ShapeError(`partitions of ${a.length} and of ${b.length} things cannot be compared`);
  const counts = [new Map<number, number>(), new Map<number, number>(), new Map<number, number>()];
  const parts = b.reduce((most, part) => Math.max(most, part + 1), 1);
  a.forEach((part, i) => {
    [part, b[i], part * parts + b[i]].forEach((key, which) => {
      counts[which].set(key, (counts[which].get(key) ?? 0) + 1);
    });
  });
  const pairs = (n: number) => (n * (n - 1)) / 2;
  const [inA, inB, inBoth] = counts.map((map) => [...map.values()].reduce((sum, n) => sum + pairs(n), 0));
  const chance = (inA * inB) / Math.max(1, pairs(a.length));
  const most = (inA + inB) / 2;
  return most === chance ? 1 : (inBoth - chance) / (most - chance);
}
