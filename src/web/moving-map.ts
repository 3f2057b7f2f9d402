import { createLayout, type Layout } from "../embeddings/layout.js";
import { neighbourGraph } from "../embeddings/neighbour-graph.js";
import type { Device } from "../engine/device.js";
import type { Features } from "../evaluation/embed.js";

/** Steps of the layout of the untrained net, and of those that follow from it. */
const STEPS = 400;
const STEPS_AGAIN = 120;
/** Steps between two frames. */
const FRAME = 8;
/** The share of points that lie within the map's edge; those beyond are at the edge. */
const INSIDE = 0.999;

/** Where the images lie: a layout by their neighbours that moves on from where it was when these are others. */
export class MovingMap {
  #layout: Layout | null = null;

  constructor(readonly device: Device) {}

  /** Takes representations of the same images as before. */
  async arrange(features: Features): Promise<void> {
    const graph = await neighbourGraph(this.device, features);
    if (this.#layout) this.#layout.setNeighbours(graph, STEPS_AGAIN);
    else this.#layout = await createLayout(this.device, graph, { steps: STEPS });
  }

  get isMoving(): boolean {
    return this.#layout !== null && this.#layout.done < this.#layout.steps;
  }

  /** Moves on a little; where the images are then, [2 * images] from -1 to 1. */
  async frame(): Promise<Float32Array<ArrayBuffer>> {
    if (!this.#layout) return new Float32Array();
    this.#layout.step(FRAME);
    return framed(await this.#layout.positions());
  }

  dispose(): void {
    this.#layout?.dispose();
    this.#layout = null;
  }
}

/** Both directions from -1 to 1. */
function framed(positions: Float32Array<ArrayBuffer>): Float32Array<ArrayBuffer> {
  for (const axis of [0, 1]) {
    const sorted = positions.filter((_, i) => i % 2 === axis).sort();
    const last = sorted.length - 1;
    const [low, high] = [Math.floor((1 - INSIDE) * last), Math.ceil(INSIDE * last)].map((at) => sorted[at]);
    const reach = (high - low) / 2 || 1;
    for (let at = axis; at < positions.length; at += 2)
      positions[at] = Math.max(-1, Math.min(1, (positions[at] - (low + high) / 2) / reach));
  }
  return positions;
}
