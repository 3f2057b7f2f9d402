import * as kernels from "../../kernels/generated.js";
import { nearestRows } from "../ops/nearest-rows.js";
import { topK } from "../ops/rows.js";
import { type Check, checkOf, evaluate, exactly, type Subject } from "./check.js";
import { randomInputs } from "./random-inputs.js";
import { expRoundings, relativeError } from "./rounding.js";

interface TopKInputs {
  readonly cols: number;
  readonly k: number;
  readonly x: Float64Array;
}

const topKSubject: Subject<TopKInputs> = {
  compute: (device, { cols, k, x }) =>
    evaluate(device, (tape, input) => ({ ...topK(tape, input(x, [x.length / cols, cols]), k) })),
  reference({ cols, k, x }) {
    const indices: number[] = [];
    for (let start = 0; start < x.length; start += cols) {
      const row = x.subarray(start, start + cols);
      const columns = Array.from(row.keys()).sort((i, j) => row[j] - row[i] || i - j);
      indices.push(...columns.slice(0, k).sort((i, j) => i - j));
    }
    const values = indices.map((column, i) => x[Math.floor(i / k) * cols + column]);
    return { indices: Float64Array.from(indices), values: Float64Array.from(values) };
  },
  tolerance: ({ cols, k, x }) => {
    const picked = exactly({ length: (x.length / cols) * k });
    return { indices: picked, values: picked };
  },
};

interface NearestInputs {
  readonly dimension: number;
  /** Whole numbers, so that products are exact and ties are ties. */
  readonly queries: Float64Array;
  readonly keys: Float64Array;
  readonly tile?: { readonly rows: number; readonly columns: number };
}

const nearestRowsSubject: Subject<NearestInputs> = {
  compute: (device, { dimension, queries, keys, tile }) =>
    evaluate(device, (tape, input) => {
      const rowsOf = (z: Float64Array) => input(z, [z.length / dimension, dimension]);
      return { ...nearestRows(tape, rowsOf(queries), rowsOf(keys), tile) };
    }),
  reference({ dimension, queries, keys }) {
    const found = Array.from({ length: queries.length / dimension }, (_, row) => {
      const product = (key: number) =>
        keys
          .subarray(key * dimension, (key + 1) * dimension)
          .reduce((sum, value, d) => sum + value * queries[row * dimension + d], 0);
      const products = Array.from({ length: keys.length / dimension }, (_, key) => product(key));
      const largest = Math.max(...products);
      return { index: products.indexOf(largest), largest };
    });
    return {
      indices: Float64Array.from(found, ({ index }) => index),
      values: Float64Array.from(found, ({ largest }) => largest),
    };
  },
  tolerance({ dimension, queries }) {
    const exact = exactly({ length: queries.length / dimension });
    return { indices: exact, values: exact };
  },
};

interface VoteInputs {
  readonly k: number;
  readonly classes: number;
  readonly temperature: number;
  readonly neighbours: Uint32Array<ArrayBuffer>;
  readonly similarities: Float64Array;
  readonly labels: Uint32Array<ArrayBuffer>;
}

/** Votes for each class of a query, as shares of those of its nearest neighbour. */
function votesOf({ k, classes, temperature, neighbours, similarities, labels }: VoteInputs, query: number): number[] {
  const votes = new Array<number>(classes).fill(0);
  const own = similarities.subarray(query * k, (query + 1) * k);
  const nearest = own.reduce((a, b) => Math.max(a, b));
  own.forEach((similarity, i) => {
    votes[labels[neighbours[query * k + i]]] += Math.exp((similarity - nearest) / temperature);
  });
  return votes;
}

/** Output: by what share the predicted class has fewer votes than the best one. */
const voteSubject: Subject<VoteInputs> = {
  async compute(device, inputs) {
    const { k, classes, temperature, neighbours, similarities, labels } = inputs;
    const queries = neighbours.length / k;
    const { predictions } = await evaluate(device, (tape, input) => {
      const result = tape.tensor([queries], "predictions", "u32");
      tape.launch(
        kernels.knnVote,
        {
          neighbours: input(neighbours, [queries, k]),
          similarities: input(similarities, [queries, k]),
          labels: input(labels, [labels.length]),
          predictions: result,
        },
        { queries, candidates: labels.length, k, classes, inverse_temperature: 1 / temperature },
      );
      return { predictions: result };
    });
    const missed = predictions.map((prediction, query) => {
      const votes = votesOf(inputs, query);
      const most = Math.max(...votes);
      return prediction < classes ? (most - votes[prediction]) / most : 1;
    });
    return { missed };
  },
  reference: ({ k, neighbours }) => ({ missed: new Float64Array(neighbours.length / k) }),
  // Two sums of k votes are compared; a vote is the exponential of an argument that is rounded three times.
  tolerance: ({ k, temperature, neighbours, similarities }) => {
    const queries = neighbours.length / k;
    const missed = Float64Array.from({ length: queries }, (_, query) => {
      const own = similarities.subarray(query * k, (query + 1) * k);
      const spread = (Math.max(...own) - Math.min(...own)) / temperature;
      return 2 * relativeError(k + expRoundings(spread) + 3 * spread);
    });
    return { missed };
  },
};

function checkTopK(rows: number, cols: number, k: number, distinct = 0): Check {
  const ties = distinct > 0 ? `, only ${distinct} values` : "";
  return checkOf(["topK"], `the ${k} largest of ${cols}, ${rows} rows${ties}`, topKSubject, () => {
    const random = randomInputs(10);
    const x =
      distinct > 0
        ? Float64Array.from(random.below(rows * cols, distinct), (level) => level - 1)
        : random.normal(rows * cols);
    return { cols, k, x };
  });
}

function checkNearest(queries: number, keys: number, tile?: NearestInputs["tile"]): Check {
  const tileText = tile ? `, ${tile.rows} by ${tile.columns} at a time` : "";
  const used = ["slice", "transpose", "nearestColumns"] as const;
  return checkOf(used, `the nearest of ${keys} to ${queries} rows${tileText}`, nearestRowsSubject, () => {
    const random = randomInputs(12);
    const whole = (rows: number) => Float64Array.from(random.below(rows * 5, 5), (level) => level - 2);
    return { dimension: 5, queries: whole(queries), keys: whole(keys), tile };
  });
}

function checkVote(temperature: number, low: number, high: number): Check {
  const text = `7 queries, 17 neighbours of similarity ${low} to ${high}, 5 classes, temperature ${temperature}`;
  return checkOf(["knnVote"], text, voteSubject, () => {
    const random = randomInputs(11);
    return {
      k: 17,
      classes: 5,
      temperature,
      neighbours: random.below(7 * 17, 37),
      similarities: random.uniform(7 * 17, low, high),
      labels: random.below(37, 5),
    };
  });
}

/** Checks of the nearest neighbours' kernels: ties, all columns, one column, more columns than threads. */
export const nearestChecks: readonly Check[] = [
  checkTopK(5, 331, 17),
  checkTopK(7, 131, 37, 3),
  checkTopK(3, 13, 13),
  checkTopK(2, 1, 1),
  checkTopK(3, 67, 1, 5),
  checkNearest(13, 331),
  checkNearest(11, 67, { rows: 4, columns: 9 }),
  checkVote(0.1, -0.2, 1),
  // Votes so small that f32 has no number for them, unless they are taken relative to the largest.
  checkVote(0.001, -1, 0.5),
];
