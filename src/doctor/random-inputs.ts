import { normals, sfc32 } from "../random.js";
import { roundToHalf, type StoredType } from "./rounding.js";

/** Inputs of checks from a fixed seed; every number is one that f32, or the type asked for, has. */
export interface RandomInputs {
  /** Normally distributed. */
  normal(count: number, scale?: number, mean?: number): Float64Array;
  /** Evenly distributed from `low` to `high`. */
  uniform(count: number, low: number, high: number): Float64Array;
  /** Whole numbers from 0 to `bound` - 1. */
  below(count: number, bound: number): Uint32Array<ArrayBuffer>;
}

/** The same seed gives the same inputs in every runtime. */
export function randomInputs(seed: number, type: StoredType = "f32"): RandomInputs {
  const words = sfc32(seed, 0, 0);
  const normal = normals(words);
  const round = type === "f32" ? Math.fround : roundToHalf;
  const fill = (count: number, next: () => number) => Float64Array.from({ length: count }, () => round(next()));
  return {
    normal: (count, scale = 1, mean = 0) => fill(count, () => mean + scale * normal()),
    uniform: (count, low, high) => fill(count, () => low + ((high - low) * words()) / 2 ** 32),
    below: (count, bound) => Uint32Array.from({ length: count }, () => words() % bound),
  };
}
