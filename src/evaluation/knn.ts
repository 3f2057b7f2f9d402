import * as kernels from "../../kernels/generated.js";
import type { Device } from "../engine/device.js";
import { compileEach, Tape } from "../engine/tape.js";
import { ConfigError } from "../errors.js";
import { checkTemperature } from "../losses/nt-xent.js";
import { matmul } from "../ops/matmul.js";
import { normalizeRows } from "../ops/normalize-rows.js";
import { topK } from "../ops/rows.js";
import type { Features } from "./embed.js";
import { checkLabelled } from "./linear-probe.js";

/** Settings of the kNN classifier. */
export interface KnnOptions {
  /** Neighbours that vote, 200 by default; at most as many as there are candidates. */
  readonly k?: number;
  /** Votes count exp(similarity / temperature); 0.1 by default. */
  readonly temperature?: number;
}

/** Neighbours of queries and the classes they vote for. */
export interface KnnResult {
  /** Candidates used. */
  readonly k: number;
  /** `[queries, k]`: numbers of the nearest candidates, in ascending order of their number. */
  readonly neighbours: Uint32Array<ArrayBuffer>;
  /** `[queries, k]`: their cosine similarities. */
  readonly similarities: Float32Array<ArrayBuffer>;
  /** `[queries]`: predicted classes; empty where the candidates have no labels. */
  readonly predictions: Uint32Array<ArrayBuffer>;
}

/** Queries that are compared in one go. */
const CHUNK = 256;

/** The size of a search. */
export interface SearchSize {
  readonly candidates: number;
  readonly queries: number;
  readonly dimension: number;
  readonly classes: number;
}

/** Records the search of neighbours, a chunk of queries at a time. */
export function recordSearch(
  device: Device,
  { candidates, queries, dimension, classes }: SearchSize,
  { k = 200, temperature = 0.1 }: KnnOptions = {},
) {
  const used = Math.min(k, candidates);
  const bank = device.tensor([candidates, dimension], undefined, "candidates");
  const labels = device.indices([candidates], "labels");
  const preparing = new Tape(device);
  const normalized = normalizeRows(preparing, bank);

  const chunk = Math.min(CHUNK, queries);
  const rows = device.tensor([chunk, dimension], undefined, "queries");
  const searching = new Tape(device);
  const similarities = matmul(searching, normalizeRows(searching, rows), normalized, { transposeB: true });
  const nearest = topK(searching, similarities, used);
  const predictions = searching.tensor([chunk], "predictions", "u32");
  searching.launch(
    kernels.knnVote,
    { neighbours: nearest.indices, similarities: nearest.values, labels, predictions },
    { queries: chunk, candidates, k: used, classes: Math.max(classes, 1), inverse_temperature: 1 / temperature },
  );
  return {
    used,
    chunk,
    bank,
    labels,
    rows,
    nearest,
    predictions,
    /** In this order, each with what it keeps. */
    tapes: [
      { tape: preparing, keep: [normalized] },
      { tape: searching, keep: [nearest.indices, nearest.values, predictions] },
    ],
  };
}

/**
 * Weighted kNN by cosine similarity (Wu et al. 2018, section 3.4), on the GPU: `queries` against `candidates`, which have
 * `labels` below `classes` or null.
 * @throws ConfigError for a temperature that is not above 0, representations of different dimensions, or labels that do not fit.
 */
export async function knn(
  device: Device,
  candidates: Features,
  labels: Uint32Array | null,
  classes: number,
  queries: Features,
  options: KnnOptions = {},
): Promise<KnnResult> {
  checkTemperature(options.temperature ?? 0.1);
  const { dimension } = candidates;
  if (dimension !== queries.dimension) {
    throw new ConfigError(`candidates have ${dimension} dimensions and queries ${queries.dimension}`);
  }
  if (labels) checkLabelled({ features: candidates, labels }, classes, "candidate");
  const size = { candidates: candidates.rows, queries: queries.rows, dimension, classes };
  const recorded = recordSearch(device, size, options);
  const { used, chunk, bank, rows, nearest, predictions } = recorded;
  device.write(bank, candidates.values);
  if (labels) device.write(recorded.labels, new Uint32Array(labels));
  const [prepare, search] = await compileEach(recorded.tapes);
  prepare.run();

  const result = {
    k: used,
    neighbours: new Uint32Array(queries.rows * used),
    similarities: new Float32Array(queries.rows * used),
    predictions: new Uint32Array(labels ? queries.rows : 0),
  };
  const padded = new Float32Array(chunk * dimension);
  for (let start = 0; start < queries.rows; start += chunk) {
    const count = Math.min(chunk, queries.rows - start);
    padded.set(queries.values.subarray(start * dimension, (start + count) * dimension));
    device.write(rows, padded);
    search.run();
    result.neighbours.set((await device.readIndices(nearest.indices)).subarray(0, count * used), start * used);
    result.similarities.set((await device.read(nearest.values)).subarray(0, count * used), start * used);
    if (labels) result.predictions.set((await device.readIndices(predictions)).subarray(0, count), start);
  }
  search.dispose();
  prepare.dispose();
  for (const tensor of [bank, recorded.labels, rows]) device.free(tensor);
  return result;
}

/** Share of predictions that equal the labels. */
export function accuracy(predictions: Uint32Array, labels: Uint32Array): number {
  return predictions.reduce((right, prediction, i) => right + (prediction === labels[i] ? 1 : 0), 0) / labels.length;
}
