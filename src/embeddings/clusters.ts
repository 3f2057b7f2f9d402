import type { Device } from "../engine/device.js";
import { Tape } from "../engine/tape.js";
import { withPrograms } from "../engine/with-programs.js";
import { ConfigError } from "../errors.js";
import { type Embeddings, type Features, shapeOf } from "../evaluation/embed.js";
import { nearestRows } from "../ops/nearest-rows.js";
import { normalizeRows } from "../ops/normalize-rows.js";
import { scatterAddRows } from "../ops/rows.js";
import { sfc32 } from "../random.js";
import { onHost } from "./neighbour-graph.js";

/** How clusters are looked for. */
export interface ClusterOptions {
  /** Of the first centres; 1 by default. */
  readonly seed?: number;
  /** Beginnings, of which the best end counts; 3 by default. */
  readonly restarts?: number;
  /** 100 by default. */
  readonly maxIterations?: number;
  /** Ends the search; its reason is thrown. */
  readonly signal?: AbortSignal;
}

/** Embeddings in groups, the largest first. */
export interface Clusters {
  /** Groups; none of them is empty. */
  readonly k: number;
  /** Group of each embedding. */
  readonly assignments: Uint32Array<ArrayBuffer>;
  /** Cosine similarity of each embedding to the centre of its group. */
  readonly similarities: Float32Array<ArrayBuffer>;
  /** [k, dimension], of length 1. */
  readonly centres: Float32Array<ArrayBuffer>;
  /** Mean of `similarities`: what is made as large as it can be. */
  readonly objective: number;
  /** Whether no embedding changed its group any more. */
  readonly converged: boolean;
}

/** Embeddings that the first centres are drawn from. */
const SAMPLE = 4096;

/** Rows of length 1, of some rows. */
function unitRows({ values, dimension }: Features, rows: readonly number[]): Float64Array[] {
  return rows.map((row) => {
    const own = Float64Array.from(values.subarray(row * dimension, (row + 1) * dimension));
    const norm = Math.sqrt(own.reduce((sum, value) => sum + value * value, 0));
    return norm > 0 ? own.map((value) => value / norm) : own;
  });
}

/**
 * The first centres: k-means++ (Arthur and Vassilvitskii 2007) on up to 4,096 embeddings, evenly spaced, each next one drawn with a chance
 * in proportion to its cosine distance from the nearest centre, which is half the squared distance on the sphere.
 */
function firstCentres(features: Features, k: number, random: () => number): Float32Array<ArrayBuffer> {
  const count = Math.min(features.rows, Math.max(SAMPLE, 4 * k));
  const sample = unitRows(
    features,
    Array.from({ length: count }, (_, i) => Math.floor((i * features.rows) / count)),
  );
  const centres = new Float32Array(k * features.dimension);
  const distances = new Float64Array(count).fill(Number.POSITIVE_INFINITY);
  let chosen = Math.floor((random() / 2 ** 32) * count);
  for (let c = 0; c < k; c++) {
    const centre = sample[chosen];
    centres.set(centre, c * features.dimension);
    let sum = 0;
    sample.forEach((row, i) => {
      const product = row.reduce((total, value, d) => total + value * centre[d], 0);
      distances[i] = Math.min(distances[i], Math.max(0, 1 - product));
      sum += distances[i];
    });
    let rest = (random() / 2 ** 32) * sum;
    chosen = distances.findIndex((distance) => {
      rest -= distance;
      return rest < 0;
    });
    // Where all are on centres already, any will do.
    if (chosen < 0) chosen = (c + 1) % count;
  }
  return centres;
}

function recordStep(device: Device, rows: number, dimension: number, k: number) {
  const bank = device.tensor([rows, dimension], undefined, "embeddings");
  const preparing = new Tape(device);
  const normalized = normalizeRows(preparing, bank);
  const centres = device.tensor([k, dimension], undefined, "centres");
  const tape = new Tape(device);
  const { indices, values } = nearestRows(tape, normalized, centres);
  const next = normalizeRows(tape, scatterAddRows(tape, normalized, indices, k));
  return {
    ...{ bank, centres, indices, values, next },
    tapes: [
      { tape: preparing, keep: [normalized] },
      { tape, keep: [indices, values, next] },
    ],
  };
}

/** A clustering before its groups have their order. */
interface Ending {
  readonly assignments: Uint32Array<ArrayBuffer>;
  readonly similarities: Float32Array<ArrayBuffer>;
  readonly centres: Float32Array<ArrayBuffer>;
  readonly objective: number;
  readonly converged: boolean;
}

/**
 * Spherical k-means (Dhillon and Modha 2001) on the GPU: groups whose members are as similar to the mean direction of their group as can
 * be. A group that loses all its members begins anew with the embedding that is least similar to its own centre. The same embeddings and
 * seed give the same groups on the same adapter.
 * @param embeddings [rows, dimension]; rows need not be normalised
 * @throws ConfigError for a k that is no whole number from 1 to the number of embeddings, and for options out of their ranges
 */
export async function cluster(
  device: Device,
  embeddings: Embeddings,
  k: number,
  { seed = 1, restarts = 3, maxIterations = 100, signal }: ClusterOptions = {},
): Promise<Clusters> {
  const [rows, dimension] = shapeOf(embeddings);
  if (!Number.isInteger(k) || k < 1 || k > rows)
    throw new ConfigError(`k is ${k}; it must be a whole number from 1 to the ${rows} embeddings`);
  if (!Number.isInteger(restarts) || restarts < 1)
    throw new ConfigError(`restarts are ${restarts}; it must be a whole number from 1 up`);
  const features = await onHost(device, embeddings);
  const record = () => recordStep(device, rows, dimension, k);
  return withPrograms(device, "embeddings and centres", record, async (recorded, [prepare, step]) => {
    device.write(recorded.bank, features.values);
    prepare.run();
    let best: Ending | null = null;
    for (let restart = 0; restart < restarts; restart++) {
      let centres = firstCentres(features, k, sfc32(seed, restart, k));
      let before: Uint32Array | null = null;
      for (let iteration = 0; ; iteration++) {
        signal?.throwIfAborted();
        device.write(recorded.centres, centres);
        step.run();
        const [assignments, similarities] = [
          await device.readIndices(recorded.indices),
          await device.read(recorded.values),
        ];
        const converged = before?.every((group, row) => group === assignments[row]) ?? false;
        if (converged || iteration === maxIterations) {
          const objective = similarities.reduce((sum, value) => sum + value, 0) / rows;
          if (best === null || objective > best.objective)
            best = { assignments, similarities, centres, objective, converged };
          break;
        }
        centres = await device.read(recorded.next);
        reseed(features, assignments, similarities, centres, k);
        before = assignments;
      }
    }
    return inOrder(best, k, dimension);
  });
}

/** Gives groups without members the embeddings that are least similar to their own centres, one each. */
function reseed(
  features: Features,
  assignments: Uint32Array,
  similarities: Float32Array,
  centres: Float32Array,
  k: number,
): void {
  const sizes = sizesOf(assignments, k);
  const empty = [...sizes.keys()].filter((group) => sizes[group] === 0);
  if (empty.length === 0) return;
  const far = [...similarities.keys()].sort((a, b) => similarities[a] - similarities[b] || a - b);
  unitRows(features, far.slice(0, empty.length)).forEach((row, i) => {
    centres.set(row, empty[i] * features.dimension);
  });
}

/** Members of each group. */
export function sizesOf(assignments: Uint32Array, k: number): Uint32Array<ArrayBuffer> {
  const sizes = new Uint32Array(k);
  for (const group of assignments) sizes[group] += 1;
  return sizes;
}

/** The largest group first, of equally large ones that with the first member; empty ones, as of equal embeddings, are left out. */
function inOrder(found: Ending | null, k: number, dimension: number): Clusters {
  if (found === null) throw new ConfigError("there are no embeddings to cluster");
  const { assignments, centres } = found;
  const sizes = sizesOf(assignments, k);
  const order = [...new Set(assignments)].sort((a, b) => sizes[b] - sizes[a]);
  const place = new Map(order.map((group, i) => [group, i]));
  const sorted = new Float32Array(order.length * dimension);
  order.forEach((group, i) => {
    sorted.set(centres.subarray(group * dimension, (group + 1) * dimension), i * dimension);
  });
  return {
    ...found,
    k: order.length,
    assignments: assignments.map((group) => place.get(group) ?? 0),
    centres: sorted,
  };
}

/** A clustering whose k was chosen. */
export interface ChosenClusters extends Clusters {
  /** Every k that was tried, in ascending order, with the mean cosine distance of embeddings from their centres. */
  readonly tried: readonly KAndDistance[];
}

/** What a number of groups comes to. */
export interface KAndDistance {
  /** How many groups. */
  readonly k: number;
  /** Mean distance, 1 - similarity, of an embedding to its group's mean. */
  readonly distance: number;
}

/**
 * Where a curve that falls has its knee (Satopaa et al. 2011): the place of the point that lies deepest below the line from the first
 * to the last one, over the logarithm of k; of two points or fewer, the first.
 */
export function kneeOf(curve: readonly KAndDistance[]): number {
  const [first, last] = [curve[0], curve[curve.length - 1]];
  const width = Math.log(last.k / first.k);
  const depths = curve.map(({ k, distance }) => {
    const share = width > 0 ? Math.log(k / first.k) / width : 0;
    return first.distance + share * (last.distance - first.distance) - distance;
  });
  // Differences of rounding are none.
  return depths.reduce((best, depth, i) => (depth > depths[best] + 1e-9 ? i : best), 0);
}

/** Numbers of groups that are tried, each about 1.4 times the one before: 2, 3, 4, 6, 8, 11, ..., 128, and at most an eighth of the rows; of one row, 1. */
export function numbersOfClusters(rows: number): number[] {
  if (rows === 1) return [1];
  const all = Array.from({ length: 13 }, (_, i) => Math.round(2 ** (1 + i / 2)));
  return all.filter((k) => k <= Math.max(Math.min(2, rows), rows / 8));
}

/**
 * `cluster` with the k, of those tried, beyond which more groups bring little: the knee of the mean distance from the centres, see `kneeOf`.
 * @param ks to try; `numbersOfClusters` by default
 * @throws ConfigError as `cluster` does, and where there are no ks
 */
export async function clusterByRule(
  device: Device,
  embeddings: Embeddings,
  options: ClusterOptions = {},
  ks: readonly number[] = numbersOfClusters(shapeOf(embeddings)[0]),
): Promise<ChosenClusters> {
  if (ks.length === 0) throw new ConfigError("there is no k to try: give at least one");
  const features = await onHost(device, embeddings);
  const found: Clusters[] = [];
  const sorted = ks.toSorted((a, b) => a - b);
  for (const k of sorted) found.push(await cluster(device, features, k, options));
  const tried = found.map(({ objective }, i) => ({ k: sorted[i], distance: 1 - objective }));
  return { ...found[kneeOf(tried)], tried };
}
