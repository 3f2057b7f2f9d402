import { KernelError } from "../src/errors.js";
import type { KernelValues } from "./definition.js";

/** Functions that expressions may call. */
const FUNCTIONS = { ceil: Math.ceil, floor: Math.floor, min: Math.min, max: Math.max };
type FunctionName = keyof typeof FUNCTIONS;

const OPERATORS = { "+": 1, "-": 1, "*": 2, "/": 2, "%": 2 };
type Operator = keyof typeof OPERATORS;

/** What a kernel's header computes from the values of a launch. */
export type Expression =
  | { readonly kind: "number"; readonly text: string }
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "call"; readonly name: FunctionName; readonly operands: readonly Expression[] }
  | { readonly kind: "operation"; readonly operator: Operator; readonly operands: readonly [Expression, Expression] };

function isFunction(word: string): word is FunctionName {
  return Object.hasOwn(FUNCTIONS, word);
}

function isOperator(word: string | undefined): word is Operator {
  return word !== undefined && Object.hasOwn(OPERATORS, word);
}

/**
 * Reads an expression: numbers, names, + - * / %, parentheses, and calls of ceil, floor, min and max.
 * @param resolve what a name stands for; null for a name that there is not.
 * @throws KernelError for anything else.
 */
export function parseExpression(text: string, resolve: (name: string) => Expression | null): Expression {
  const tokens = [...text.matchAll(/[A-Za-z_]\w*|\d+(?:\.\d*)?(?:[eE][+-]?\d+)?u?|\S/g)].map(([token]) => token);
  let at = 0;
  const fail = (what: string) => new KernelError(`${what} in "${text.trim()}"`);
  const expect = (token: string) => {
    if (tokens[at] !== token) throw fail(`${tokens[at] ?? "the end"} stands where ${token} is to stand`);
    at += 1;
  };

  function sum(level: number): Expression {
    let left = level > 2 ? value() : sum(level + 1);
    for (let operator = tokens[at]; isOperator(operator) && OPERATORS[operator] === level; operator = tokens[at]) {
      at += 1;
      left = { kind: "operation", operator, operands: [left, level === 2 ? value() : sum(level + 1)] };
    }
    return left;
  }

  function value(): Expression {
    const token = tokens[at];
    at += 1;
    if (token === undefined) throw fail("a number or a name is missing at the end");
    if (/^\d/.test(token)) return { kind: "number", text: token.replace(/u$/, "") };
    if (token === "-") return { kind: "operation", operator: "-", operands: [{ kind: "number", text: "0" }, value()] };
    if (token === "(") {
      const inner = sum(1);
      expect(")");
      return inner;
    }
    if (isFunction(token) && tokens[at] === "(") return call(token);
    if (!/^[A-Za-z_]/.test(token)) throw fail(`${token} stands where a number or a name is to stand`);
    const found = resolve(token);
    if (!found) throw fail(`unknown name ${token}`);
    return found;
  }

  function call(name: FunctionName): Expression {
    const operands: Expression[] = [];
    do {
      at += 1;
      operands.push(sum(1));
    } while (tokens[at] === ",");
    expect(")");
    if (operands.length > 1 && FUNCTIONS[name].length === 1)
      throw fail(`${name}() takes one number, not ${operands.length}`);
    return { kind: "call", name, operands };
  }

  const whole = sum(1);
  if (at < tokens.length) throw fail(`${tokens[at]} follows what is complete`);
  return whole;
}

/** The same in whole numbers, as WGSL computes with u32: what a division leaves over is dropped. */
export function inWholeNumbers(expression: Expression): Expression {
  if (expression.kind === "call") return { ...expression, operands: expression.operands.map(inWholeNumbers) };
  if (expression.kind !== "operation") return expression;
  const [left, right] = expression.operands;
  const whole: Expression = { ...expression, operands: [inWholeNumbers(left), inWholeNumbers(right)] };
  return expression.operator === "/" ? { kind: "call", name: "floor", operands: [whole] } : whole;
}

/** What an expression comes to with these values. */
export function evaluate(expression: Expression, values: KernelValues): number {
  if (expression.kind === "number") return Number(expression.text);
  if (expression.kind === "name") return values[expression.name];
  const operands = expression.operands.map((operand) => evaluate(operand, values));
  if (expression.kind === "call") {
    const call: (...numbers: number[]) => number = FUNCTIONS[expression.name];
    return call(...operands);
  }
  const [left, right] = operands;
  switch (expression.operator) {
    case "+":
      return left + right;
    case "-":
      return left - right;
    case "*":
      return left * right;
    case "/":
      return left / right;
    case "%":
      return left % right;
  }
}

/** An expression in TypeScript, over values called `v`. */
export function print(expression: Expression): string {
  if (expression.kind === "number") return expression.text;
  if (expression.kind === "name") return `v["${expression.name}"]`;
  if (expression.kind === "call") return `Math.${expression.name}(${expression.operands.map(print).join(", ")})`;
  const { operator, operands } = expression;
  const level = OPERATORS[operator];
  const [left, right] = operands.map((operand, i) => {
    const weaker = operand.kind === "operation" && OPERATORS[operand.operator] < level + i;
    return weaker ? `(${print(operand)})` : print(operand);
  });
  return `${left} ${operator} ${right}`;
}
