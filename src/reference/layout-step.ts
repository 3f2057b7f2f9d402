import { randomWords } from "./random.js";

/** What a step of a layout takes, as its kernel does. */
export interface LayoutStepInputs {
  /** [rows, 2] */
  readonly positions: Float64Array;
  readonly starts: Uint32Array;
  readonly columns: Uint32Array;
  readonly weights: Float64Array;
  readonly counter: readonly [number, number];
  readonly rate: number;
  readonly repulsion: number;
}

/** Samples that push a point. */
export const LAYOUT_SAMPLES = 16;
/** Keeps these draws apart from those of others. */
const LAYOUT = 0xa0000000;

/** Positions [rows, 2] after a step: the equations of `kernels/layout-step.wgsl`, a point at a time. */
export function layoutStep(inputs: LayoutStepInputs): Float64Array {
  const { positions, starts, columns, weights, counter, rate, repulsion } = inputs;
  const rows = positions.length / 2;
  const next = Float64Array.from(positions);
  for (let point = 0; point < rows; point++) {
    const samples = Array.from({ length: LAYOUT_SAMPLES / 4 }, (_, four) =>
      randomWords([...counter, LAYOUT + point, four]).map((word) => word % rows),
    ).flat();
    const edges = Array.from({ length: starts[point + 1] - starts[point] }, (_, i) => starts[point] + i);
    const weight = edges.reduce((sum, e) => sum + weights[e], 0);
    for (const axis of [0, 1]) {
      const apart = (other: number) => positions[2 * point + axis] - positions[2 * other + axis];
      const square = (other: number) =>
        (positions[2 * point] - positions[2 * other]) ** 2 + (positions[2 * point + 1] - positions[2 * other + 1]) ** 2;
      const pull = edges.reduce((sum, e) => sum - (weights[e] * 2 * apart(columns[e])) / (1 + square(columns[e])), 0);
      const push = samples.reduce((sum, j) => {
        const force = (2 * apart(j)) / ((0.001 + square(j)) * (1 + square(j)));
        return sum + Math.max(-4, Math.min(4, force));
      }, 0);
      next[2 * point + axis] += rate * (pull / Math.max(weight, 1e-12) + (repulsion * push) / LAYOUT_SAMPLES);
    }
  }
  return next;
}
