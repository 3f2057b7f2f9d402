/** Unit roundoff of f32: a result rounded to nearest is off by at most this share of itself. */
export const UNIT = 2 ** -24;

/**
 * Worst errors that WGSL allows its functions (section "Accuracy of Floating Point Evaluation"), in units of roundoff: one
 * ULP is at most two of them. Sums, differences and products are correctly rounded: 1. `fma` may round twice.
 */
export const ROUNDINGS = {
  /** 2.5 ULP. */
  division: 5,
  /** 2 ULP. */
  inverseSqrt: 4,
  /** Inherited from 1 / inverseSqrt(x). */
  sqrt: 9,
  /** 3 ULP. */
  unpack: 6,
} as const;

/**
 * Largest relative error of a result after n roundings one upon the other, n u / (1 - n u) (Higham 2002, lemma 3.1). A sum
 * of n terms, whatever the order, or a dot product of n - 1, is off by at most this times the sum of the absolute terms.
 */
export function relativeError(roundings: number): number {
  return (roundings * UNIT) / (1 - roundings * UNIT);
}

/** Roundings of exp(x): 3 + 2 |x| ULP. */
export function expRoundings(x: number): number {
  return 6 + 4 * Math.abs(x);
}

/** Largest absolute error of log(x): 2^-21 from 0.5 to 2, and 3 ULP elsewhere. */
export function logError(x: number): number {
  return x >= 0.5 && x <= 2 ? 2 ** -21 : 6 * UNIT * Math.abs(Math.log(x));
}

/** What activations are stored in. */
export type StoredType = "f32" | "f16";

/** The end of a check's text. */
export function typeText(type: StoredType = "f32"): string {
  return type === "f32" ? "" : `, ${type}`;
}

/** Unit roundoff of f16. */
export const HALF_UNIT = 2 ** -11;

/** Smallest normal number of f16: an adapter may take what lies below it for 0. */
const HALF_SMALLEST = 2 ** -14;

/** Largest error of a number of up to this size when it is stored in f16. */
export function halfError(size: number): number {
  return size < HALF_SMALLEST ? size : HALF_UNIT * size;
}

/** Tolerances of values that are stored once they are computed. */
export function stored(tolerance: Float64Array, values: Float64Array, type: StoredType = "f32"): Float64Array {
  return type === "f32" ? tolerance : tolerance.map((error, i) => error + halfError(Math.abs(values[i]) + error));
}

/** A number that f16 has: the nearest one, of two the even one; 0 for what is below the smallest normal number. */
export function roundToHalf(value: number): number {
  const size = Math.abs(value);
  if (size < HALF_SMALLEST) return 0;
  const step = 2 ** (Math.floor(Math.log2(size)) - 10);
  const floor = Math.floor(size / step);
  const rest = size / step - floor;
  const steps = rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
  return Math.sign(value) * steps * step;
}

/** Sizes of numbers, and what they come to at most once each is rounded to f16. */
export function sizes(values: Float64Array, rounded: boolean): Float64Array {
  return values.map((value) => Math.abs(value) + (rounded ? halfError(Math.abs(value)) : 0));
}
