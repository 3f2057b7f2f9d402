import * as kernels from "../../kernels/generated.js";
import type { Tape } from "../engine/tape.js";
import type { Tensor } from "../engine/tensor.js";
import { ConfigError } from "../errors.js";

/** The functions by their codes in kernels/lib/functions.wgsl, from 1 on. */
export const ELEMENTWISE_FUNCTIONS = [
  "scale",
  "square",
  "sqrt",
  "exp",
  "log",
  "sigmoid",
  "tanh",
  "softplus",
  "gelu",
  "gelu-tanh",
  "clamp",
  "absolute",
  "relu",
] as const;

/** A function of one number: its name, for `scale` with a factor and an offset (0 by default), for `clamp` with its limits. */
export type ElementwiseFunction =
  | Exclude<(typeof ELEMENTWISE_FUNCTIONS)[number], "scale" | "clamp">
  | readonly ["scale", factor: number, offset?: number]
  | readonly ["clamp", min: number, max: number];

/** Functions that one launch goes through. */
const LINKS = 4;

/**
 * A chain of functions, element by element, the first one innermost: `elementwise(tape, x, ["square", ["scale", -2], "exp"])` is
 * exp(-2 x^2). Up to four of them take one launch, and one for the gradient, which follows from x alone: nothing in between is
 * kept, or rounded to f16. The functions are those of this file, and `relu`. The result has the type of x.
 * @throws ConfigError for what is no list of these functions, a `scale` without a factor, and a `clamp` without limits or whose
 * lower one is above the upper one.
 */
export function elementwise(tape: Tape, x: Tensor, functions: readonly ElementwiseFunction[]): Tensor {
  if (!Array.isArray(functions))
    throw new ConfigError(`elementwise takes a list of functions, such as ["relu"], not ${JSON.stringify(functions)}`);
  let result = x;
  for (let i = 0; i < functions.length; i += LINKS) result = chain(tape, result, functions.slice(i, i + LINKS));
  return result;
}

function chain(tape: Tape, x: Tensor, functions: readonly ElementwiseFunction[]): Tensor {
  const links = Array.from({ length: LINKS }, (_, i) => linkOf(functions[i]));
  const [one, two, three, four] = links;
  const params = {
    ...{ elements: x.size, a_1: one.a, b_1: one.b, a_2: two.a, b_2: two.b },
    ...{ a_3: three.a, b_3: three.b, a_4: four.a, b_4: four.b },
  };
  const constants = { FUNCTION_1: one.code, FUNCTION_2: two.code, FUNCTION_3: three.code, FUNCTION_4: four.code };
  const label = links.reduce((inner, { name }) => (name ? `${name} of ${inner}` : inner), x.label);
  const y = tape.tensor(x.shape, label, x.type);
  tape.launch(kernels.elementwise, { x, y }, params, constants);
  tape.differentiate([x], y, (dy) => {
    const dx = tape.tensor(x.shape, `gradient of ${x.label}`, x.type);
    tape.launch(kernels.elementwiseGradient, { x, dy, dx }, params, constants);
    return [dx];
  });
  return y;
}

function linkOf(link?: ElementwiseFunction) {
  if (link === undefined) return { name: "", code: 0, a: 0, b: 0 };
  const [name, a, b] = typeof link === "string" ? ([link] as const) : link;
  const code = ELEMENTWISE_FUNCTIONS.indexOf(name) + 1;
  if (code === 0)
    throw new ConfigError(`there is no function ${JSON.stringify(name)}: choose ${ELEMENTWISE_FUNCTIONS.join(", ")}`);
  if (name === "scale" && a === undefined) throw new ConfigError('scale needs a factor: give ["scale", factor]');
  if (name === "clamp" && (a === undefined || b === undefined))
    throw new ConfigError('clamp needs two limits: give ["clamp", min, max]');
  if (name === "clamp" && a > b) throw new ConfigError(`clamp: the lower limit ${a} is above the upper one, ${b}`);
  return { name, code, a: a ?? 0, b: b ?? 0 };
}

/** factor * x + offset, which is 0 by default. */
export function scale(tape: Tape, x: Tensor, factor: number, offset = 0): Tensor {
  return elementwise(tape, x, [["scale", factor, offset]]);
}

/** -x. */
export function negate(tape: Tape, x: Tensor): Tensor {
  return scale(tape, x, -1);
}

/** x^2. */
export function square(tape: Tape, x: Tensor): Tensor {
  return elementwise(tape, x, ["square"]);
}

/** The square root of x; its gradient at 0 is infinite. */
export function sqrt(tape: Tape, x: Tensor): Tensor {
  return elementwise(tape, x, ["sqrt"]);
}

/** e^x. */
export function exp(tape: Tape, x: Tensor): Tensor {
  return elementwise(tape, x, ["exp"]);
}

/** The natural logarithm of x. */
export function log(tape: Tape, x: Tensor): Tensor {
  return elementwise(tape, x, ["log"]);
}

/** 1 / (1 + exp(-x)), for any x without overflow. */
export function sigmoid(tape: Tape, x: Tensor): Tensor {
  return elementwise(tape, x, ["sigmoid"]);
}

/** The hyperbolic tangent of x, for any x without overflow. */
export function tanh(tape: Tape, x: Tensor): Tensor {
  return elementwise(tape, x, ["tanh"]);
}

/** log(1 + exp(x)), for any x without overflow. */
export function softplus(tape: Tape, x: Tensor): Tensor {
  return elementwise(tape, x, ["softplus"]);
}

/**
 * x Phi(x), where Phi is the distribution function of the normal distribution (Hendrycks and Gimpel 2016), to 7.5e-8 of x; with
 * `tanh`, their approximation x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2.
 */
export function gelu(tape: Tape, x: Tensor, { tanh = false }: { readonly tanh?: boolean } = {}): Tensor {
  return elementwise(tape, x, [tanh ? "gelu-tanh" : "gelu"]);
}

/** min(max(x, min), max); a gradient passes where x is within the limits, ends included. @throws ConfigError for min above max. */
export function clamp(tape: Tape, x: Tensor, min: number, max: number): Tensor {
  return elementwise(tape, x, [["clamp", min, max]]);
}

/** |x|; its gradient at 0 is 0. */
export function absolute(tape: Tape, x: Tensor): Tensor {
  return elementwise(tape, x, ["absolute"]);
}
