import { ShapeError } from "../errors.js";
import { cosineSimilarityForward } from "./l2-normalize.js";

/** Sizes and settings of {@link knnClassify}. */
export interface KnnOptions {
  readonly dimension: number;
  readonly classes: number;
  /** Number of neighbours that vote. */
  readonly k: number;
  /** A neighbour of cosine s has exp(s / temperature) votes. */
  readonly temperature: number;
}

/** Result of {@link knnClassify}. */
export interface KnnResult {
  /** Indices into the bank, most similar first, of equal ones the lower index first, [queries, k]. */
  readonly neighbors: Uint32Array;
  /** Votes for each class, [queries, classes]. */
  readonly scores: Float64Array;
  /** Class of most votes, of equal ones the lowest, [queries]. */
  readonly predictions: Uint32Array;
}

/**
 * Weighted k-nearest-neighbour classification of queries[queries, dimension] by bank[labels.length, dimension] (Wu et
 * al. 2018); rows need not be normalised.
 * @throws ShapeError where k is larger than the bank.
 */
export function knnClassify(
  queries: Float64Array,
  bank: Float64Array,
  labels: Uint32Array,
  { dimension, classes, k, temperature }: KnnOptions,
): KnnResult {
  const rowsA = queries.length / dimension;
  const rowsB = labels.length;
  if (k > rowsB) throw new ShapeError(`k is ${k}, but the bank holds only ${rowsB} rows; choose a smaller k`);
  const similarity = cosineSimilarityForward(queries, bank, { rowsA, rowsB, columns: dimension });
  const neighbors = new Uint32Array(rowsA * k);
  const scores = new Float64Array(rowsA * classes);
  const predictions = new Uint32Array(rowsA);
  for (let query = 0; query < rowsA; query++) {
    const row = similarity.subarray(query * rowsB, (query + 1) * rowsB);
    const nearest = Array.from(row.keys())
      .sort((i, j) => row[j] - row[i] || i - j)
      .slice(0, k);
    neighbors.set(nearest, query * k);
    const votes = scores.subarray(query * classes, (query + 1) * classes);
    for (const i of nearest) votes[labels[i]] += Math.exp(row[i] / temperature);
    predictions[query] = votes.indexOf(votes.reduce((a, b) => Math.max(a, b)));
  }
  return { neighbors, scores, predictions };
}
