/** A function of one number. */
export interface ScalarFunction {
  value(x: number): number;
  /** Its derivative; at a kink, what is said there. */
  slope(x: number): number;
}

/** factor * x + offset. */
export function affine(factor: number, offset = 0): ScalarFunction {
  return { value: (x) => factor * x + offset, slope: () => factor };
}

export const square: ScalarFunction = { value: (x) => x * x, slope: (x) => 2 * x };
export const squareRoot: ScalarFunction = { value: Math.sqrt, slope: (x) => 1 / (2 * Math.sqrt(x)) };
export const exponential: ScalarFunction = { value: Math.exp, slope: Math.exp };
export const logarithm: ScalarFunction = { value: Math.log, slope: (x) => 1 / x };

function logistic(x: number): number {
  return x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x));
}

/** 1 / (1 + exp(-x)). */
export const sigmoid: ScalarFunction = { value: logistic, slope: (x) => logistic(x) * logistic(-x) };

export const hyperbolicTangent: ScalarFunction = { value: Math.tanh, slope: (x) => 1 / Math.cosh(x) ** 2 };

/** log(1 + exp(x)). */
export const softplus: ScalarFunction = {
  value: (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
  slope: logistic,
};

/** Density of the normal distribution. */
export function normalDensity(x: number): number {
  return Math.exp(-(x ** 2) / 2) / Math.sqrt(2 * Math.PI);
}

/**
 * Distribution function of the normal distribution, 1/2 + density(x) (x + x^3 / 3 + x^5 / (3 * 5) + ...) (Marsaglia 2004,
 * "Evaluating the normal distribution").
 */
export function normalDistribution(x: number): number {
  if (Math.abs(x) > 9) return x > 0 ? 1 : 0;
  let term = x;
  let sum = x;
  for (let n = 3; Math.abs(term) > 1e-18 * Math.abs(sum); n += 2) {
    term *= x ** 2 / n;
    sum += term;
  }
  return 0.5 + normalDensity(x) * sum;
}

/** x Phi(x). */
export const gelu: ScalarFunction = {
  value: (x) => x * normalDistribution(x),
  slope: (x) => normalDistribution(x) + x * normalDensity(x),
};

const inner: ScalarFunction = {
  value: (x) => Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3),
  slope: (x) => Math.sqrt(2 / Math.PI) * (1 + 3 * 0.044715 * x ** 2),
};

/** x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2. */
export const geluTanh: ScalarFunction = {
  value: (x) => x * logistic(2 * inner.value(x)),
  slope: (x) => {
    const twice = 2 * inner.value(x);
    return logistic(twice) + x * sigmoid.slope(twice) * 2 * inner.slope(x);
  },
};

/** min(max(x, min), max); its slope at the limits is 1. */
export function limited(min: number, max: number): ScalarFunction {
  return { value: (x) => Math.min(Math.max(x, min), max), slope: (x) => (x >= min && x <= max ? 1 : 0) };
}

/** |x|; its slope at 0 is 0. */
export const magnitude: ScalarFunction = { value: Math.abs, slope: Math.sign };

/** max(x, 0); its slope at 0 is 0. */
export const rectifier: ScalarFunction = { value: (x) => Math.max(x, 0), slope: (x) => (x > 0 ? 1 : 0) };

/** Functions one after the other, element by element. */
export function chainForward(functions: readonly ScalarFunction[], x: Float64Array): Float64Array {
  return functions.reduce((values, { value }) => values.map(value), x);
}

/** Gradient of {@link chainForward}, by the chain rule. */
export function chainBackward(functions: readonly ScalarFunction[], x: Float64Array, dy: Float64Array): Float64Array {
  let values = x;
  let gradient = dy;
  for (const { value, slope } of functions) {
    const at = values;
    gradient = gradient.map((g, i) => g * slope(at[i]));
    values = values.map(value);
  }
  return gradient;
}
