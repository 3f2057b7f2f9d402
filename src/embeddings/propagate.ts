import type { Device } from "../engine/device.js";
import { ConfigError } from "../errors.js";
import { type Embeddings, shapeOf } from "../evaluation/embed.js";
import { checkLabelled } from "../evaluation/linear-probe.js";
import { logisticRegression } from "../evaluation/logistic-regression.js";
import { rowsOf } from "./duplicates.js";
import { type NeighbourGraph, neighbourGraph, onHost } from "./neighbour-graph.js";

/** As a label: none. */
export const NO_LABEL: number = 2 ** 32 - 1;

/** How labels are passed on. */
export interface PropagateOptions {
  /**
   * "graph", the default: along the nearest neighbours; "regression": by a logistic regression on those that have labels.
   */
  readonly method?: "graph" | "regression";
  /** Neighbours of each embedding in the graph; 15 by default. */
  readonly k?: number;
  /** Share of its label that an embedding takes from its neighbours in each round; 0.9 by default. */
  readonly alpha?: number;
  /** Weight of the penalty of the regression; 1 by default, for few labels. */
  readonly l2?: number;
}

/** A label that what it is taken for contradicts. */
export interface Contradiction {
  /** Which embedding. */
  readonly row: number;
  /** The class that it is taken for. */
  readonly prediction: number;
}

/** What labels were passed on. */
export interface Propagation {
  /** Class of each embedding; its own where it has one, and `NO_LABEL` where no label reaches it. */
  readonly predictions: Uint32Array<ArrayBuffer>;
  /** Share of the likeliest class, as if shares were probabilities; 0 where no label reaches. */
  readonly confidences: Float32Array<ArrayBuffer>;
  /** How much more that is than the share of the next class: the smallest are to be checked first. */
  readonly margins: Float32Array<ArrayBuffer>;
  /**
   * Rows with labels of their own, perhaps mistakes: in the graph, those of which the labels of the others make another class; of a
   * regression, those that it does not get right although it saw them.
   */
  readonly contradicted: readonly Contradiction[];
}

/** Weighted edges of each row, symmetric: row r's are `starts[r]` to `starts[r + 1]`. */
interface Weights {
  readonly starts: Uint32Array;
  readonly columns: Uint32Array;
  readonly weights: Float64Array;
}

/**
 * Symmetric weights of neighbours, each distance x = 1 - s taken relative to that of both rows' own seventh neighbours (Zelnik-Manor and
 * Perona 2004): exp(-x / sqrt(x_i7 x_j7)); then divided by the roots of both rows' sums (Zhou et al. 2004).
 */
function weightsOf({ rows, k, indices, similarities }: NeighbourGraph): Weights {
  const scale = Float64Array.from({ length: rows }, (_, row) =>
    Math.max(1e-7, 1 - similarities[row * k + Math.min(6, k - 1)]),
  );
  const edges = Array.from({ length: rows }, () => new Map<number, number>());
  for (let row = 0; row < rows; row++) {
    for (let at = row * k; at < (row + 1) * k; at++) {
      const other = indices[at];
      const weight = Math.exp(-Math.max(0, 1 - similarities[at]) / Math.sqrt(scale[row] * scale[other]));
      edges[row].set(other, weight);
      edges[other].set(row, weight);
    }
  }
  const sums = edges.map((own) => [...own.values()].reduce((sum, weight) => sum + weight, 0));
  const starts = new Uint32Array(rows + 1);
  edges.forEach((own, row) => {
    starts[row + 1] = starts[row] + own.size;
  });
  const columns = new Uint32Array(starts[rows]);
  const weights = new Float64Array(starts[rows]);
  edges.forEach((own, row) => {
    let at = starts[row];
    for (const [other, weight] of own) {
      columns[at] = other;
      weights[at++] = weight / Math.sqrt(sums[row] * sums[other]);
    }
  });
  return { starts, columns, weights };
}

/** Rounds of passing on; what would change after so many with alpha 0.9 is less than 1e-6 of it. */
const ROUNDS = 1000;
const SETTLED = 1e-6;

/**
 * Label spreading (Zhou et al. 2004): F = alpha S F + (1 - alpha) Y, repeated until it settles. Each class has the same weight, however
 * many labels it has.
 * @returns F [rows, classes], and alpha S F, which leaves a row's own label out
 */
function spread(
  { starts, columns, weights }: Weights,
  labels: Uint32Array,
  classes: number,
  alpha: number,
): { readonly scores: Float64Array; readonly fromOthers: Float64Array } {
  const rows = labels.length;
  const counts = new Float64Array(classes);
  for (const label of labels) if (label !== NO_LABEL) counts[label] += 1;
  let scores = new Float64Array(rows * classes);
  let fromOthers = new Float64Array(rows * classes);
  for (let round = 0; round < ROUNDS; round++) {
    const next = new Float64Array(rows * classes);
    fromOthers = new Float64Array(rows * classes);
    let [change, most] = [0, 0];
    for (let row = 0; row < rows; row++) {
      const start = row * classes;
      for (let at = starts[row]; at < starts[row + 1]; at++) {
        const from = columns[at] * classes;
        for (let c = 0; c < classes; c++) fromOthers[start + c] += alpha * weights[at] * scores[from + c];
      }
      const label = labels[row];
      for (let c = 0; c < classes; c++) {
        const own = label === c ? (1 - alpha) / counts[c] : 0;
        next[start + c] = fromOthers[start + c] + own;
        change = Math.max(change, Math.abs(next[start + c] - scores[start + c]));
        most = Math.max(most, next[start + c]);
      }
    }
    scores = next;
    if (change <= SETTLED * most) break;
  }
  return { scores, fromOthers };
}

/** The largest of a row of scores, and the next one. */
function bestTwo(scores: Float64Array, row: number, classes: number): { best: number; first: number; second: number } {
  let [best, first, second] = [0, Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let c = 0; c < classes; c++) {
    const score = scores[row * classes + c];
    if (score > first) [best, first, second] = [c, score, first];
    else if (score > second) second = score;
  }
  return { best, first, second };
}

/** Probabilities by a logistic regression on the rows with labels. */
async function regress(
  device: Device,
  embeddings: Embeddings,
  labels: Uint32Array,
  classes: number,
  l2: number,
): Promise<Float64Array> {
  const features = await onHost(device, embeddings);
  const { values, rows, dimension } = features;
  const known = [...labels.keys()].filter((row) => labels[row] !== NO_LABEL);
  const some = { features: rowsOf(features, known), labels: Uint32Array.from(known, (row) => labels[row]) };
  const { weight, bias } = await logisticRegression(device, some, some, classes, { l2 });
  // As the regression standardises: by mean and variance of the rows that it sees.
  const mean = new Float64Array(dimension);
  const squares = new Float64Array(dimension);
  some.features.values.forEach((value, i) => {
    mean[i % dimension] += value / known.length;
  });
  some.features.values.forEach((value, i) => {
    squares[i % dimension] += (value - mean[i % dimension]) ** 2 / known.length;
  });
  const scale = squares.map((variance) => 1 / Math.sqrt(variance + 1e-5));
  const scores = new Float64Array(rows * classes);
  for (let row = 0; row < rows; row++) {
    const logits = Float64Array.from(bias);
    for (let d = 0; d < dimension; d++) {
      const x = (values[row * dimension + d] - mean[d]) * scale[d];
      for (let c = 0; c < classes; c++) logits[c] += x * weight[d * classes + c];
    }
    const most = logits.reduce((a, b) => Math.max(a, b));
    logits.forEach((logit, c) => {
      scores[row * classes + c] = Math.exp(logit - most);
    });
  }
  return scores;
}

/**
 * Passes few labels on to all embeddings, with how sure each is. Labels that are given stay as they are.
 * @param labels class of each embedding, below `classes`, or `NO_LABEL`
 * @throws ConfigError where nothing has a label, or only one class has one for a regression; for labels that do not fit, and options out of
 *   their ranges
 */
export async function propagate(
  device: Device,
  embeddings: Embeddings,
  labels: Uint32Array,
  classes: number,
  { method = "graph", k = 15, alpha = 0.9, l2 = 1 }: PropagateOptions = {},
): Promise<Propagation> {
  const [rows] = shapeOf(embeddings);
  if (labels.length !== rows)
    throw new ConfigError(`${labels.length} labels for ${rows} embeddings; give one for each`);
  const known = labels.filter((label) => label !== NO_LABEL);
  checkLabelled({ features: { rows: known.length }, labels: known }, classes, "labelled");
  if (known.length === 0) throw new ConfigError("no photograph has a label: give some of each class");
  if (!(alpha > 0 && alpha < 1)) throw new ConfigError(`alpha is ${alpha}; it must lie between 0 and 1`);
  const { scores, fromOthers } =
    method === "graph"
      ? spread(weightsOf(await neighbourGraph(device, embeddings, { k })), labels, classes, alpha)
      : await regress(device, embeddings, labels, classes, l2).then((found) => ({ scores: found, fromOthers: found }));

  const predictions = new Uint32Array(rows).fill(NO_LABEL);
  const [confidences, margins] = [new Float32Array(rows), new Float32Array(rows)];
  const contradicted: { row: number; prediction: number }[] = [];
  for (let row = 0; row < rows; row++) {
    const sum = scores.subarray(row * classes, (row + 1) * classes).reduce((a, b) => a + b, 0);
    const { best, first, second } = bestTwo(scores, row, classes);
    const label = labels[row];
    if (label !== NO_LABEL) {
      const others = bestTwo(fromOthers, row, classes);
      if (others.first > 0 && others.best !== label) contradicted.push({ row, prediction: others.best });
      [predictions[row], confidences[row], margins[row]] = [label, 1, 1];
    } else if (sum > 0) {
      [predictions[row], confidences[row]] = [best, first / sum];
      margins[row] = (first - Math.max(0, second)) / sum;
    }
  }
  return { predictions, confidences, margins, contradicted };
}
