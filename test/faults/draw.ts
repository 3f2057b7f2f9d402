import { sfc32 } from "../../src/random.js";

/** Random numbers that a seed gives. */
export interface Draw {
  /** From 0, below 1. */
  share(): number;
  /** A whole number from 0, below `end`. */
  below(end: number): number;
  /** One of these. */
  of<Item>(items: readonly Item[]): Item;
}

export function drawFrom(seed: number): Draw {
  const random = sfc32(seed, 0, 0x1417);
  const share = () => random() / 2 ** 32;
  const below = (end: number) => Math.floor(share() * end);
  return { share, below, of: (items) => items[below(items.length)] };
}
