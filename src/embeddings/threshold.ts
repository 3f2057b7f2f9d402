import { ConfigError } from "../errors.js";

/**
 * How many pairs of different pictures there are to expect so close to each other, from the pairs that there are. A pair's distance is
 * relative: x / sqrt(x_a x_b), of the cosine distance x = 1 - s and those of both from their eighth neighbours (Zelnik-Manor and Perona
 * 2004), so that it says the same where photographs lie dense and where they are few. Of points spread over something of n dimensions, the
 * number of pairs closer than r grows as r^n (Grassberger and Procaccia 1983, the correlation integral); cosine distances are squares, so
 * here it is the power n / 2. That law is taken where pairs are many, and continued to where they are few: what is beyond it there are pairs
 * that have a reason to be alike.
 */
export interface PairModel {
  /** Relative distances, ascending. */
  readonly distances: Float64Array;
  /** Pairs that are so close or closer. */
  readonly observed: Float64Array;
  /** Those that the law expects. */
  readonly expected: Float64Array;
  /** n / 2: the number of pairs is in proportion to the distance to the power of it. */
  readonly exponent: number;
}

/** The law is taken between so many pairs and so many, for each photograph; those closer may have a reason. */
const [FROM, TO] = [1, 2];
/** Fewer pairs than this make no law. */
const LEAST = 8;
/** Distances of the model, up to 1: 16 an octave. */
const [OCTAVES, PER_OCTAVE] = [24, 16];

/**
 * The law of some pairs.
 * @param pairs relative distances of all pairs that are closer than 1
 * @param rows photographs
 * @returns null for so few photographs, or photographs so much alike, that there is no law to see
 */
export function pairModel(pairs: readonly number[], rows: number): PairModel | null {
  const sorted = Float64Array.from(pairs).sort();
  const to = Math.min(Math.round(TO * rows), sorted.length);
  const from = Math.min(Math.round(FROM * rows), Math.round(to / 2));
  if (from < LEAST) return null;
  const [low, high] = [sorted[from - 1], sorted[to - 1]];
  if (!(low > 0 && high > low)) return null;
  const exponent = Math.log(to / from) / Math.log(high / low);
  const distances = Float64Array.from(
    { length: OCTAVES * PER_OCTAVE },
    (_, i) => 2 ** ((i + 1) / PER_OCTAVE - OCTAVES),
  );
  let seen = 0;
  const observed = distances.map((distance) => {
    while (seen < sorted.length && sorted[seen] <= distance) seen += 1;
    return seen;
  });
  return { distances, observed, expected: distances.map((distance) => from * (distance / low) ** exponent), exponent };
}

/** How close pairs of look-alikes are. */
export interface Threshold {
  /** The relative distance that they have at most: see `PairModel`. */
  readonly distance: number;
  /** Pairs that are so close; null where there is no law to tell. */
  readonly observed: number | null;
  /** Those among them that are expected to be of different pictures, by chance; null where there is no law to tell. */
  readonly expected: number | null;
}

/**
 * The largest distance at which, of all pairs that are so close, at most the share `rate` is expected to be there by chance (the tail-area
 * false discovery rate, Efron 2010, section 2.2); null where there is none.
 * @throws ConfigError for a rate that is not above 0 and below 1
 */
export function thresholdOf({ distances, observed, expected }: PairModel, rate: number): Threshold | null {
  if (!(rate > 0 && rate < 1)) throw new ConfigError(`the rate of false ones is ${rate}; it must lie between 0 and 1`);
  const at = observed.findLastIndex((seen, i) => seen >= 1 && expected[i] <= rate * seen);
  return at < 0 ? null : { distance: distances[at], observed: observed[at], expected: expected[at] };
}

/** A distance that somebody chose, with what the model has to say of it. */
export function thresholdAt(model: PairModel | null, distance: number): Threshold {
  const at = model ? model.distances.findLastIndex((known) => known <= distance) : -1;
  return { distance, observed: model?.observed[at] ?? null, expected: model?.expected[at] ?? null };
}
