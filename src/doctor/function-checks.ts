import { type ElementwiseFunction, elementwise } from "../ops/unary.js";
import {
  affine,
  chainBackward,
  chainForward,
  exponential,
  gelu,
  geluTanh,
  hyperbolicTangent,
  limited,
  logarithm,
  magnitude,
  normalDensity,
  normalDistribution,
  rectifier,
  type ScalarFunction,
  sigmoid,
  softplus,
  square,
  squareRoot,
} from "../reference/functions.js";
import { type Check, checkOf, evaluate, gradientOf, type Subject } from "./check.js";
import { randomInputs } from "./random-inputs.js";
import {
  expRoundings,
  logError,
  ROUNDINGS,
  relativeError,
  type StoredType,
  stored,
  typeText,
  UNIT,
} from "./rounding.js";

/** A function on the device, the same in float64, and what f32 arithmetic may make value and slope at x off by. */
export interface BoundedFunction {
  readonly name: ElementwiseFunction;
  readonly exact: ScalarFunction;
  valueError(x: number): number;
  slopeError(x: number): number;
}

/** Smallest normal number of f32: what lies below it may become 0. */
const smallest = 2 ** -126;

/** Of the sigmoid, which has an exponential, a sum and a division; the first two come in with a share of at most 1. */
const sigmoidErrors = {
  valueError: (x: number) => sigmoid.value(x) * relativeError(expRoundings(x) + 1 + ROUNDINGS.division) + smallest,
  // The sum is squared.
  slopeError: (x: number) => sigmoid.slope(x) * relativeError(expRoundings(x) + 3 + ROUNDINGS.division) + smallest,
};

/**
 * Of density(x) t (b1 + t (b2 + ...)), the share that lies beyond |x|: the formula itself, and roundings. The density has those of
 * its factor, of its argument, which they move by as much as it is large, of the exponential and of a product.
 */
function gaussianErrors(x: number) {
  const argument = Math.min(Math.abs(x), 20) ** 2 / 2;
  const density = normalDensity(x) * relativeError(2 + 2 * argument + expRoundings(argument)) + smallest;
  // t has the roundings of a factor, a sum and a division, once in each power; the five steps of the series have two each.
  const t = 1 / (1 + 0.2316419 * Math.abs(x));
  const terms = [0.31938153, 0.356563782, 1.781477937, 1.821255978, 1.330274429];
  const absolute = terms.reduce((sum, term, i) => sum + term * t ** (i + 1), 0);
  const series = absolute * relativeError(5 * (3 + ROUNDINGS.division) + 12);
  const share = 7.5e-8 + normalDensity(x) * series + density * absolute + UNIT;
  return { density, share };
}

const geluArgument = (x: number) => 2 * Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3);
const geluArgumentSlope = (x: number) => 2 * Math.sqrt(2 / Math.PI) * (1 + 0.134145 * x ** 2);
/** What is left of the sigmoid, or of 1 without it, where the argument stays what it is at 9; with what it is off by. */
function geluRest(x: number): number {
  const argument = geluArgument(-9);
  const roundings = 6 * Math.abs(argument) + expRoundings(argument) + 3 + ROUNDINGS.division;
  return Math.abs(x) > 9 ? sigmoid.value(argument) * (1 + relativeError(roundings)) : 0;
}

/** All functions, with numbers that f16 has where they take some. */
export const boundedFunctions: readonly BoundedFunction[] = [
  {
    name: ["scale", -1.75, 0.375],
    exact: affine(-1.75, 0.375),
    valueError: (x) => UNIT * (1.75 * Math.abs(x) + Math.abs(0.375 - 1.75 * x)),
    slopeError: () => 0,
  },
  { name: "square", exact: square, valueError: (x) => UNIT * x ** 2, slopeError: () => 0 },
  {
    name: "sqrt",
    exact: squareRoot,
    valueError: (x) => Math.sqrt(x) * relativeError(ROUNDINGS.sqrt),
    slopeError: (x) => squareRoot.slope(x) * relativeError(ROUNDINGS.sqrt + ROUNDINGS.division),
  },
  {
    name: "exp",
    exact: exponential,
    valueError: (x) => Math.exp(x) * relativeError(expRoundings(x)) + smallest,
    slopeError: (x) => Math.exp(x) * relativeError(expRoundings(x)) + smallest,
  },
  { name: "log", exact: logarithm, valueError: logError, slopeError: (x) => relativeError(ROUNDINGS.division) / x },
  { name: "sigmoid", exact: sigmoid, ...sigmoidErrors },
  {
    name: "tanh",
    exact: hyperbolicTangent,
    // (1 - e) / (1 + e) with e = exp(-2 |x|) moves by 2 de / (1 + e)^2.
    valueError: (x) => {
      const small = Math.exp(-2 * Math.abs(x));
      const exponential = (2 * small * relativeError(expRoundings(2 * x))) / (1 + small) ** 2;
      return exponential + Math.abs(Math.tanh(x)) * relativeError(2 + ROUNDINGS.division) + smallest;
    },
    slopeError: (x) =>
      hyperbolicTangent.slope(x) * relativeError(expRoundings(2 * x) + 3 + ROUNDINGS.division) + smallest,
  },
  {
    name: "softplus",
    exact: softplus,
    // The logarithm moves by what its argument 1 + exp(-|x|) is off by, in units of that.
    valueError: (x) => {
      const small = Math.exp(-Math.abs(x));
      const argument = small * relativeError(expRoundings(x)) + UNIT * (1 + small);
      return argument / (1 + small) + logError(1 + small) + UNIT * softplus.value(x);
    },
    slopeError: sigmoidErrors.valueError,
  },
  {
    name: "gelu",
    exact: gelu,
    valueError: (x) => Math.abs(x) * (gaussianErrors(x).share + UNIT * normalDistribution(x)),
    slopeError: (x) => {
      const { density, share } = gaussianErrors(x);
      const terms = Math.abs(x) * normalDensity(x) + normalDistribution(x);
      return Math.abs(x) * density + share + UNIT * terms * 2;
    },
  },
  {
    name: "gelu-tanh",
    exact: geluTanh,
    // The sigmoid's argument has six roundings, and moves it by its slope, which that moves by as much as it is large.
    valueError: (x) => {
      const argument = geluArgument(x);
      const moved = sigmoid.slope(argument) * Math.abs(argument) * relativeError(6);
      const own = sigmoidErrors.valueError(argument) + moved + UNIT * sigmoid.value(argument);
      return Math.abs(x) * (own + geluRest(x));
    },
    slopeError: (x) => {
      const argument = geluArgument(x);
      const moved = Math.abs(argument) * relativeError(6);
      const steep = Math.abs(x) * geluArgumentSlope(x);
      const slope = sigmoidErrors.slopeError(argument) + sigmoid.slope(argument) * (moved + relativeError(6));
      const value = sigmoidErrors.valueError(argument) + sigmoid.slope(argument) * moved;
      const rest = geluRest(x) * (1 + Math.abs(x) * geluArgumentSlope(9));
      const terms = steep * sigmoid.slope(argument) + sigmoid.value(argument);
      return steep * slope + value + rest + 2 * UNIT * terms;
    },
  },
  { name: ["clamp", -0.75, 1.25], exact: limited(-0.75, 1.25), valueError: () => 0, slopeError: () => 0 },
  { name: "absolute", exact: magnitude, valueError: () => 0, slopeError: () => 0 },
  { name: "relu", exact: rectifier, valueError: () => 0, slopeError: () => 0 },
];

/** Functions one after the other, and the gradient of the result. */
export interface FunctionInputs {
  /** Of x, y and their gradients. */
  readonly type?: StoredType;
  readonly functions: readonly BoundedFunction[];
  readonly x: Float64Array;
  readonly dy: Float64Array;
}

/** What value and slope of a chain at x may be off by: each function moves what it is given, and adds an error of its own. */
function chainErrors(functions: readonly BoundedFunction[], x: number): { value: number; slope: number } {
  let [at, error] = [x, 0];
  let [slope, slopeError] = [1, 0];
  for (const { exact, valueError, slopeError: ownSlopeError } of functions) {
    const furthest = (f: (x: number) => number) =>
      Math.max(Math.abs(f(at + error) - f(at)), Math.abs(f(at - error) - f(at)));
    const own = exact.slope(at);
    const ownError = ownSlopeError(at) + (error > 0 ? furthest(exact.slope) : 0);
    slopeError = Math.abs(own) * slopeError + (Math.abs(slope) + slopeError) * ownError + UNIT * Math.abs(slope * own);
    slope *= own;
    error = valueError(at) + (error > 0 ? furthest(exact.value) : 0);
    at = exact.value(at);
  }
  return { value: error, slope: slopeError };
}

/** Outputs y and dx. */
export const functionSubject: Subject<FunctionInputs> = {
  compute: (device, { functions, x: data, dy, type }) =>
    evaluate(device, (tape, input) => {
      const x = input(data, [data.length], type);
      tape.watch(x);
      const y = elementwise(
        tape,
        x,
        functions.map(({ name }) => name),
      );
      tape.backward(y, input(dy, y.shape, type));
      return { y, dx: gradientOf(tape, x) };
    }),
  reference({ functions, x, dy }) {
    const exact = functions.map((f) => f.exact);
    return { y: chainForward(exact, x), dx: chainBackward(exact, x, dy) };
  },
  tolerance(inputs) {
    const { functions, x, dy, type } = inputs;
    const exact = functions.map((f) => f.exact);
    const dx = chainBackward(exact, x, dy);
    const errors = Array.from(x, (value) => chainErrors(functions, value));
    return {
      y: stored(
        Float64Array.from(errors, ({ value }) => value),
        chainForward(exact, x),
        type,
      ),
      dx: stored(
        dx.map((value, i) => Math.abs(dy[i]) * errors[i].slope + UNIT * Math.abs(value)),
        dx,
        type,
      ),
    };
  },
};

/** Functions that are for positive numbers alone, and that grow too fast for large ones. */
const positive = new Set<ElementwiseFunction>(["sqrt", "log"]);
const growing = new Set<ElementwiseFunction>(["exp", "square"]);
/** Where exponentials must not overflow, and kinks. */
const remarkable = [0, -0, 1.25, -0.75, 10, -10, 30, -30, 95, -95, 1000, -1000];

function nameOf(name: ElementwiseFunction): string {
  return typeof name === "string" ? name : name.join(" ");
}

function check(functions: readonly BoundedFunction[], type?: StoredType): Check {
  const text = functions.map(({ name }) => nameOf(name)).join(", ");
  return checkOf(
    ["elementwise", "elementwiseGradient"],
    `${text} of 131 numbers, and gradient${typeText(type)}`,
    functionSubject,
    () => {
      const random = randomInputs(25, type);
      const [{ name }] = functions;
      const x = positive.has(name) ? random.uniform(131, 0.125, 9) : random.normal(131, 2);
      if (functions.length === 1 && !positive.has(name)) x.set(remarkable.slice(0, growing.has(name) ? 6 : undefined));
      return { functions, x, dy: random.normal(131), type };
    },
  );
}

function find(name: string): BoundedFunction {
  const found = boundedFunctions.find((f) => nameOf(f.name) === name);
  if (!found) throw new RangeError(`there is no function "${name}"`);
  return found;
}

/** Chains of two, of all four that a launch takes, and of more. */
const chains = [
  ["square", "scale -1.75 0.375"],
  ["scale -1.75 0.375", "sigmoid", "sqrt", "square"],
  ["softplus", "log", "tanh", "exp", "scale -1.75 0.375", "gelu"],
].map((names) => names.map(find));

const single = (type?: StoredType) => boundedFunctions.map((f) => check([f], type));

/** Checks of every function of one number, and of chains of them. */
export const functionChecks: readonly Check[] = [...single(), ...chains.map((chain) => check(chain))];

/** The same with f16. */
export const halfFunctionChecks: readonly Check[] = [...single("f16"), check(chains[1], "f16")];
