import type { KernelDefinition } from "../../kernels/definition.js";
import * as kernels from "../../kernels/generated.js";
import type { Tensor } from "../engine/tensor.js";
import { ELEMENTWISE_FUNCTIONS } from "../ops/unary.js";
import type { OnnxGraph } from "./onnx-graph.js";
import { toTorch } from "./torch-layout.js";

/** A launch, with its tensors by the names of the kernel's bindings. */
export interface Call {
  readonly tensor: (binding: string) => Tensor;
  /** Parameters and constants; those that are booleans as 0 or 1. */
  readonly value: (name: string) => number;
}

/** Writes a launch of a kernel as operators that compute the same. */
export type Translation = (graph: OnnxGraph, call: Call) => void;

/** x as a map or as rows, whichever it is, in the shape of y; and y as what comes of it. */
function alike(
  graph: OnnxGraph,
  operands: readonly Tensor[],
  y: Tensor,
  compute: (names: string[], isMap: boolean) => string,
): void {
  const extents = y.shape.slice(1);
  const isMap = y.shape.length === 4 && operands.some((operand) => graph.isMap(operand));
  const names = operands.map((operand) => (isMap ? graph.map(operand, extents) : graph.rows(operand, extents)));
  const result = compute(names, isMap);
  if (isMap) graph.bindMap(y, result, extents);
  else graph.bindRows(y, result, extents);
}

const convolution: Translation = (graph, { tensor, value }) => {
  const [height, width] = [value("KERNEL_HEIGHT"), value("KERNEL_WIDTH")];
  const [from, to] = [value("IN_CHANNELS"), value("OUT_CHANNELS")];
  const groups = value("CHANNEL_GROUPS") || 1;
  const [down, across] = [value("PADDING_Y"), value("PADDING_X")];
  const shape = [height, width, from / groups, to];
  const weight = graph.constant(tensor("weight"), [to, from / groups, height, width], (values) =>
    toTorch({ shape }, values),
  );
  const x = graph.map(tensor("x"), [value("IN_HEIGHT"), value("IN_WIDTH"), from]);
  const ints = {
    kernel_shape: [height, width],
    strides: [value("STRIDE_Y"), value("STRIDE_X")],
    pads: [down, across, down, across],
    dilations: [value("DILATION_Y"), value("DILATION_X")],
    group: groups,
  };
  const y = graph.node("Conv", [x, weight], { ints });
  graph.bindMap(tensor("y"), y, [value("OUT_HEIGHT"), value("OUT_WIDTH"), to]);
};

const product: Translation = (graph, { tensor, value }) => {
  const [inner, cols] = [value("inner"), value("cols")];
  if (value("TRANSPOSE_A") === 1) graph.refuse(`a product with ${tensor("a")} transposed`);
  const turned = value("TRANSPOSE_B") === 1;
  const weight = graph.constant(tensor("b"), [inner, cols], (values) =>
    turned ? toTorch({ shape: [cols, inner] }, values) : values,
  );
  graph.bindRows(tensor("y"), graph.node("MatMul", [graph.rows(tensor("a"), [inner]), weight]), [cols]);
};

/** What comes after a norm: a residual sum and a rectifier. */
function finishNorm(graph: OnnxGraph, { tensor, value }: Call, normalized: string, isMap: boolean): string {
  const residual = tensor("residual");
  const extents = tensor("y").shape.slice(1);
  const added = () => (isMap ? graph.map(residual, extents) : graph.rows(residual, extents));
  const sum = value("RESIDUAL") === 1 ? graph.node("Add", [normalized, added()]) : normalized;
  return value("RELU") === 1 ? graph.node("Relu", [sum]) : sum;
}

const batchNorm: Translation = (graph, call) => {
  const { tensor, value } = call;
  const channels = value("channels");
  const vector = (binding: string, is: boolean, otherwise: number) =>
    is ? graph.constant(tensor(binding), [channels]) : graph.filled(channels, otherwise);
  const [mean, variance] = [0, channels].map((begin) =>
    graph.constant(tensor("statistics"), [channels], (values) => values.slice(begin, begin + channels)),
  );
  const gamma = vector("gamma", value("GAMMA") === 1, 1);
  const beta = vector("beta", value("BETA") === 1, 0);
  const y = tensor("y");
  // Channels are the net's second extent in maps, and of rows of vectors.
  if (y.shape.length !== 4 && y.shape.length !== 2) graph.refuse(`the batch norm of ${tensor("x")}`);
  alike(graph, [tensor("x")], y, ([x], isMap) => {
    if (y.shape.length === 4 && !isMap) graph.refuse(`the batch norm of ${tensor("x")}`);
    const floats = { epsilon: value("EPSILON") };
    const normalized = graph.node("BatchNormalization", [x, gamma, beta, mean, variance], { floats });
    return finishNorm(graph, call, normalized, isMap);
  });
};

/** As PyTorch exports it, for GroupNormalization came with a later set of operators: each group is an instance of one channel. */
const groupNorm: Translation = (graph, call) => {
  const { tensor, value } = call;
  const [y, channels] = [tensor("y"), value("channels")];
  const [, height, width] = y.shape;
  const extents = [height, width, channels];
  const { groups, epsilon } = graph.groupsOf(tensor("statistics"));
  const grouped = graph.reshape(graph.map(tensor("x"), extents), [0, groups, -1]);
  const inputs = [grouped, graph.filled(groups, 1), graph.filled(groups, 0)];
  const normalized = graph.node("InstanceNormalization", inputs, { floats: { epsilon } });
  const map = graph.reshape(normalized, [0, channels, height, width]);
  const scaled = graph.node("Mul", [map, graph.constant(tensor("gamma"), [1, channels, 1, 1])]);
  const shifted = graph.node("Add", [scaled, graph.constant(tensor("beta"), [1, channels, 1, 1])]);
  graph.bindMap(y, finishNorm(graph, call, shifted, true), extents);
};

const layerNorm: Translation = (graph, { tensor, value }) => {
  const cols = value("cols");
  const vector = (binding: string, is: boolean, otherwise: number) =>
    is ? graph.constant(tensor(binding), [cols]) : graph.filled(cols, otherwise);
  const gamma = vector("gamma", value("GAMMA") === 1, 1);
  const beta = vector("beta", value("BETA") === 1, 0);
  const attributes = { floats: { epsilon: value("EPSILON") }, ints: { axis: -1 } };
  const x = graph.rows(tensor("x"), [cols]);
  graph.bindRows(tensor("y"), graph.node("LayerNormalization", [x, gamma, beta], attributes), [cols]);
};

const attention: Translation = (graph, { tensor, value }) => {
  const [tokens, heads, depth] = [value("tokens"), value("heads"), value("DEPTH")];
  const permute = (name: string, ...perm: number[]) => graph.node("Transpose", [name], { ints: { perm } });
  const all = permute(graph.rows(tensor("qkv"), [tokens, 3, heads, depth]), 2, 0, 3, 1, 4);
  const [q, k, v] = [0, 1, 2].map((which) => graph.node("Gather", [all, graph.index(which)], { ints: { axis: 0 } }));
  const scaled = graph.node("Mul", [q, graph.floats([1], [value("scale")])]);
  const scores = graph.node("MatMul", [scaled, permute(k, 0, 1, 3, 2)]);
  const shares = graph.node("Softmax", [scores], { ints: { axis: -1 } });
  const mixed = permute(graph.node("MatMul", [shares, v]), 0, 2, 1, 3);
  graph.bindRows(tensor("y"), graph.reshape(mixed, [-1, tokens, heads * depth]), [tokens, heads * depth]);
};

/** Operators of the kernel's operations that ONNX has. */
const BINARY = ["Add", "Sub", "Mul", "Div"];

const binary: Translation = (graph, { tensor, value }) => {
  const y = tensor("y");
  const operator = BINARY[value("OPERATION")] ?? graph.refuse("a product of which a gradient is made");
  const cols = Math.max(value("a_cols"), value("b_cols"));
  const rows = Math.max(value("a_rows"), value("b_rows"));
  if (rows === 1 && !["a", "b"].some((name) => graph.isKnown(tensor(name)))) {
    alike(graph, [tensor("a"), tensor("b")], y, (names) => graph.node(operator, names));
    return;
  }
  const operand = (name: string) => {
    const [own, ownRows, ownCols] = [tensor(name), value(`${name}_rows`), value(`${name}_cols`)];
    if (!graph.isKnown(own)) return ownRows === rows ? graph.rows(own, [ownCols]) : graph.refuse(`${own}, repeated,`);
    return ownRows === 1 ? graph.constant(own, [1, ownCols]) : graph.repeated(own, ownCols);
  };
  graph.bindRows(y, graph.node(operator, [operand("a"), operand("b")]), [cols]);
};

/** The functions that ONNX has an operator of. */
const FUNCTIONS: Readonly<Record<string, string>> = {
  ...{ sqrt: "Sqrt", exp: "Exp", log: "Log", sigmoid: "Sigmoid", tanh: "Tanh", softplus: "Softplus" },
  ...{ absolute: "Abs", relu: "Relu" },
};

function unary(graph: OnnxGraph, name: string, x: string, a: number, b: number): string {
  const number = (of: number) => graph.floats([1], [of]);
  const operator = FUNCTIONS[name];
  if (operator) return graph.node(operator, [x]);
  switch (name) {
    case "scale":
      return graph.node("Add", [graph.node("Mul", [x, number(a)]), number(b)]);
    case "square":
      return graph.node("Mul", [x, x]);
    case "gelu": {
      const share = graph.node("Erf", [graph.node("Mul", [x, number(Math.SQRT1_2)])]);
      return graph.node("Mul", [graph.node("Mul", [x, number(0.5)]), graph.node("Add", [share, number(1)])]);
    }
    default:
      return graph.refuse(`the function ${name}`);
  }
}

const elementwise: Translation = (graph, { tensor, value }) =>
  alike(graph, [tensor("x")], tensor("y"), ([x]) =>
    [1, 2, 3, 4].reduce((inner, link) => {
      const code = value(`FUNCTION_${link}`);
      if (code === 0) return inner;
      return unary(graph, ELEMENTWISE_FUNCTIONS[code - 1], inner, value(`a_${link}`), value(`b_${link}`));
    }, x),
  );

const channelScale: Translation = (graph, { tensor, value }) => {
  const of = (name: string) => ["r", "g", "b"].map((colour) => value(`${name}_${colour}`));
  alike(graph, [tensor("x")], tensor("y"), ([x], isMap) => {
    const shape = isMap ? [1, 3, 1, 1] : [3];
    const scaled = graph.node("Mul", [x, graph.floats(shape, of("scale"))]);
    return graph.node("Add", [scaled, graph.floats(shape, of("offset"))]);
  });
};

const bias: Translation = (graph, { tensor, value }) =>
  alike(graph, [tensor("x")], tensor("y"), ([x], isMap) => {
    const channels = value("channels");
    return graph.node("Add", [x, graph.constant(tensor("bias"), isMap ? [1, channels, 1, 1] : [channels])]);
  });

const maxPool: Translation = (graph, { tensor, value }) => {
  const [kernel, stride, padding] = [value("KERNEL"), value("STRIDE"), value("PADDING")];
  const x = graph.map(tensor("x"), [value("height"), value("width"), value("channels")]);
  const ints = {
    kernel_shape: [kernel, kernel],
    strides: [stride, stride],
    pads: [padding, padding, padding, padding],
  };
  const y = graph.node("MaxPool", [x], { ints });
  graph.bindMap(tensor("y"), y, [value("out_height"), value("out_width"), value("channels")]);
};

const globalAveragePool: Translation = (graph, { tensor, value }) => {
  const [x, pixels, channels] = [tensor("x"), value("pixels"), value("channels")];
  const pooled = graph.isMap(x)
    ? graph.node("Flatten", [graph.node("GlobalAveragePool", [graph.map(x, x.shape.slice(1))])])
    : graph.node("ReduceMean", [graph.rows(x, [pixels, channels])], { ints: { axes: [1], keepdims: 0 } });
  graph.bindRows(tensor("y"), pooled, [channels]);
};

const slice: Translation = (graph, { tensor, value }) => {
  const [cols, first, count] = [value("cols"), value("first"), value("count")];
  const inputs = [graph.rows(tensor("x"), [cols]), ...[first, first + count, 1].map((at) => graph.whole([at]))];
  graph.bindRows(tensor("y"), graph.node("Slice", inputs), [count]);
};

const insert: Translation = (graph, { tensor, value }) => {
  const [x, y, cols, first, count] = [tensor("x"), tensor("y"), value("cols"), value("first"), value("count")];
  if (value("FILL") === 1) graph.refuse("what is surrounded by zeros");
  const name = graph.isKnown(x) ? graph.repeated(x, count) : graph.rows(x, [count]);
  const parts = graph.keepColumns(y, { first, name, count }, cols);
  if (parts) graph.bindRows(y, graph.node("Concat", parts, { ints: { axis: 1 } }), [cols]);
};

/** Of every kernel that encoders and heads of the library launch for images, and of some more. */
export const TRANSLATIONS: ReadonlyMap<KernelDefinition, Translation> = new Map<KernelDefinition, Translation>([
  [kernels.conv2d, convolution],
  [kernels.conv2dTiled, convolution],
  [kernels.conv2dMatrix, convolution],
  [kernels.groupedConv2d, convolution],
  [kernels.matmul, product],
  [kernels.matmulTiled, product],
  [kernels.matmulMatrix, product],
  [kernels.batchNorm, batchNorm],
  // Its statistics are part of InstanceNormalization.
  [kernels.groupNormStatistics, () => {}],
  [
    kernels.groupNormCombine,
    (graph, { tensor, value }) =>
      graph.keepGroups(tensor("statistics"), { groups: value("groups"), epsilon: value("EPSILON") }),
  ],
  [kernels.groupNorm, groupNorm],
  [kernels.layerNorm, layerNorm],
  [kernels.attention, attention],
  [kernels.channelScale, channelScale],
  [kernels.bias, bias],
  [kernels.relu, (graph, { tensor }) => alike(graph, [tensor("x")], tensor("y"), (names) => graph.node("Relu", names))],
  [
    kernels.add,
    (graph, { tensor }) => alike(graph, [tensor("a"), tensor("b")], tensor("y"), (names) => graph.node("Add", names)),
  ],
  [kernels.binary, binary],
  [kernels.elementwise, elementwise],
  [kernels.maxPool, maxPool],
  [kernels.globalAveragePool, globalAveragePool],
  [kernels.slice, slice],
  [kernels.insert, insert],
]);
