import * as kernels from "../../kernels/generated.js";
import type { Device } from "../engine/device.js";
import { once } from "../engine/once.js";
import type { Program } from "../engine/program.js";
import { take } from "../engine/taking.js";
import { Tape } from "../engine/tape.js";
import type { Tensor } from "../engine/tensor.js";
import { ConfigError, ShapeError } from "../errors.js";
import { normals, sfc32 } from "../random.js";
import type { NeighbourGraph } from "./neighbour-graph.js";

/** How a layout is made. */
export interface LayoutOptions {
  /** Steps after which it stands still; 500 by default. */
  readonly steps?: number;
  /** Of the beginning and of the samples; 1 by default. */
  readonly seed?: number;
  /** How strongly points push each other; 2.5 by default, UMAP's 5 samples for an edge that pulls both of its ends. */
  readonly repulsion?: number;
  /** Where the points begin [rows, 2]; where the graph puts them by its own shape (`spectralPositions`), by default. */
  readonly initial?: Float32Array;
}

/** Edges with weights, in both directions: those of row r are `starts[r]` to `starts[r + 1]`. */
export interface WeightedEdges {
  /** Where the edges of a row begin, [rows + 1]. */
  readonly starts: Uint32Array<ArrayBuffer>;
  /** The row at the other end of each edge. */
  readonly columns: Uint32Array<ArrayBuffer>;
  /** Of each edge, from 0 to 1. */
  readonly weights: Float32Array<ArrayBuffer>;
}

/** Halvings of the search for a width. */
const HALVINGS = 64;

/** The width at which sum_j exp(-(x_j - x_0) / width) over the neighbours is log2(k) (McInnes et al. 2018, section 3.1). */
function widthOf(distances: readonly number[]): number {
  const wanted = Math.log2(Math.max(2, distances.length));
  const least = distances[0];
  const sum = (width: number) => distances.reduce((total, x) => total + Math.exp(-(x - least) / width), 0);
  let [low, high] = [0, 1];
  while (sum(high) < wanted && high < 1e6) high *= 2;
  for (let i = 0; i < HALVINGS; i++) {
    const middle = (low + high) / 2;
    if (sum(middle) > wanted) high = middle;
    else low = middle;
  }
  return high;
}

/**
 * UMAP's weights of neighbours (McInnes et al. 2018, section 3.1): w = exp(-(x - x_nearest) / width) by cosine distances x, where the width
 * makes the sum over the neighbours log2(k); of both directions, w_ij + w_ji - w_ij w_ji.
 */
export function edgeWeights({ rows, k, indices, similarities }: NeighbourGraph): WeightedEdges {
  const directed = Array.from({ length: rows }, () => new Map<number, number>());
  for (let row = 0; row < rows && k > 0; row++) {
    const distances = Array.from({ length: k }, (_, i) => Math.max(0, 1 - similarities[row * k + i]));
    const width = Math.max(widthOf(distances), 1e-12);
    for (const [i, x] of distances.entries())
      directed[row].set(indices[row * k + i], Math.exp(-(x - distances[0]) / width));
  }
  const both = directed.map((own) => new Map(own));
  directed.forEach((own, row) => {
    for (const [other, weight] of own) {
      const back = directed[other].get(row) ?? 0;
      const joint = weight + back - weight * back;
      both[row].set(other, joint);
      both[other].set(row, joint);
    }
  });
  const starts = new Uint32Array(rows + 1);
  both.forEach((own, row) => {
    starts[row + 1] = starts[row] + own.size;
  });
  const columns = new Uint32Array(starts[rows]);
  const weights = new Float32Array(starts[rows]);
  both.forEach((own, row) => {
    [...own].forEach(([other, weight], i) => {
      columns[starts[row] + i] = other;
      weights[starts[row] + i] = weight;
    });
  });
  return { starts, columns, weights };
}

/** Rounds of the power iteration: what is left of it is a beginning, and not a result. */
const ROUNDS = 100;
/** The points begin within so much of 0, as UMAP's do. */
const EXTENT = 10;

/**
 * Positions by the graph's own shape: the two slowest directions of a random walk on it, by power iteration on its normalised weights
 * (Belkin and Niyogi 2003), within 10 of 0, with a little noise so that no two points are one.
 * @returns [rows, 2]
 */
export function spectralPositions(
  { starts, columns, weights }: WeightedEdges,
  seed: number,
): Float32Array<ArrayBuffer> {
  const rows = starts.length - 1;
  const normal = normals(sfc32(seed, rows, 0x6c61796f));
  const roots = Float64Array.from({ length: rows }, (_, row) => {
    const own = weights.subarray(starts[row], starts[row + 1]);
    return Math.sqrt(
      Math.max(
        1e-12,
        own.reduce((sum, weight) => sum + weight, 0),
      ),
    );
  });
  const unit = (vector: Float64Array) => {
    const norm = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0)) || 1;
    return vector.map((value) => value / norm);
  };
  // What is the same everywhere is no direction.
  const found = [unit(roots)];
  for (let direction = 0; direction < 2; direction++) {
    let vector = Float64Array.from({ length: rows }, normal);
    for (let round = 0; round < ROUNDS; round++) {
      const next = new Float64Array(rows);
      for (let row = 0; row < rows; row++) {
        let sum = 0;
        for (let at = starts[row]; at < starts[row + 1]; at++) {
          sum += (weights[at] * vector[columns[at]]) / (roots[row] * roots[columns[at]]);
        }
        // Half of each stays, so that no eigenvalue is negative.
        next[row] = 0.5 * (vector[row] + sum);
      }
      for (const known of found) {
        const along = known.reduce((sum, value, i) => sum + value * next[i], 0);
        known.forEach((value, i) => {
          next[i] -= along * value;
        });
      }
      vector = unit(next);
    }
    found.push(vector);
  }
  const positions = new Float32Array(2 * rows);
  for (const direction of [0, 1]) {
    const values = found[direction + 1].map((value, row) => value / roots[row]);
    const most = values.reduce((a, b) => Math.max(a, Math.abs(b)), 1e-12);
    values.forEach((value, row) => {
      positions[2 * row + direction] = (EXTENT * value) / most + 1e-2 * normal();
    });
  }
  return positions;
}

/** Records a step. */
function record(device: Device, rows: number, edges: number, repulsion: number) {
  const positions = device.tensor([rows, 2], undefined, "positions");
  const starts = device.indices([rows + 1], "where each point's edges start");
  const columns = device.indices([edges], "neighbours");
  const weights = device.tensor([edges], undefined, "weights of edges");
  const counter = device.indices([2], "seed and step");
  const rate = device.tensor([1], undefined, "how far a step goes");
  const tape = new Tape(device);
  const next = tape.tensor([rows, 2], "positions after a step");
  const bindings = { positions, starts, columns, weights, counter, rate, next };
  tape.launch(kernels.layoutStep, bindings, { rows, edges, repulsion });
  return { ...bindings, tape };
}

/** Points in the plane that take their places step by step, on the GPU; `createLayout` makes one. */
export class Layout {
  #step = 0;

  /** @internal */
  constructor(
    /** Where it computes. */
    readonly device: Device,
    /** Points. */
    readonly rows: number,
    /** Steps after which it stands still. */
    readonly steps: number,
    /** Of the beginning and of the samples. */
    readonly seed: number,
    private readonly tensors: Readonly<
      Record<"positions" | "starts" | "columns" | "weights" | "counter" | "rate" | "next", Tensor>
    >,
    private readonly program: Program,
  ) {}

  /** Steps that were made, or will have been once the GPU is done with what was asked for. */
  get done(): number {
    return this.#step;
  }

  /** Makes some steps, 1 by default, and waits for nothing; none beyond the last one. */
  step(count = 1): void {
    const { counter, rate, next, positions } = this.tensors;
    for (let i = 0; i < count && this.#step < this.steps; i++, this.#step++) {
      this.device.write(counter, Uint32Array.of(this.seed, this.#step));
      // Steps become shorter, down to nothing.
      this.device.write(rate, Float32Array.of(1 - this.#step / this.steps));
      this.program.run();
      this.device.copy(next, positions);
    }
  }

  /** Where the points are now: [rows, 2]. */
  positions(): Promise<Float32Array<ArrayBuffer>> {
    return this.device.read(this.tensors.positions);
  }

  /**
   * Takes other neighbours of the same points, as after more training: they stay where they are, and move on from there.
   * @param again steps to make from now on, fewer and shorter ones than at first; a quarter of all by default
   * @throws ShapeError for another number of points, or more neighbours than it was made for.
   */
  setNeighbours(graph: NeighbourGraph, again: number = Math.ceil(this.steps / 4)): void {
    if (graph.rows !== this.rows)
      throw new ShapeError(`neighbours of ${graph.rows} points, and this layout is of ${this.rows}`);
    this.setEdges(edgeWeights(graph));
    this.#step = Math.min(this.#step, Math.max(0, this.steps - again));
  }

  /** @internal */
  setEdges({ starts, columns, weights }: WeightedEdges): void {
    const room = this.tensors.columns.size;
    if (columns.length > room)
      throw new ShapeError(`${columns.length} edges, and this layout has room for ${room}: make another one`);
    const [filledColumns, filledWeights] = [new Uint32Array(room), new Float32Array(room)];
    filledColumns.set(columns);
    filledWeights.set(weights);
    this.device.write(this.tensors.starts, starts);
    this.device.write(this.tensors.columns, filledColumns);
    this.device.write(this.tensors.weights, filledWeights);
  }

  /** Frees what it has on the device. */
  readonly dispose = once(() => {
    this.program.dispose();
    const { next, ...persistent } = this.tensors;
    for (const tensor of Object.values(persistent)) this.device.free(tensor);
  });
}

/**
 * Lays points out in the plane by their neighbours: UMAP (McInnes et al. 2018) with the curve 1 / (1 + d^2), whose steps move all points at
 * once by the mean pull of their edges and the mean push of 16 samples, where UMAP goes edge by edge. The same graph and seed give the same
 * layout on the same adapter. Memory is that of the edges.
 * @param graph by `neighbourGraph`
 * @throws ConfigError for options out of their ranges; ShapeError for an initial layout of another number of points
 */
export async function createLayout(
  device: Device,
  graph: NeighbourGraph,
  { steps = 500, seed = 1, repulsion = 2.5, initial }: LayoutOptions = {},
): Promise<Layout> {
  const { rows, k } = graph;
  if (!Number.isInteger(steps) || steps < 1)
    throw new ConfigError(`the layout's steps are ${steps}; it must be a whole number from 1 up`);
  if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32)
    throw new ConfigError(`the layout's seed is ${seed}; it must be a whole number from 0 to 2^32 - 1`);
  if (!(repulsion >= 0)) throw new ConfigError(`the repulsion is ${repulsion}; it must be a number from 0 up`);
  if (initial && initial.length !== 2 * rows)
    throw new ShapeError(`an initial layout of ${rows} points has ${2 * rows} numbers, not ${initial.length}`);
  const edges = edgeWeights(graph);
  const room = Math.max(1, 2 * rows * k);
  const { result, free } = await take(device, "a layout", () => record(device, rows, room, repulsion));
  try {
    const program = await result.tape.compile({ keep: [result.next] });
    const { tape, ...tensors } = result;
    const layout = new Layout(device, rows, steps, seed, tensors, program);
    layout.setEdges(edges);
    device.write(tensors.positions, initial ? new Float32Array(initial) : spectralPositions(edges, seed));
    return layout;
  } catch (error) {
    free();
    throw error;
  }
}
