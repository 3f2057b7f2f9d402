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
