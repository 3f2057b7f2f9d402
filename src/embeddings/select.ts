import type { Device } from "../engine/device.js";
import { Tape } from "../engine/tape.js";
import { withPrograms } from "../engine/with-programs.js";
import { ConfigError } from "../errors.js";
import { type Embeddings, shapeOf } from "../evaluation/embed.js";
import { matmul } from "../ops/matmul.js";
import { normalizeRows } from "../ops/normalize-rows.js";
import { rowMaxima } from "../ops/reductions.js";
import { gatherRows, topK } from "../ops/rows.js";
import { concatenate } from "../ops/shape.js";
import { negate } from "../ops/unary.js";
import { cluster } from "./clusters.js";
import { type NeighbourGraph, neighbourGraph, onHost } from "./neighbour-graph.js";

/** An embedding that was chosen. */
export interface Selected {
  /** Which embedding. */
  readonly row: number;
  /** By what: see the function that chose it. */
  readonly score: number;
}

function checkCount(count: number): void {
  if (!Number.isInteger(count) || count < 1)
    throw new ConfigError(`the number to select is ${count}; it must be a whole number from 1 up`);
}

function recordFarthest(device: Device, rows: number, dimension: number) {
  const bank = device.tensor([rows, dimension], undefined, "embeddings");
  const preparing = new Tape(device);
  const normalized = normalizeRows(preparing, bank);
  const index = device.indices([1], "the row chosen last");
  const covered = device.tensor([rows], undefined, "similarity to the nearest chosen row");
  const tape = new Tape(device);
  const products = matmul(tape, normalized, gatherRows(tape, normalized, index), { transposeB: true });
  const next = rowMaxima(tape, concatenate(tape, [covered.view([rows, 1]), products], 1)).view([rows]);
  const farthest = topK(tape, negate(tape, next).view([1, rows]), 1);
  return {
    ...{ bank, index, covered, next, farthest },
    tapes: [
      { tape: preparing, keep: [normalized] },
      { tape, keep: [next, farthest.indices, farthest.values] },
    ],
  };
}

/** Cosine distances below this are roundings. */
const EQUAL = 1e-6;

/**
 * The most diverse embeddings: each next one is the farthest, by cosine distance, from all that were chosen before (Gonzalez 1985), so that
 * no embedding is farther from a chosen one than twice what any choice of as many could reach. The first one is the most typical, the
 * nearest to the mean direction. Compared on the GPU, all with the one chosen last.
 * @param count how many; fewer come where all others equal chosen ones
 * @returns in the order of the choice; the score is the cosine distance from those chosen before, and 2 for the first
 * @throws ConfigError for a count that is no whole number from 1 up
 */
export async function selectDiverse(device: Device, embeddings: Embeddings, count: number): Promise<Selected[]> {
  checkCount(count);
  const [rows, dimension] = shapeOf(embeddings);
  const { values } = await onHost(device, embeddings);
  const record = () => recordFarthest(device, rows, dimension);
  return withPrograms(device, "embeddings to choose from", record, async (recorded, [prepare, step]) => {
    device.write(recorded.bank, new Float32Array(values));
    prepare.run();
    device.write(recorded.covered, new Float32Array(rows).fill(-1));
    const selected: Selected[] = [{ row: mostTypical(values, rows, dimension), score: 2 }];
    while (selected.length < Math.min(count, rows)) {
      device.write(recorded.index, Uint32Array.of(selected[selected.length - 1].row));
      step.run();
      device.copy(recorded.next, recorded.covered);
      const [[row], [negative]] = [
        await device.readIndices(recorded.farthest.indices),
        await device.read(recorded.farthest.values),
      ];
      const score = 1 + negative;
      if (score <= EQUAL) break;
      selected.push({ row, score });
    }
    return selected;
  });
}

/** The row that is nearest to the mean direction of all. */
function mostTypical(values: Float32Array, rows: number, dimension: number): number {
  const mean = new Float64Array(dimension);
  const norms = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    const own = values.subarray(row * dimension, (row + 1) * dimension);
    norms[row] = Math.sqrt(own.reduce((sum, value) => sum + value * value, 0)) || 1;
    own.forEach((value, d) => {
      mean[d] += value / norms[row];
    });
  }
  let [best, most] = [0, Number.NEGATIVE_INFINITY];
  for (let row = 0; row < rows; row++) {
    let product = 0;
    for (let d = 0; d < dimension; d++) product += (values[row * dimension + d] * mean[d]) / norms[row];
    if (product > most) [best, most] = [row, product];
  }
  return best;
}

/** Mean cosine distance of each row from its nearest neighbours. */
function meanDistances({ rows, k, similarities }: NeighbourGraph): Float64Array {
  return Float64Array.from({ length: rows }, (_, row) => {
    const own = similarities.subarray(row * k, (row + 1) * k);
    return k === 0 ? 0 : own.reduce((sum, similarity) => sum + (1 - similarity), 0) / k;
  });
}

/**
 * The embeddings that are least like any others: the farthest, in the mean, from their 10 nearest neighbours.
 * @returns the farthest first; the score is that mean cosine distance
 * @throws ConfigError for a count that is no whole number from 1 up
 */
export async function selectOutliers(device: Device, embeddings: Embeddings, count: number): Promise<Selected[]> {
  checkCount(count);
  const distances = meanDistances(await neighbourGraph(device, embeddings, { k: 10 }));
  return [...distances.keys()]
    .sort((a, b) => distances[b] - distances[a] || a - b)
    .slice(0, count)
    .map((row) => ({ row, score: distances[row] }));
}

/**
 * What to label next, where few labels are to do (TypiClust, Hacohen et al. 2022): the embeddings are clustered into as many groups as there
 * will be labels; of the largest groups without a label, the most typical member each, that with the nearest 20 neighbours.
 * @param labelled rows that have labels already
 * @returns the largest group's first; the score is the mean cosine distance from the 20 neighbours
 * @throws ConfigError for a count that is no whole number from 1 up
 */
export async function selectToLabel(
  device: Device,
  embeddings: Embeddings,
  count: number,
  labelled: Iterable<number> = [],
): Promise<Selected[]> {
  checkCount(count);
  const [rows] = shapeOf(embeddings);
  const known = new Set(labelled);
  const features = await onHost(device, embeddings);
  const distances = meanDistances(await neighbourGraph(device, features, { k: 20 }));
  const { assignments, k } = await cluster(device, features, Math.min(rows, known.size + count));
  const members = Array.from({ length: k }, (): number[] => []);
  for (const [row, group] of assignments.entries()) members[group].push(row);
  return members
    .filter((group) => !group.some((row) => known.has(row)))
    .slice(0, count)
    .map((group) => {
      const row = group.reduce((best, other) => (distances[other] < distances[best] ? other : best));
      return { row, score: distances[row] };
    });
}
