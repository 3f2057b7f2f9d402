import { broadcast, divide, multiply, subtract } from "../ops/binary.js";
import { add } from "../ops/elementwise.js";
import {
  type BinaryOperation,
  binaryBackward,
  binaryForward,
  binaryTerms,
  broadcastShape,
  type NdArray,
  repeatTo,
  sumTo,
} from "../reference/broadcast.js";
import { type Check, checkOf, evaluate, exactly, gradientOf, type KernelName, type Subject } from "./check.js";
import { randomInputs } from "./random-inputs.js";
import { ROUNDINGS, relativeError, type StoredType, stored, typeText, UNIT } from "./rounding.js";

/** Two operands and the gradient of what they make. */
export interface BinaryInputs {
  readonly operation: BinaryOperation;
  /** Of the operands, the result and all gradients. */
  readonly type?: StoredType;
  readonly a: NdArray;
  readonly b: NdArray;
  readonly dy: Float64Array;
}

const operations = { add, subtract, multiply, divide };
const size = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

/** Outputs y, da and db. */
export const binarySubject: Subject<BinaryInputs> = {
  compute: (device, { operation, type, ...inputs }) =>
    evaluate(device, (tape, input) => {
      const [a, b] = [inputs.a, inputs.b].map(({ data, shape }) => input(data, shape, type));
      tape.watch(a, b);
      const y = operations[operation](tape, a, b);
      tape.backward(y, input(inputs.dy, y.shape, type));
      return { y, da: gradientOf(tape, a), db: gradientOf(tape, b) };
    }),
  reference: ({ operation, a, b, dy }) => ({
    y: binaryForward(operation, a, b).data,
    ...binaryBackward(operation, a, b, dy),
  }),
  tolerance({ operation, a, b, dy, type }) {
    const { shape, data: y } = binaryForward(operation, a, b);
    const terms = binaryTerms(operation, a, b, dy);
    const rounding = operation === "divide" ? ROUNDINGS.division : 1;
    const rounded = (values: Float64Array) =>
      stored(
        values.map((value) => Math.abs(value) * relativeError(rounding)),
        values,
        type,
      );
    const yError = rounded(y);
    const copied = operation === "add" || operation === "subtract";
    const daError = copied ? exactly(dy) : rounded(terms.da);
    // The divisor's is the product of the other one and the quotient.
    const product = terms.db.map((term, i) => {
      const factors = Math.abs(terms.da[i]) * yError[i] + (Math.abs(y[i]) + yError[i]) * daError[i];
      return factors + UNIT * Math.abs(term);
    });
    const dbError = copied ? exactly(dy) : operation === "divide" ? stored(product, terms.db, type) : rounded(terms.db);
    // What is repeated has a sum.
    const gradient = (own: Float64Array, errors: Float64Array, operand: NdArray) => {
      const repeated = size(shape) / size(operand.shape);
      if (repeated === 1) return errors;
      const all = own.map((term, i) => errors[i] + relativeError(repeated) * (Math.abs(term) + errors[i]));
      return stored(sumTo(all, shape, operand.shape), sumTo(own, shape, operand.shape), type);
    };
    return { y: yError, da: gradient(terms.da, daError, a), db: gradient(terms.db, dbError, b) };
  },
};

type Shape = readonly number[];

/** Both ways round: equal shapes, a row, a column, a number, a row and a column, leading and trailing dimensions, one element. */
const forms: readonly (readonly [Shape, Shape])[] = [
  [
    [7, 19],
    [7, 19],
  ],
  [[7, 19], [19]],
  [
    [1, 19],
    [7, 19],
  ],
  [
    [7, 19],
    [7, 1],
  ],
  [[1], [7, 19]],
  [[131], [1]],
  [
    [7, 1],
    [1, 19],
  ],
  [
    [3, 5, 9],
    [5, 9],
  ],
  [
    [3, 5, 9],
    [3, 1, 1],
  ],
  [
    [2, 3, 1],
    [2, 3, 17],
  ],
  [
    [2, 3, 5, 5],
    [1, 1, 5, 5],
  ],
  [[1], [1, 1]],
];

function check(operation: BinaryOperation, [aShape, bShape]: readonly [Shape, Shape], type?: StoredType): Check {
  const same = aShape.length === bShape.length && aShape.every((extent, i) => extent === bShape[i]);
  const used: KernelName[] = [operation === "add" && same ? "add" : "binary"];
  const text = `${operation} [${aShape.join(", ")}] and [${bShape.join(", ")}], and gradients${typeText(type)}`;
  return checkOf(used, text, binarySubject, () => {
    const random = randomInputs(26, type);
    const [a, normal] = [random.normal(size(aShape)), random.normal(size(bShape))];
    // Divisors are not close to 0.
    const apart = random.uniform(normal.length, 0.5, 2).map((value, i) => Math.sign(normal[i]) * value);
    const b = operation === "divide" ? apart : normal;
    const dy = random.normal(size(broadcastShape(aShape, bShape)));
    return { operation, type, a: { shape: aShape, data: a }, b: { shape: bShape, data: b }, dy };
  });
}

const names = ["add", "subtract", "multiply", "divide"] as const;

/** x repeated to another shape, and the gradient of that. */
function checkBroadcast(from: Shape, to: Shape): Check {
  const text = `[${from.join(", ")}] repeated to [${to.join(", ")}], and gradient`;
  return checkOf(
    ["broadcast"],
    text,
    {
      compute: (device, { x: data, dy }) =>
        evaluate(device, (tape, input) => {
          const x = input(data, from);
          tape.watch(x);
          const y = broadcast(tape, x, to);
          tape.backward(y, input(dy, to));
          return { y, dx: gradientOf(tape, x) };
        }),
      reference: ({ x, dy }) => ({ y: repeatTo({ shape: from, data: x }, to), dx: sumTo(dy, to, from) }),
      tolerance({ dy }) {
        const sums = sumTo(dy.map(Math.abs), to, from);
        return { y: exactly({ length: size(to) }), dx: sums.map((sum) => sum * relativeError(size(to) / size(from))) };
      },
    },
    () => {
      const random = randomInputs(27);
      return { x: random.normal(size(from)), dy: random.normal(size(to)) };
    },
  );
}

/** Checks of operations of two operands in all ways of repeating one. */
export const broadcastChecks: readonly Check[] = [
  ...names.flatMap((operation) => forms.map((form) => check(operation, form))),
  checkBroadcast([11], [7, 11]),
  checkBroadcast([7, 1], [7, 11]),
  checkBroadcast([1], [3, 5, 7]),
  checkBroadcast([1, 1, 11], [5, 1, 11]),
  checkBroadcast([3, 5], [3, 5]),
];

/** The same with f16. */
export const halfBroadcastChecks: readonly Check[] = names.flatMap((operation) =>
  [0, 1, 3, 4, 6].map((form) => check(operation, forms[form], "f16")),
);
