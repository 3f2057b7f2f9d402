import * as kernels from "../../kernels/generated.js";
import type { Device } from "../engine/device.js";
import { Tape } from "../engine/tape.js";
import { Tensor } from "../engine/tensor.js";
import { withPrograms } from "../engine/with-programs.js";
import { ConfigError } from "../errors.js";
import { checkTemperature } from "../losses/nt-xent.js";
import { matmul } from "../ops/matmul.js";
import { normalizeRows } from "../ops/normalize-rows.js";
import { topK } from "../ops/rows.js";
import { type Embeddings, shapeOf } from "./embed.js";
import { checkLabelled } from "./linear-probe.js";

/** Settings of the kNN classifier. */
export interface KnnOptions {
  /** Neighbours that vote, 200 by default; at most as many as there are candidates. */
  readonly k?: number;
  /** Votes count exp(similarity / temperature); 0.1 by default. */
  readonly temperature?: number;
  /** Ends the search; its reason is thrown. */
  readonly signal?: AbortSignal;
}

/** Neighbours of queries and the classes they vote for. */
export interface KnnResult {
  /** Candidates used. */
  readonly k: number;
  /** Numbers of the nearest candidates [queries, k], the most similar first; of equally similar ones the lower number. */
  readonly neighbours: Uint32Array<ArrayBuffer>;
  /** Their cosine similarities [queries, k]. */
  readonly similarities: Float32Array<ArrayBuffer>;
  /** Predicted classes [queries]; empty where the candidates have no labels. */
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
 * @throws ConfigError for a temperature that is not above 0, a k that is no whole number from 1 up, representations of different
 * dimensions, or labels that do not fit; ShapeError for another number of values than rows and dimension say.
 */
export async function knn(
  device: Device,
  candidates: Embeddings,
  labels: Uint32Array | null,
  classes: number,
  queries: Embeddings,
  options: KnnOptions = {},
): Promise<KnnResult> {
  const { k = 200, temperature = 0.1, signal } = options;
  checkTemperature(temperature);
  if (!Number.isInteger(k) || k < 1) throw new ConfigError(`k is ${k}; it must be a whole number from 1 up`);
  const [[bankRows, dimension], [queryRows, queryDimension]] = [shapeOf(candidates), shapeOf(queries)];
  if (dimension !== queryDimension) {
    throw new ConfigError(`candidates have ${dimension} dimensions and queries ${queryDimension}`);
  }
  if (labels) checkLabelled({ features: { rows: bankRows }, labels }, classes, "candidate");
  const values = queries instanceof Tensor ? await device.read(queries) : queries.values;
  const size = { candidates: bankRows, queries: queryRows, dimension, classes };
  const record = () => recordSearch(device, size, { k, temperature });
  return withPrograms(device, "candidates and queries", record, async (recorded, [prepare, search]) => {
    const { used, chunk, bank, rows, nearest, predictions } = recorded;
    if (candidates instanceof Tensor) device.copy(candidates, bank);
    else device.write(bank, candidates.values);
    if (labels) device.write(recorded.labels, new Uint32Array(labels));
    prepare.run();

    const result = {
      k: used,
      neighbours: new Uint32Array(queryRows * used),
      similarities: new Float32Array(queryRows * used),
      predictions: new Uint32Array(labels ? queryRows : 0),
    };
    const padded = new Float32Array(chunk * dimension);
    for (let start = 0; start < queryRows && !signal?.aborted; start += chunk) {
      const count = Math.min(chunk, queryRows - start);
      padded.set(values.subarray(start * dimension, (start + count) * dimension));
      device.write(rows, padded);
      search.run();
      const [numbers, similarities] = [await device.readIndices(nearest.indices), await device.read(nearest.values)];
      for (let from = 0; from < count * used; from += used) {
        // They come by number, and sorting leaves equal ones as they are.
        const order = Array.from({ length: used }, (_, i) => from + i).sort(
          (a, b) => similarities[b] - similarities[a],
        );
        const to = start * used + from;
        result.neighbours.set(
          order.map((at) => numbers[at]),
          to,
        );
        result.similarities.set(
          order.map((at) => similarities[at]),
          to,
        );
      }
      if (labels) result.predictions.set((await device.readIndices(predictions)).subarray(0, count), start);
    }
    signal?.throwIfAborted();
    return result;
  });
}

/**
 * The classes that fewer of the neighbours vote for than were found, or with other weights: `knn` again without a search.
 * @param found by `knn`
 * @param labels of the candidates
 * @returns a class for each query; of equal votes the lower one
 */
export function voteOfNearest(
  { neighbours, similarities, k: found }: KnnResult,
  labels: Uint32Array,
  classes: number,
  { k, temperature }: { readonly k: number; readonly temperature: number },
): Uint32Array<ArrayBuffer> {
  const voters = Math.min(k, found);
  return Uint32Array.from({ length: neighbours.length / found }, (_, query) => {
    const from = query * found;
    const votes = new Float64Array(classes);
    // Less the largest, which changes no order and keeps the exponent small.
    for (let at = from; at < from + voters; at++)
      votes[labels[neighbours[at]]] += Math.exp((similarities[at] - similarities[from]) / temperature);
    return votes.reduce((most, vote, index) => (vote > votes[most] ? index : most), 0);
  });
}

/** What is most similar to queries, by `nearest`. */
export interface Neighbours {
  /** Found for each query: as many as were asked for, or all that there are. */
  readonly k: number;
  /** Row numbers of the embeddings [queries, k], the most similar first; of equally similar ones the lower number. */
  readonly indices: Uint32Array<ArrayBuffer>;
  /** Their cosine similarities [queries, k], from -1 to 1. */
  readonly similarities: Float32Array<ArrayBuffer>;
}

/**
 * The embeddings that are most similar to each query by cosine similarity, all of them compared on the GPU. They may come from
 * `Embedder.embed`, from a file that `decodeNpy` reads, or be on the device already; rows need not be normalised. A query that is
 * itself among the embeddings finds itself.
 * @param embeddings [rows, dimension]
 * @param queries [queries, dimension], or one query as its `dimension` numbers
 * @param k 10 by default; where there are fewer embeddings, all are found
 * @throws ConfigError for a k that is no whole number from 1 up, and for other dimensions; ShapeError for another number of values
 * than rows and dimension say.
 */
export async function nearest(
  device: Device,
  embeddings: Embeddings,
  queries: Embeddings | Float32Array,
  k = 10,
): Promise<Neighbours> {
  const given = queries instanceof Float32Array ? { values: queries, rows: 1, dimension: queries.length } : queries;
  const { neighbours: indices, similarities, k: found } = await knn(device, embeddings, null, 1, given, { k });
  return { k: found, indices, similarities };
}

/** Share of predictions that equal the labels. */
export function accuracy(predictions: Uint32Array, labels: Uint32Array): number {
  return predictions.reduce((right, prediction, i) => right + (prediction === labels[i] ? 1 : 0), 0) / labels.length;
}
