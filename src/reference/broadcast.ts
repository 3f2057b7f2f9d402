import { ShapeError } from "../errors.js";

/** An array of any number of dimensions, row-major. */
export interface NdArray {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

export type BinaryOperation = "add" | "subtract" | "multiply" | "divide";

const sizeOf = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

/** The shape of what two operands make: the last dimensions side by side, the larger extent of each; one of 1 is repeated. */
export function broadcastShape(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const [left, right] = [a[i - rank + a.length] ?? 1, b[i - rank + b.length] ?? 1];
    if (left !== right && left !== 1 && right !== 1)
      throw new ShapeError(`[${a.join(", ")}] and [${b.join(", ")}] do not go together`);
    return Math.max(left, right);
  });
}

/** For each element of an array of shape `to`, the one of an array of shape `from` that is repeated there. */
export function sources(from: readonly number[], to: readonly number[]): Uint32Array {
  return Uint32Array.from({ length: sizeOf(to) }, (_, index) => {
    let rest = index;
    let at = 0;
    let step = 1;
    for (let i = 1; i <= to.length; i++) {
      const extent = to[to.length - i];
      const own = from[from.length - i] ?? 1;
      if (own > 1) at += (rest % extent) * step;
      step *= own;
      rest = Math.floor(rest / extent);
    }
    return at;
  });
}

/** Sums of an array of shape `from` over all that an array of shape `to` would be repeated for. */
export function sumTo(data: Float64Array, from: readonly number[], to: readonly number[]): Float64Array {
  const result = new Float64Array(sizeOf(to));
  sources(to, from).forEach((at, i) => {
    result[at] += data[i];
  });
  return result;
}

/** An array repeated to a shape. */
export function repeatTo({ data, shape }: NdArray, to: readonly number[]): Float64Array {
  return Float64Array.from(sources(shape, to), (at) => data[at]);
}

const operations: Readonly<Record<BinaryOperation, (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  subtract: (a, b) => a - b,
  multiply: (a, b) => a * b,
  divide: (a, b) => a / b,
};

/** a op b, element by element. */
export function binaryForward(operation: BinaryOperation, a: NdArray, b: NdArray): NdArray {
  const shape = broadcastShape(a.shape, b.shape);
  const [left, right] = [repeatTo(a, shape), repeatTo(b, shape)];
  return { shape, data: left.map((value, i) => operations[operation](value, right[i])) };
}

const slopes: Readonly<Record<BinaryOperation, (a: number, b: number) => readonly [number, number]>> = {
  add: () => [1, 1],
  subtract: () => [1, -1],
  multiply: (a, b) => [b, a],
  divide: (a, b) => [1 / b, -a / b ** 2],
};

/** What each element of dy brings to the gradient of either operand of {@link binaryForward}, before it is summed. */
export function binaryTerms(operation: BinaryOperation, a: NdArray, b: NdArray, dy: Float64Array) {
  const shape = broadcastShape(a.shape, b.shape);
  const [left, right] = [repeatTo(a, shape), repeatTo(b, shape)];
  const [da, db] = [0, 1].map((side) => dy.map((g, i) => g * slopes[operation](left[i], right[i])[side]));
  return { da, db };
}

/** Gradients of {@link binaryForward}. */
export function binaryBackward(operation: BinaryOperation, a: NdArray, b: NdArray, dy: Float64Array) {
  const shape = broadcastShape(a.shape, b.shape);
  const { da, db } = binaryTerms(operation, a, b, dy);
  return { da: sumTo(da, shape, a.shape), db: sumTo(db, shape, b.shape) };
}
