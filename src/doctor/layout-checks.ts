import * as kernels from "../../kernels/generated.js";
import { LAYOUT_SAMPLES, type LayoutStepInputs, layoutStep } from "../reference/layout-step.js";
import { type Check, checkOf, evaluate, type Subject } from "./check.js";
import { randomInputs } from "./random-inputs.js";
import { ROUNDINGS, relativeError } from "./rounding.js";

interface Inputs extends LayoutStepInputs {
  readonly columns: Uint32Array<ArrayBuffer>;
  readonly starts: Uint32Array<ArrayBuffer>;
}

const subject: Subject<Inputs> = {
  compute: (device, { positions, starts, columns, weights, counter, rate, repulsion }) =>
    evaluate(device, (tape, input) => {
      const rows = positions.length / 2;
      const next = tape.tensor([rows, 2], "next");
      tape.launch(
        kernels.layoutStep,
        {
          positions: input(positions, [rows, 2]),
          starts: input(starts, [rows + 1]),
          columns: input(columns, [columns.length]),
          weights: input(weights, [weights.length]),
          counter: input(Uint32Array.from(counter), [2]),
          rate: input(Float64Array.of(rate), [1]),
          next,
        },
        { rows, edges: columns.length, repulsion },
      );
      return { next };
    }),
  reference: (inputs) => ({ next: layoutStep(inputs) }),
  tolerance({ positions, starts, rate, repulsion }) {
    const extent = positions.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    // A difference, which is off by a rounding of itself, its square, a sum, and a quotient of that.
    const term = 8 + ROUNDINGS.division;
    const next = Float64Array.from(positions, (position, i) => {
      const edges = starts[Math.floor(i / 2) + 1] - starts[Math.floor(i / 2)];
      // No pull is beyond 1 (2 d / (1 + d^2)), and no push beyond 4.
      const pull = relativeError(2 * edges + term + ROUNDINGS.division);
      const push = 4 * repulsion * relativeError(LAYOUT_SAMPLES + 2 * term);
      return rate * (pull + push) + relativeError(4) * (Math.abs(position) + rate * (1 + 4 * repulsion) + extent);
    });
    return { next };
  },
};

function checkStep(rows: number, most: number, extent: number): Check {
  const text = `${rows} points with up to ${most} neighbours, within ${extent} of 0`;
  return checkOf(["layoutStep"], text, subject, () => {
    const random = randomInputs(14);
    const positions = Float64Array.from(random.uniform(2 * rows, -extent, extent), Math.fround);
    const degrees = random.below(rows, most + 1);
    const starts = new Uint32Array(rows + 1);
    degrees.forEach((degree, row) => {
      starts[row + 1] = starts[row] + degree;
    });
    const edges = Math.max(1, starts[rows]);
    return {
      ...{ positions, starts, columns: random.below(edges, rows), weights: random.uniform(edges, 0.1, 1) },
      ...{ counter: [7, 3] as const, rate: 0.75, repulsion: 2.5 },
    };
  });
}

/** Checks of the layout's kernel: points far apart, points so close that pushes are cut, points without neighbours. */
export const layoutChecks: readonly Check[] = [checkStep(131, 17, 5), checkStep(67, 3, 0.03), checkStep(1, 0, 1)];
