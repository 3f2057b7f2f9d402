import { ConfigError } from "../errors.js";
import { binOf, binStart, HISTOGRAM_BINS } from "../ops/similarity-histogram.js";

/**
 * How many pairs of different pictures there are to expect at each similarity, from the pairs that there are. Of points spread over
 * something of n dimensions, the number of pairs closer than r grows as r^n (Grassberger and Procaccia 1983, the correlation integral),
 * so of cosine distances x = 1 - s, the square of r, as x^(n / 2). That law is taken where pairs are many, and continued to where they
 * are few: what is beyond it there are pairs that have a reason to be alike.
 */
export interface PairModel {
  /** Pairs of two embeddings. */
  readonly total: number;
  /** Pairs that are so close or closer, at the end of each bin: see `binStart`. */
  readonly observed: Float64Array;
  /** Those that the law expects. */
  readonly expected: Float64Array;
  /** n: dimensions of what the embeddings are spread over, as the law sees it. */
  readonly dimensions: number;
}

/** The law is taken between so many pairs and so many, for each embedding. */
const FROM = 2;
const TO = 20;

/**
 * The law of some pairs.
 * @param pairs in each bin of their distance
 * @param rows embeddings
 * @returns null for so few embeddings, or embeddings so much alike, that there is no law to see
 */
export function pairModel(pairs: Float64Array, rows: number): PairModel | null {
  const observed = new Float64Array(HISTOGRAM_BINS);
  let sum = 0;
  pairs.forEach((count, bin) => {
    sum += count;
    observed[bin] = sum;
  });
  // At most a third of all pairs: further out the law ends, for a sphere has no distances beyond its own.
  const to = Math.min(TO * rows, sum / 3);
  const from = Math.min(FROM * rows, to / 4);
  const [low, high] = [from, to].map((count) => observed.findIndex((seen) => seen >= count));
  const [start, end] = [binStart(low + 1), binStart(high + 1)];
  // Fewer than 4 octaves of pairs would be an exponent of noise.
  if (from < 8 || high <= low) return null;
  const exponent = Math.log(observed[high] / observed[low]) / Math.log(end / start);
  const expected = observed.map((_, bin) => Math.min(sum, observed[low] * (binStart(bin + 1) / start) ** exponent));
  return { total: sum, observed, expected, dimensions: 2 * exponent };
}

/** A similarity from which on pairs count as look-alikes. */
export interface Threshold {
  /** The least cosine similarity of what is called alike. */
  readonly similarity: number;
  /** Pairs that are so similar or more; null where they were not counted. */
  readonly observed: number | null;
  /** Those among them that are expected to be of different pictures, by chance; null where there is no law to tell. */
  readonly expected: number | null;
}

/**
 * The lowest similarity at which, of all pairs that are so similar, at most the share `rate` is expected to be there by chance (the
 * tail-area false discovery rate, Efron 2010, section 2.2); null where there is none.
 * @throws ConfigError for a rate that is not above 0 and below 1
 */
export function thresholdOf({ observed, expected }: PairModel, rate: number): Threshold | null {
  if (!(rate > 0 && rate < 1)) throw new ConfigError(`the rate of false ones is ${rate}; it must lie between 0 and 1`);
  const bin = observed.findLastIndex((seen, at) => seen >= 1 && expected[at] <= rate * seen);
  if (bin < 0) return null;
  return { similarity: 1 - binStart(bin + 1), observed: observed[bin], expected: expected[bin] };
}

/** A similarity that somebody chose, with what the model has to say of it. */
export function thresholdAt(model: PairModel | null, similarity: number): Threshold {
  const bin = binOf(similarity);
  return { similarity, observed: model?.observed[bin] ?? null, expected: model?.expected[bin] ?? null };
}
