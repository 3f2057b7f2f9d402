import { batchedMatmul } from "../ops/batched-matmul.js";
import { addBias, matmul } from "../ops/matmul.js";
import {
  batchedMatmulBackward,
  batchedMatmulForward,
  type MatmulShape,
  matmulBackward,
  matmulForward,
} from "../reference/matmul.js";
import { type Check, checkOf, evaluate, gradientOf, type Outputs, type Subject } from "./check.js";
import { randomInputs } from "./random-inputs.js";
import { relativeError, type StoredType, stored, typeText } from "./rounding.js";

/** A matrix product c = op(a) op(b), with a bias where given, and the gradient of c. */
export interface MatmulInputs extends MatmulShape {
  readonly a: Float64Array;
  readonly b: Float64Array;
  readonly bias?: Float64Array;
  readonly dc: Float64Array;
  /** Of all but the bias. */
  readonly type?: StoredType;
}

function values({ a, b, bias, dc, ...shape }: MatmulInputs): Outputs {
  const { da, db, dBias } = matmulBackward(a, b, dc, shape);
  const c = matmulForward(a, b, shape, bias);
  return bias ? { c, da, db, dBias } : { c, da, db };
}

/** Outputs c, da, db, and dBias with a bias. */
export const matmulSubject: Subject<MatmulInputs> = {
  compute: (device, { a, b, bias, dc, m, n, k, transposeA = false, transposeB = false, type }) =>
    evaluate(device, (tape, input) => {
      const left = input(a, transposeA ? [k, m] : [m, k], type);
      const right = input(b, transposeB ? [n, k] : [k, n], type);
      const shift = bias && input(bias, [n]);
      tape.watch(left, right, ...(shift ? [shift] : []));
      const product = matmul(tape, left, right, { transposeA, transposeB });
      const c = shift ? addBias(tape, product, shift) : product;
      tape.backward(c, input(dc, [m, n], type));
      const gradients = { da: gradientOf(tape, left), db: gradientOf(tape, right) };
      return shift ? { c, ...gradients, dBias: gradientOf(tape, shift) } : { c, ...gradients };
    }),
  reference: values,
  // Dot products of k, n and m terms, of which the first has one more with a bias; the same sums of absolute values.
  tolerance: (inputs) => {
    const absolute = (x: Float64Array) => x.map(Math.abs);
    const { a, b, bias, dc, m, n, k, type } = inputs;
    const exact = values(inputs);
    const sums = values({
      ...inputs,
      a: absolute(a),
      b: absolute(b),
      bias: bias && absolute(bias),
      dc: absolute(dc),
    });
    const terms: Record<string, number> = { c: k + 1, da: n, db: m, dBias: m };
    return Object.fromEntries(
      Object.entries(sums).map(([name, sum]) => {
        const tolerance = sum.map((value) => value * relativeError(terms[name] + 1));
        return [name, stored(tolerance, exact[name], type)];
      }),
    );
  },
};

function check(shape: MatmulShape, bias = false, type?: StoredType): Check {
  const { m, n, k, transposeA, transposeB } = shape;
  const flip = (transposed?: boolean) => (transposed ? " transposed" : "");
  const text = `${m} x ${k}${flip(transposeA)} by ${k} x ${n}${flip(transposeB)}${bias ? ", with bias" : ""}, and gradients${typeText(type)}`;
  return checkOf(bias ? ["matmul", "bias", "columnSums", "sumSplits"] : ["matmul"], text, matmulSubject, () => {
    const random = randomInputs(2, type);
    return {
      ...shape,
      type,
      a: random.normal(m * k),
      b: random.normal(k * n),
      dc: random.normal(m * n),
      bias: bias ? random.normal(n) : undefined,
    };
  });
}

/** Products of the matrices of a batch, c[i] = op(a[i]) op(b[i]), and the gradient of c. */
export interface BatchedMatmulInputs extends MatmulShape {
  readonly batch: number;
  readonly a: Float64Array;
  readonly b: Float64Array;
  readonly dc: Float64Array;
}

function batchedValues({ batch, a, b, dc, ...shape }: BatchedMatmulInputs): Outputs {
  return { c: batchedMatmulForward(a, b, batch, shape), ...batchedMatmulBackward(a, b, dc, batch, shape) };
}

/** Outputs c, da and db. */
export const batchedMatmulSubject: Subject<BatchedMatmulInputs> = {
  compute: (device, { batch, a, b, dc, m, n, k, transposeA = false, transposeB = false }) =>
    evaluate(device, (tape, input) => {
      const left = input(a, transposeA ? [batch, k, m] : [batch, m, k]);
      const right = input(b, transposeB ? [batch, n, k] : [batch, k, n]);
      tape.watch(left, right);
      const c = batchedMatmul(tape, left, right, { transposeA, transposeB });
      tape.backward(c, input(dc, [batch, m, n]));
      return { c, da: gradientOf(tape, left), db: gradientOf(tape, right) };
    }),
  reference: batchedValues,
  // As of one product.
  tolerance(inputs) {
    const absolute = (x: Float64Array) => x.map(Math.abs);
    const { a, b, dc, m, n, k } = inputs;
    const sums = batchedValues({ ...inputs, a: absolute(a), b: absolute(b), dc: absolute(dc) });
    const terms: Record<string, number> = { c: k, da: n, db: m };
    return Object.fromEntries(
      Object.entries(sums).map(([name, sum]) => [name, sum.map((value) => value * relativeError(terms[name] + 1))]),
    );
  },
};

function checkBatched(batch: number, shape: MatmulShape): Check {
  const { m, n, k, transposeA, transposeB } = shape;
  const flip = (transposed?: boolean) => (transposed ? " transposed" : "");
  const text = `${batch} times ${m} x ${k}${flip(transposeA)} by ${k} x ${n}${flip(transposeB)}, and gradients`;
  return checkOf(["batchedMatmul"], text, batchedMatmulSubject, () => {
    const random = randomInputs(39);
    const [a, b, dc] = [m * k, k * n, m * n].map((elements) => random.normal(batch * elements));
    return { batch, ...shape, a, b, dc };
  });
}

/** Checks of the matrix product: all transpositions, one row, one column, one term, and more of each than a tile. */
export const matmulChecks: readonly Check[] = [
  check({ m: 13, n: 37, k: 19 }),
  check({ m: 37, n: 5, k: 67, transposeA: true }),
  check({ m: 9, n: 13, k: 131, transposeB: true }),
  check({ m: 7, n: 5, k: 6, transposeA: true, transposeB: true }),
  check({ m: 35, n: 67, k: 5 }, true),
  check({ m: 1, n: 37, k: 5 }),
  check({ m: 41, n: 1, k: 1 }),
  checkBatched(5, { m: 17, n: 13, k: 7 }),
  checkBatched(3, { m: 5, n: 37, k: 19, transposeA: true }),
  checkBatched(2, { m: 67, n: 67, k: 11, transposeB: true }),
  checkBatched(2, { m: 7, n: 5, k: 6, transposeA: true, transposeB: true }),
  checkBatched(1, { m: 1, n: 1, k: 131 }),
  checkBatched(67, { m: 1, n: 3, k: 1 }),
];

/** The product of matrices of f16. */
export const halfMatmulChecks: readonly Check[] = [
  check({ m: 13, n: 37, k: 19 }, false, "f16"),
  check({ m: 36, n: 20, k: 28, transposeB: true }, false, "f16"),
];
