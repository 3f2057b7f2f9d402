import { ShapeError } from "../errors.js";

const NEIGHBOURS = 15;
/** Of the 500 that UMAP takes by default for small sets; the map looks settled, and half the time is saved. */
const EPOCHS = 300;

/** A point of the map and the row of the features that it stands for. */
export interface MapPoint {
  readonly x: number;
  readonly y: number;
  readonly row: number;
}

/**
 * Lays embeddings out in two dimensions with UMAP (McInnes et al. 2018) on the exact nearest neighbours by cosine
 * distance. The same features always give the same map on the same JavaScript engine.
 * @param features row-major, rows of `dimension`
 * @param maxPoints of more rows than this, as many are taken, evenly spaced
 * @returns one point a row taken; none where there are too few rows to speak of neighbours (fewer than 4)
 * @throws ShapeError where the features are no whole number of rows.
 */
export async function embeddingMap(
  features: Float32Array,
  dimension: number,
  maxPoints: number,
): Promise<readonly MapPoint[]> {
  const total = features.length / dimension;
  if (!Number.isInteger(total)) {
    throw new ShapeError(`${features.length} features are no whole number of rows of dimension ${dimension}.`);
  }
  const count = Math.min(total, maxPoints);
  if (count < 4) return [];
  const taken = Array.from({ length: count }, (_, point) => Math.floor((point * total) / count));
  const rows = taken.map((row) => unitVector(features.subarray(row * dimension, (row + 1) * dimension)));
  const nNeighbors = Math.min(NEIGHBOURS, count - 1);
  const { indices, distances } = cosineNeighbours(rows, nNeighbors);

  const { UMAP } = await import("../vendor/umap-js.js");
  const umap = new UMAP({ nNeighbors, minDist: 0.15, nEpochs: EPOCHS, random: xorshift32(1) });
  umap.setPrecomputedKNN(indices, distances);
  // With its neighbours given, UMAP needs of the data only how many points there are.
  const layout = umap.fit(rows.map((_, point) => [point]));
  return taken.map((row, point) => {
    const [x = 0, y = 0] = layout[point] ?? [];
    return { x, y, row };
  });
}

/** The `count` nearest rows of each row and their cosine distances, itself first, as UMAP counts it among them. */
function cosineNeighbours(
  rows: readonly Float64Array[],
  count: number,
): { indices: number[][]; distances: number[][] } {
  const indices: number[][] = [];
  const distances: number[][] = [];
  for (const [self, row] of rows.entries()) {
    const toOthers = rows.map((other, index) => ({ index, distance: Math.max(0, 1 - dot(row, other)) }));
    toOthers.splice(self, 1);
    toOthers.sort((a, b) => a.distance - b.distance || a.index - b.index);
    const nearest = [{ index: self, distance: 0 }, ...toOthers.slice(0, count - 1)];
    indices.push(nearest.map(({ index }) => index));
    distances.push(nearest.map(({ distance }) => distance));
  }
  return { indices, distances };
}

function unitVector(values: Float32Array): Float64Array {
  const vector = Float64Array.from(values);
  const norm = Math.sqrt(dot(vector, vector));
  return norm === 0 ? vector : vector.map((value) => value / norm);
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] ?? 0) * (b[i] ?? 0);
  return sum;
}

/** Uniform numbers in [0, 1) from Marsaglia's xorshift (2003) with the shifts 13, 17, 5; the seed is not 0. */
function xorshift32(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
