import type { Device } from "../engine/device.js";
import { Tape } from "../engine/tape.js";
import { Tensor } from "../engine/tensor.js";
import { withPrograms } from "../engine/with-programs.js";
import { ConfigError } from "../errors.js";
import { type Embeddings, type Features, shapeOf } from "../evaluation/embed.js";
import { matmul } from "../ops/matmul.js";
import { normalizeRows } from "../ops/normalize-rows.js";
import { topK } from "../ops/rows.js";

/** The nearest neighbours of each of some embeddings among the others. */
export interface NeighbourGraph {
  /** Embeddings. */
  readonly rows: number;
  /** Neighbours of each: as many as were asked for, or all others. */
  readonly k: number;
  /** Rows of the neighbours [rows, k], the most similar first; of equally similar ones the lower number. */
  readonly indices: Uint32Array<ArrayBuffer>;
  /** Their cosine similarities [rows, k]. */
  readonly similarities: Float32Array<ArrayBuffer>;
}

/** How neighbours are looked for. */
export interface NeighbourOptions {
  /** 15 by default. */
  readonly k?: number;
  /** Embeddings that others are compared with at once; as many as one buffer holds, and 65,536 at most, by default. */
  readonly panel?: number;
  /** Called after each part, with the share of the work that is done. */
  readonly onProgress?: (share: number) => void;
  /** Ends the search; its reason is thrown. */
  readonly signal?: AbortSignal;
}

/** Embeddings that look for their neighbours at once. */
const CHUNK = 256;
/** Of these, as many similarities as fit the smallest buffers that WebGPU guarantees. */
const PANEL = 65_536;

/** Embeddings in host memory. */
export async function onHost(device: Device, embeddings: Embeddings): Promise<Features> {
  const [rows, dimension] = shapeOf(embeddings);
  return embeddings instanceof Tensor ? { values: await device.read(embeddings), rows, dimension } : embeddings;
}

function record(device: Device, width: number, dimension: number, chunk: number, k: number) {
  const bank = device.tensor([width, dimension], undefined, "embeddings");
  const preparing = new Tape(device);
  const normalized = normalizeRows(preparing, bank);
  const rows = device.tensor([chunk, dimension], undefined, "embeddings that look for neighbours");
  const tape = new Tape(device);
  const similarities = matmul(tape, normalizeRows(tape, rows), normalized, { transposeB: true });
  const nearest = topK(tape, similarities, k);
  return {
    ...{ bank, rows, nearest },
    tapes: [
      { tape: preparing, keep: [normalized] },
      { tape, keep: [nearest.indices, nearest.values] },
    ],
  };
}

/** The best neighbours of all rows so far. */
class Found {
  readonly indices: Uint32Array<ArrayBuffer>;
  readonly similarities: Float32Array<ArrayBuffer>;
  readonly #filled: Uint32Array;

  constructor(
    rows: number,
    readonly k: number,
  ) {
    this.indices = new Uint32Array(rows * k);
    this.similarities = new Float32Array(rows * k);
    this.#filled = new Uint32Array(rows);
  }

  /** Takes in more neighbours of a row, of which it is none itself. */
  add(row: number, more: readonly { readonly index: number; readonly similarity: number }[]): void {
    const start = row * this.k;
    const there = Array.from({ length: this.#filled[row] }, (_, i) => ({
      index: this.indices[start + i],
      similarity: this.similarities[start + i],
    }));
    const best = [...there, ...more.filter(({ index }) => index !== row)]
      .sort((a, b) => b.similarity - a.similarity || a.index - b.index)
      .slice(0, this.k);
    best.forEach(({ index, similarity }, i) => {
      this.indices[start + i] = index;
      this.similarities[start + i] = similarity;
    });
    this.#filled[row] = best.length;
  }
}

async function search(
  device: Device,
  embeddings: Embeddings,
  { k = 15, panel, onProgress, signal }: NeighbourOptions,
): Promise<Found> {
  if (!Number.isInteger(k) || k < 1) throw new ConfigError(`k is ${k}; it must be a whole number from 1 up`);
  const { values, rows, dimension } = await onHost(device, embeddings);
  const found = new Found(rows, Math.min(k, rows - 1));
  if (found.k === 0) return found;
  const room = Math.floor(device.gpu.limits.maxStorageBufferBindingSize / (4 * dimension));
  const width = Math.max(1, Math.min(panel ?? PANEL, rows, room));
  const chunk = Math.min(CHUNK, rows);
  const padded = new Float32Array(chunk * dimension);
  for (let from = 0; from < rows; from += width) {
    const here = Math.min(width, rows - from);
    // One more than are wanted: itself may be among them.
    const most = Math.min(found.k + 1, here);
    const recording = () => record(device, here, dimension, chunk, most);
    await withPrograms(device, "embeddings and their neighbours", recording, async (recorded, [prepare, compare]) => {
      const { bank, rows: queries, nearest } = recorded;
      device.write(bank, values.slice(from * dimension, (from + here) * dimension));
      prepare.run();
      for (let start = 0; start < rows; start += chunk) {
        signal?.throwIfAborted();
        const count = Math.min(chunk, rows - start);
        padded.set(values.subarray(start * dimension, (start + count) * dimension));
        device.write(queries, padded);
        compare.run();
        const [indices, similarities] = [await device.readIndices(nearest.indices), await device.read(nearest.values)];
        for (let i = 0; i < count; i++) {
          const more = Array.from({ length: most }, (_, j) => ({
            index: from + indices[i * most + j],
            similarity: similarities[i * most + j],
          }));
          found.add(start + i, more);
        }
        onProgress?.((from + (here * (start + count)) / rows) / rows);
      }
    });
  }
  return found;
}

/**
 * The nearest neighbours of each embedding among all others, by cosine similarity, exactly: all are compared with all on the GPU, some
 * rows with some columns at a time, and of their similarities only the largest stay. Rows need not be normalised.
 * @param embeddings [rows, dimension]
 * @throws ConfigError for a k that is no whole number from 1 up; ShapeError for another number of values than rows and dimension say.
 */
export async function neighbourGraph(
  device: Device,
  embeddings: Embeddings,
  options: NeighbourOptions = {},
): Promise<NeighbourGraph> {
  const [rows] = shapeOf(embeddings);
  const { k, indices, similarities } = await search(device, embeddings, options);
  return { rows, k, indices, similarities };
}
