import {
  arrangementSubject,
  concatenated,
  gathered,
  permuted,
  scattered,
  sliced,
} from "../../src/doctor/arrangement-checks.js";
import { attentionSubject } from "../../src/doctor/attention-checks.js";
import { binarySubject } from "../../src/doctor/broadcast-checks.js";
import type { Outputs, Subject } from "../../src/doctor/check.js";
import { type BoundedFunction, boundedFunctions, functionSubject } from "../../src/doctor/function-checks.js";
import { layerNormSubject } from "../../src/doctor/layer-norm-checks.js";
import { batchedMatmulSubject } from "../../src/doctor/matmul-checks.js";
import { reductionSubject, softmaxSubject } from "../../src/doctor/reduction-checks.js";
import { standardizeSubject, statisticsSubject } from "../../src/doctor/statistics-checks.js";
import type { Device } from "../../src/engine/device.js";
import type { GoldenCase } from "./goldens.js";

/** Cases of a golden file that one subject is put through. */
export interface OperationGoldens {
  readonly file: string;
  readonly cases: readonly string[];
  /** Names of the outputs that PyTorch's values are there for. */
  outputs(golden: GoldenCase): readonly string[];
  reference(golden: GoldenCase): Outputs;
  compute(device: Device, golden: GoldenCase): Promise<Outputs>;
  tolerance(golden: GoldenCase): Outputs;
}

function goldensOf<Inputs>(
  file: string,
  cases: readonly string[],
  subjectOf: (golden: GoldenCase) => Subject<Inputs>,
  inputsOf: (golden: GoldenCase, name: string) => Inputs,
  outputs: readonly string[],
): OperationGoldens {
  return {
    file,
    cases,
    outputs: (golden) => outputs.filter((name) => golden.tensors.includes(name)),
    reference: (golden) => subjectOf(golden).reference(inputsOf(golden, golden.name), {}),
    compute: (device, golden) => subjectOf(golden).compute(device, inputsOf(golden, golden.name)),
    tolerance: (golden) => subjectOf(golden).tolerance(inputsOf(golden, golden.name)),
  };
}

const nameOf = ({ name }: BoundedFunction) => (typeof name === "string" ? name : name[0]);

function functionOf(name: string): BoundedFunction {
  const found = boundedFunctions.find((f) => nameOf(f) === name);
  if (!found) throw new RangeError(`no function is called "${name}"`);
  return found;
}

const quarter: BoundedFunction = {
  name: ["scale", 0.25],
  exact: { value: (x) => x / 4, slope: () => 0.25 },
  valueError: () => 0,
  slopeError: () => 0,
};

const numbers = <Name extends string>(golden: GoldenCase, ...names: readonly Name[]): number[] =>
  names.map((name) => golden.number(name));

function operandOf(golden: GoldenCase, name: string) {
  return { shape: golden.shape(name), data: golden.floats(name) };
}

const optional = (golden: GoldenCase, name: string) =>
  golden.tensors.includes(name) ? golden.floats(name) : undefined;

const find = <Name extends string>(names: readonly Name[], name: string): Name => {
  const found = names.find((own) => own === name);
  if (!found) throw new RangeError(`"${name}" is none of ${names.join(", ")}`);
  return found;
};

const operations = ["add", "subtract", "multiply", "divide"] as const;
const forms = ["equal", "row", "column", "number", "row and column", "leading", "trailing"];
const reductions = ["sum", "mean", "log-sum-exp", "maximum"] as const;
const reduced = ["rows", "columns", "all"] as const;
const sizes = ["5x7", "1x11", "13x1", "9x5"];

/** How a golden case of `arrangement` moves elements. */
function arrangerOf(golden: GoldenCase) {
  const integers = (name: string) => Uint32Array.from(golden.integers(name));
  switch (golden.name) {
    case "slice": {
      const [axis, start, end] = numbers(golden, "axis", "start", "end");
      return sliced(golden.shape("x0"), axis, start, end);
    }
    case "concatenate":
      return concatenated([golden.shape("x0"), golden.shape("x1")], golden.number("axis"));
    case "permute": {
      const order: number[] = JSON.parse(golden.text("order"));
      return permuted(golden.shape("x0"), order);
    }
    case "gather rows":
      return gathered(golden.shape("x0")[0], golden.number("columns"), integers("indices"));
    default:
      return scattered(golden.number("rows"), golden.number("columns"), integers("indices"));
  }
}

/** All golden cases of the operations that losses are composed of. */
export const operationGoldens: readonly OperationGoldens[] = [
  goldensOf(
    "functions",
    boundedFunctions.map(nameOf),
    () => functionSubject,
    (golden, name) => ({
      // The golden case is of exp(x / 4).
      functions: name === "exp" ? [quarter, functionOf(name)] : [functionOf(name)],
      x: golden.floats("x"),
      dy: golden.floats("dy"),
    }),
    ["y", "dx"],
  ),
  goldensOf(
    "broadcast",
    operations.flatMap((operation) => forms.map((form) => `${operation} ${form}`)),
    () => binarySubject,
    (golden) => ({
      operation: find(operations, golden.text("operation")),
      a: operandOf(golden, "a"),
      b: operandOf(golden, "b"),
      dy: golden.floats("dy"),
    }),
    ["y", "da", "db"],
  ),
  goldensOf(
    "reductions",
    sizes.flatMap((size) => reduced.flatMap((of) => reductions.map((reduction) => `${reduction} of ${of} ${size}`))),
    () => reductionSubject,
    (golden) => ({
      reduction: find(reductions, golden.text("reduction")),
      of: find(reduced, golden.text("of")),
      rows: golden.number("rows"),
      columns: golden.number("columns"),
      x: golden.floats("x"),
      dy: golden.floats("dy"),
    }),
    ["y", "dx"],
  ),
  goldensOf(
    "reductions",
    ["softmax", "log-softmax"].flatMap((name) => ["5x7", "3x1", "3x37"].map((size) => `${name} ${size}`)),
    () => softmaxSubject,
    (golden) => ({
      logarithm: golden.flag("logarithm"),
      rows: golden.number("rows"),
      columns: golden.number("columns"),
      x: golden.floats("x"),
      dy: golden.floats("dy"),
    }),
    ["y", "dx"],
  ),
  goldensOf(
    "layer-norm",
    ["affine", "plain", "gamma alone", "one row", "one column", "mean far from zero", "another epsilon"],
    () => layerNormSubject,
    (golden) => ({
      rows: golden.number("rows"),
      columns: golden.number("columns"),
      epsilon: golden.number("epsilon"),
      x: golden.floats("x"),
      dy: golden.floats("dy"),
      gamma: optional(golden, "gamma"),
      beta: optional(golden, "beta"),
    }),
    ["y", "dx", "dGamma", "dBeta"],
  ),
  goldensOf(
    "attention",
    ["two heads", "one token", "peaked"],
    () => attentionSubject,
    (golden) => {
      const [batch, tokens, heads, depth] = numbers(golden, "batch", "tokens", "heads", "depth");
      return { batch, tokens, heads, depth, qkv: golden.floats("qkv"), dy: golden.floats("dy") };
    },
    ["y", "dqkv"],
  ),
  goldensOf(
    "batched-matmul",
    ["nn", "tn", "nt", "tt", "one by one"],
    () => batchedMatmulSubject,
    (golden) => {
      const [batch, m, n, k] = numbers(golden, "batch", "m", "n", "k");
      const [transposeA, transposeB] = [golden.flag("transposeA"), golden.flag("transposeB")];
      const [a, b, dc] = ["a", "b", "dc"].map((name) => golden.floats(name));
      return { batch, m, n, k, transposeA, transposeB, a, b, dc };
    },
    ["c", "da", "db"],
  ),
  goldensOf(
    "arrangement",
    ["slice", "concatenate", "permute", "gather rows", "scatter-add rows"],
    (golden) => arrangementSubject(arrangerOf(golden)),
    (golden) => ({
      inputs: ["x0", "x1"].filter((name) => golden.tensors.includes(name)).map((name) => operandOf(golden, name)),
      dy: golden.floats("dy"),
    }),
    ["y", "dx0", "dx1"],
  ),
  goldensOf(
    "statistics",
    ["small", "one row", "mean far from zero"],
    () => statisticsSubject,
    (golden) => ({
      rows: golden.number("rows"),
      columns: golden.number("columns"),
      x: golden.floats("x"),
      dStatistics: golden.floats("dStatistics"),
    }),
    ["dx"],
  ),
  goldensOf(
    "statistics",
    ["standardize"],
    () => standardizeSubject,
    (golden) => ({
      rows: golden.number("rows"),
      x: golden.floats("x"),
      statistics: golden.floats("statistics"),
      dy: golden.floats("dy"),
    }),
    ["dx", "dStatistics"],
  ),
];
