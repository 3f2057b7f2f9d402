/** Plain data, as JSON holds it. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** Plain data of a value that has no functions in it. */
export function json(value: object): Json {
  const parsed: Json = JSON.parse(JSON.stringify(value));
  return parsed;
}

/** What distinguishes a run from the others of its experiment: columns of results.csv. */
export type Factors = Readonly<Record<string, string | number>>;

/** What a run found out. */
export interface Measured {
  /** Columns of results.csv; accuracies are shares of 1. */
  readonly values: Readonly<Record<string, number>>;
  /** Curves and histograms. */
  readonly series?: Readonly<Record<string, readonly number[]>>;
  /** PNG images as data URIs. */
  readonly pictures?: readonly string[];
}
