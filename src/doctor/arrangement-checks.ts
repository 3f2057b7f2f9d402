import type { Tape } from "../engine/tape.js";
import type { Tensor } from "../engine/tensor.js";
import { transpose } from "../ops/elementwise.js";
import { gatherRows, scatterAddRows } from "../ops/rows.js";
import { concatenate, permute, reshape, slice } from "../ops/shape.js";
import {
  concatenateForward,
  gatherRowsForward,
  permuteForward,
  scatterAddRowsForward,
  sliceBackward,
  sliceForward,
} from "../reference/arrangement.js";
import type { NdArray } from "../reference/broadcast.js";
import {
  type Check,
  checkOf,
  evaluate,
  gradientOf,
  type Input,
  type KernelName,
  type Outputs,
  type Subject,
} from "./check.js";
import { randomInputs } from "./random-inputs.js";
import { relativeError, type StoredType, typeText } from "./rounding.js";

type Shape = readonly number[];
const size = (shape: Shape) => shape.reduce((a, b) => a * b, 1);

/** Tensors put in another order, and the gradient of the result. */
export interface Arrangement {
  /** Of all of them. */
  readonly type?: StoredType;
  readonly inputs: readonly NdArray[];
  readonly dy: Float64Array;
}

/** What a device and a reference do with them; the reference also gives the gradients of the inputs. */
export interface Arranger {
  readonly used: readonly KernelName[];
  readonly text: string;
  readonly shapes: readonly Shape[];
  /** Elements that are added up to one, at most; 1 by default, and then all is exact. */
  readonly sums?: number;
  readonly record: (tape: Tape, inputs: readonly Tensor[], input: Input) => Tensor;
  readonly forward: (inputs: readonly NdArray[]) => NdArray;
  readonly backward: (dy: NdArray) => readonly NdArray[];
}

/** Outputs y, and dx0, dx1, ... */
export function arrangementSubject({ sums = 1, record, forward, backward }: Arranger): Subject<Arrangement> {
  const name = (i: number) => `dx${i}`;
  const values = ({ inputs, dy }: Arrangement): Outputs => {
    const y = forward(inputs);
    const gradients = backward({ shape: y.shape, data: dy });
    return { y: y.data, ...Object.fromEntries(gradients.map(({ data }, i) => [name(i), data])) };
  };
  return {
    compute: (device, { inputs, dy, type }) =>
      evaluate(device, (tape, input) => {
        const tensors = inputs.map(({ data, shape }) => input(data, shape, type));
        tape.watch(...tensors);
        const y = record(tape, tensors, input);
        tape.backward(y, input(dy, y.shape, type));
        // A view of what was there before has to be written for itself.
        const copy = (tensor: Tensor) => slice(tape, tensor, 0, 0);
        return {
          y: copy(y),
          ...Object.fromEntries(tensors.map((tensor, i) => [name(i), copy(gradientOf(tape, tensor))])),
        };
      }),
    reference: values,
    tolerance({ inputs, dy }) {
      const absolute = inputs.map(({ shape, data }) => ({ shape, data: data.map(Math.abs) }));
      const totals = values({ inputs: absolute, dy: dy.map(Math.abs) });
      const share = relativeError(sums - 1);
      return Object.fromEntries(Object.entries(totals).map(([key, total]) => [key, total.map((x) => share * x)]));
    },
  };
}

function check(arranger: Arranger, type?: StoredType): Check {
  const text = `${arranger.text}, and gradient${typeText(type)}`;
  return checkOf(arranger.used, text, arrangementSubject(arranger), () => {
    const random = randomInputs(30, type);
    const inputs = arranger.shapes.map((shape): NdArray => ({ shape, data: random.normal(size(shape)) }));
    return { inputs, dy: random.normal(arranger.forward(inputs).data.length), type };
  });
}

export function sliced(shape: Shape, axis: number, start: number, end: number): Arranger {
  return {
    used: ["slice", "insert"],
    text: `places ${start} to ${end} of axis ${axis} of [${shape.join(", ")}]`,
    shapes: [shape],
    record: (tape, [x]) => slice(tape, x, axis, start, end),
    forward: ([x]) => sliceForward(x, axis, start, end),
    backward: (dy) => [sliceBackward(dy, shape, axis, start)],
  };
}

export function concatenated(shapes: readonly Shape[], axis: number): Arranger {
  return {
    used: ["insert", "slice"],
    text: `${shapes.map((shape) => `[${shape.join(", ")}]`).join(" and ")} along axis ${axis}`,
    shapes,
    record: (tape, inputs) => concatenate(tape, inputs, axis),
    forward: (inputs) => concatenateForward(inputs, axis),
    backward: (dy) => {
      let start = 0;
      return shapes.map((shape) => {
        const end = start + shape[axis];
        const own = sliceForward(dy, axis, start, end);
        start = end;
        return own;
      });
    },
  };
}

export function permuted(shape: Shape, order: readonly number[]): Arranger {
  return {
    used: ["permute"],
    text: `[${shape.join(", ")}] in the order [${order.join(", ")}]`,
    shapes: [shape],
    record: (tape, [x]) => permute(tape, x, order),
    forward: ([x]) => permuteForward(x, order),
    backward: (dy) => [
      permuteForward(
        dy,
        shape.map((_, i) => order.indexOf(i)),
      ),
    ],
  };
}

/** Matrices of a batch transposed, the last one first with `reversed`. */
function transposed([matrices, rows, cols]: readonly [number, number, number], reversed: boolean): Arranger {
  const turn = ({ shape, data }: NdArray): NdArray => {
    const y = permuteForward({ shape, data }, [0, 2, 1]);
    const each = rows * cols;
    const place = (i: number) => (matrices - 1 - Math.floor(i / each)) * each + (i % each);
    return reversed ? { ...y, data: y.data.map((_, i) => y.data[place(i)]) } : y;
  };
  return {
    used: ["transpose"],
    text: `${matrices} matrices of ${rows} x ${cols} transposed${reversed ? ", the last one first" : ""}`,
    shapes: [[matrices, rows, cols]],
    record: (tape, [x]) => transpose(tape, x, { reversed }),
    forward: ([x]) => turn(x),
    backward: (dy) => [turn(dy)],
  };
}

function reshaped(from: Shape, to: Shape): Arranger {
  return {
    used: ["slice"],
    text: `[${from.join(", ")}] as [${to.join(", ")}]`,
    shapes: [from],
    record: (tape, [x]) => reshape(tape, x, to),
    forward: ([x]) => ({ shape: to, data: x.data }),
    backward: ({ data }) => [{ shape: from, data }],
  };
}

/** Rows picked, some of them more than once. */
export function gathered(rows: number, cols: number, indices: Uint32Array<ArrayBuffer>): Arranger {
  return {
    used: ["gatherRows", "scatterAddRows"],
    text: `${indices.length} rows of ${cols} picked from ${rows}`,
    shapes: [[rows, cols]],
    sums: indices.length,
    record: (tape, [x], input) => gatherRows(tape, x, input(indices, [indices.length])),
    forward: ([{ data }]) => ({ shape: [indices.length, cols], data: gatherRowsForward(data, indices, cols) }),
    backward: ({ data }) => [{ shape: [rows, cols], data: scatterAddRowsForward(data, indices, rows, cols) }],
  };
}

/** Rows added up where they belong. */
export function scattered(rows: number, cols: number, indices: Uint32Array<ArrayBuffer>): Arranger {
  return {
    used: ["scatterAddRows", "gatherRows"],
    text: `${indices.length} rows of ${cols} added up in ${rows} places`,
    shapes: [[indices.length, cols]],
    sums: indices.length,
    record: (tape, [x], input) => scatterAddRows(tape, x, input(indices, [indices.length]), rows),
    forward: ([{ data }]) => ({ shape: [rows, cols], data: scatterAddRowsForward(data, indices, rows, cols) }),
    backward: ({ data }) => [{ shape: [indices.length, cols], data: gatherRowsForward(data, indices, cols) }],
  };
}

const arrangers: readonly Arranger[] = [
  sliced([7, 5], 0, 2, 6),
  sliced([7, 5], 1, 3, 5),
  sliced([3, 5, 7, 2], 2, 1, 2),
  sliced([131], 0, 0, 131),
  concatenated(
    [
      [3, 5],
      [4, 5],
    ],
    0,
  ),
  concatenated(
    [
      [5, 3],
      [5, 1],
      [5, 7],
    ],
    1,
  ),
  concatenated(
    [
      [2, 1, 3, 5],
      [2, 4, 3, 5],
    ],
    1,
  ),
  concatenated([[131]], 0),
  permuted([5, 7], [1, 0]),
  permuted([3, 5, 7], [2, 0, 1]),
  permuted([2, 3, 5, 7], [0, 2, 1, 3]),
  permuted([2, 3, 5, 7], [3, 1, 0, 2]),
  permuted([11], [0]),
  transposed([3, 7, 5], false),
  transposed([3, 35, 19], true),
  reshaped([3, 10], [2, 3, 5]),
];

/** Checks of what only moves elements: slices, concatenations, dimensions in another order, rows picked and added up. */
export const arrangementChecks: readonly Check[] = [
  ...arrangers.map((arranger) => check(arranger)),
  check(gathered(17, 11, randomInputs(31).below(31, 17))),
  // Into the last place, nothing.
  check(scattered(9, 13, randomInputs(32).below(67, 8))),
];

/** The same with f16. */
export const halfArrangementChecks: readonly Check[] = arrangers.map((arranger) => check(arranger, "f16"));
