import { dropout } from "../ops/dropout.js";
import { layerNorm } from "../ops/layer-norm.js";
import { dropoutFactors } from "../reference/dropout.js";
import {
  type LayerNormShape,
  type LayerNormState,
  layerNormBackward,
  layerNormForward,
} from "../reference/layer-norm.js";
import { columnSums, rowSums } from "../reference/reduction.js";
import { type Check, checkOf, evaluate, gradientOf, type KernelName, type Outputs, type Subject } from "./check.js";
import { randomInputs } from "./random-inputs.js";
import { ROUNDINGS, relativeError, type StoredType, stored, typeText, UNIT } from "./rounding.js";

/** A layer norm over x [rows, columns] and the gradient of its output. */
export interface LayerNormInputs extends LayerNormShape, LayerNormState {
  /** Of x, y and their gradients. */
  readonly type?: StoredType;
  readonly x: Float64Array;
  readonly dy: Float64Array;
}

function withParameters(
  { gamma, beta }: LayerNormState,
  outputs: { y: Float64Array; dx: Float64Array },
  gradients: Outputs,
) {
  return {
    ...outputs,
    ...(gamma ? { dGamma: gradients.dGamma } : {}),
    ...(beta ? { dBeta: gradients.dBeta } : {}),
  };
}

/** Outputs y and dx, and dGamma and dBeta where there are gamma and beta. */
export const layerNormSubject: Subject<LayerNormInputs> = {
  compute: (device, { rows, columns, type, epsilon, ...inputs }) =>
    evaluate(device, (tape, input) => {
      const x = input(inputs.x, [rows, columns], type);
      const gamma = inputs.gamma && input(inputs.gamma, [columns]);
      const beta = inputs.beta && input(inputs.beta, [columns]);
      tape.watch(x, ...[gamma, beta].filter((tensor) => tensor !== undefined));
      const y = layerNorm(tape, x, { gamma, beta, epsilon });
      tape.backward(y, input(inputs.dy, y.shape, type));
      return {
        y,
        dx: gradientOf(tape, x),
        ...(gamma ? { dGamma: gradientOf(tape, gamma) } : {}),
        ...(beta ? { dBeta: gradientOf(tape, beta) } : {}),
      };
    }),
  reference(inputs) {
    const { x, dy } = inputs;
    const { y } = layerNormForward(x, inputs, inputs);
    const { dx, dGamma, dBeta } = layerNormBackward(x, inputs, inputs, dy);
    return withParameters(inputs, { y, dx }, { dGamma, dBeta });
  },
  tolerance(inputs) {
    const { rows, columns, x, dy, type } = inputs;
    const { y, mean, inverseDeviation } = layerNormForward(x, inputs, inputs);
    const { dx } = layerNormBackward(x, inputs, inputs, dy);
    const gamma = inputs.gamma ?? new Float64Array(columns).fill(1);
    const beta = inputs.beta ?? new Float64Array(columns);
    const rowOf = (i: number) => Math.floor(i / columns);
    const averages = (values: Float64Array) => rowSums(values, rows, columns).map((total) => total / columns);
    const sum = relativeError(columns + ROUNDINGS.division);
    const meanError = averages(x.map(Math.abs)).map((size) => sum * size);
    const variance = averages(x.map((value, i) => (value - mean[rowOf(i)]) ** 2));
    // Squares of differences have three roundings; the mean's error moves them by up to twice it times the standard deviation.
    const scaleError = variance.map((value, row) => {
      const error =
        relativeError(columns + 3 + ROUNDINGS.division) * value +
        2 * Math.sqrt(value) * meanError[row] +
        meanError[row] ** 2;
      // The root halves relative errors; one more rounding for the sum with epsilon.
      return (error * inverseDeviation[row] ** 2 + UNIT) / 2 + relativeError(ROUNDINGS.inverseSqrt);
    });
    const normalized = x.map((value, i) => (value - mean[rowOf(i)]) * inverseDeviation[rowOf(i)]);
    const normalizedError = normalized.map((value, i) => {
      const row = rowOf(i);
      return meanError[row] * inverseDeviation[row] + Math.abs(value) * (scaleError[row] + 2 * UNIT);
    });
    const yError = y.map((_, i) => {
      const c = i % columns;
      const terms = Math.abs(gamma[c] * normalized[i]) + Math.abs(beta[c]);
      return Math.abs(gamma[c]) * normalizedError[i] + 2 * UNIT * terms;
    });
    const g = dy.map((value, i) => Math.abs(gamma[i % columns] * value));
    const exactSlope = averages(dy.map((value, i) => value * gamma[i % columns] * normalized[i]));
    const exactOffset = averages(dy.map((value, i) => value * gamma[i % columns]));
    const offsetError = averages(g).map((size) => relativeError(columns + 1 + ROUNDINGS.division) * size);
    const slopeError = averages(
      g.map((size, i) => {
        const rounding = relativeError(columns + 2 + ROUNDINGS.division) * Math.abs(normalized[i]);
        return size * (rounding + normalizedError[i]);
      }),
    );
    const dxError = g.map((size, i) => {
      const row = rowOf(i);
      const [along, off] = [Math.abs(exactSlope[row]), Math.abs(exactOffset[row])];
      const parts = offsetError[row] + Math.abs(normalized[i]) * slopeError[row] + normalizedError[i] * along;
      const terms = size + off + Math.abs(normalized[i]) * along;
      return inverseDeviation[row] * (parts + terms * (relativeError(4) + 2 * scaleError[row]));
    });
    const absolute = dy.map(Math.abs);
    const products = absolute.map(
      (size, i) => size * (relativeError(rows + 2) * Math.abs(normalized[i]) + normalizedError[i]),
    );
    return withParameters(
      inputs,
      { y: stored(yError, y, type), dx: stored(dxError, dx, type) },
      {
        dGamma: columnSums(products, rows, columns),
        dBeta: columnSums(absolute, rows, columns).map((total) => total * relativeError(rows)),
      },
    );
  },
};

interface Form {
  readonly gamma?: boolean;
  readonly beta?: boolean;
  readonly mean?: number;
  readonly epsilon?: number;
  readonly type?: StoredType;
}

function check(rows: number, columns: number, form: Form = {}): Check {
  const { gamma = true, beta = true, mean = 0, epsilon, type } = form;
  const used: KernelName[] = ["layerNorm", "layerNormGradient"];
  if (gamma || beta) used.push("layerNormGradientSums", "batchNormGradientCombine");
  const extras = [
    gamma ? "" : ", no gamma",
    beta ? "" : ", no beta",
    mean > 0 ? `, mean ${mean}` : "",
    epsilon === undefined ? "" : `, epsilon ${epsilon}`,
  ];
  const text = `layer norm of ${rows} rows of ${columns}${extras.join("")}, and gradients${typeText(type)}`;
  return checkOf(used, text, layerNormSubject, () => {
    const random = randomInputs(33, type);
    return {
      ...{ rows, columns, epsilon, type },
      x: random.normal(rows * columns, 1.5, mean),
      dy: random.normal(rows * columns),
      gamma: gamma ? random.normal(columns) : undefined,
      beta: beta ? random.normal(columns) : undefined,
    };
  });
}

/** x [count] with elements dropped, and the gradient of the result. */
function checkDropout(count: number, probability: number, type?: StoredType): Check {
  const counter = [7, 2 ** 32 - 3] as const;
  const site = 5;
  const factors = dropoutFactors(count, probability, counter, site);
  const dropped = (values: Float64Array) => values.map((value, i) => value * factors[i]);
  // The factor is rounded, and the product.
  const allowed = (values: Float64Array) =>
    stored(
      dropped(values).map((value) => Math.abs(value) * relativeError(2)),
      dropped(values),
      type,
    );
  return checkOf(
    ["dropout"],
    `dropout of ${count} with probability ${probability}, and gradient${typeText(type)}`,
    {
      compute: (device, inputs) =>
        evaluate(device, (tape, input) => {
          const x = input(inputs.x, [count], type);
          tape.watch(x);
          const y = dropout(tape, x, { probability, counter: input(Uint32Array.from(counter), [2]), site });
          tape.backward(y, input(inputs.dy, y.shape, type));
          return { y, dx: gradientOf(tape, x) };
        }),
      reference: ({ x, dy }) => ({ y: dropped(x), dx: dropped(dy) }),
      tolerance: ({ x, dy }) => ({ y: allowed(x), dx: allowed(dy) }),
    },
    () => {
      const random = randomInputs(34, type);
      return { x: random.normal(count), dy: random.normal(count) };
    },
  );
}

/** Checks of layer norm: one row, one column, a vector of rows, more columns than threads; and of dropout. */
export const layerNormChecks: readonly Check[] = [
  check(13, 37),
  check(1, 131),
  check(301, 12),
  check(5, 1),
  check(7, 68, { gamma: false }),
  check(7, 19, { beta: false }),
  check(7, 19, { gamma: false, beta: false }),
  check(9, 33, { mean: 100 }),
  check(5, 8, { epsilon: 0.25 }),
  checkDropout(131, 0.1),
  checkDropout(1, 0.5),
  checkDropout(1030, 0.75),
];

/** The same with f16. */
export const halfLayerNormChecks: readonly Check[] = [
  check(13, 37, { type: "f16" }),
  check(301, 12, { type: "f16" }),
  check(7, 19, { gamma: false, beta: false, type: "f16" }),
  checkDropout(131, 0.25, "f16"),
];
