import type { KernelDefinition } from "../../kernels/definition.js";
import * as kernels from "../../kernels/generated.js";
import type { Device } from "../engine/device.js";
import type { Launch } from "../engine/launch.js";
import { compileProgram } from "../engine/program.js";
import { Tape } from "../engine/tape.js";
import type { Tensor } from "../engine/tensor.js";
import { ConfigError } from "../errors.js";
import { encodeOnnxModel, type OnnxConstant, type OnnxNode } from "../io/onnx.js";
import { VERSION } from "../version.js";
import type { Model } from "./model.js";
import { toTorch } from "./torch-layout.js";

/** What an ONNX file is made of. */
export interface OnnxOptions {
  /** With what follows the encoder: z, or the classes' logits, come out in place of h. False by default. */
  readonly head?: boolean;
  /**
   * Take pixels from 0 to 255, and scale and normalise them in the net; false by default: then it takes pixel values that are scaled
   * and normalised already (see `preprocessingOf`), as Hugging Face's image processors give them.
   */
  readonly withPreprocessing?: boolean;
  /** What the file says of itself; nothing by default. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** What the net takes: f32 [batch, 3, imageSize, imageSize]. */
export const ONNX_INPUT = "pixel_values";

/** What comes out of a net with these: f32 [batch, features], [batch, z's dimension] or [batch, classes]. */
export function onnxOutput({ classes }: Pick<Model, "classes">, head: boolean): string {
  return head && classes > 0 ? "logits" : "image_embeds";
}

/** Images of the recording. What is recorded does not depend on how many; the file is for any number. */
const BATCH = 2;

/**
 * A model as an ONNX file: images [batch, 3, imageSize, imageSize] of f32 to representations [batch, features], for any batch. The
 * forward pass is recorded as for embedding, and each kernel's launch becomes the operators that compute the same; what depends on
 * weights alone (standardised weights, running statistics) is computed here and becomes part of the file. So encoders of one's own
 * can be written too, as far as they are made of convolutions, batch and group norms, rectifiers, sums, pooling and linear layers.
 * @throws ConfigError for an encoder or head with another operation in it.
 */
export async function encodeOnnx(model: Model, options: OnnxOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
  const { head = false, withPreprocessing = false, metadata = {} } = options;
  const { encoder, imageSize: size, tensors } = model;
  const { device } = tensors;
  const tape = new Tape(device);
  const pass = tensors.pass(tape, { training: false });
  const images = tape.tensor([BATCH, size, size, 3], "images");
  const h = encoder.forward(pass, images);
  const output = head ? model.head.forward(pass, h) : h;
  const names = new Map(tensors.specs.map(({ name }) => [tensors.tensor(name).base, name]));

  const computed = launchesOfConstants(tape.launches, new Set(names.keys()));
  const values = await readConstants(device, tape.launches, computed, new Set(names.keys()));
  const graph = new Graph(values, names);
  graph.begin(images, withPreprocessing);
  for (const launch of tape.launches) {
    if (computed.has(launch)) continue;
    const scaled = encoder.normalization && launch.kernel === kernels.channelScale && launch.tensors[0] === images.base;
    if (scaled && !withPreprocessing) graph.rename(launch.tensors[0], launch.tensors[1]);
    else graph.translate(launch);
  }
  const name = onnxOutput(model, head);
  graph.end(output, name);
  return encodeOnnxModel({
    name: encoder.name,
    nodes: graph.nodes,
    constants: graph.constants,
    inputs: [{ name: ONNX_INPUT, shape: ["batch", 3, size, size] }],
    outputs: [{ name, shape: ["batch", head ? model.head.output : encoder.features] }],
    producer: { name: "webgpu-simclr", version: VERSION },
    metadata,
  });
}

/** The tensors that a launch reads, and those that it writes. */
function operandsOf({ kernel, tensors }: Launch): { reads: Tensor[]; writes: Tensor[] } {
  const of = (access: string) => tensors.filter((_, i) => kernel.bindings[i].access === access);
  return { reads: of("read"), writes: of("read_write") };
}

/** The launches whose results are the same for all images. */
function launchesOfConstants(launches: readonly Launch[], weights: ReadonlySet<Tensor>): Set<Launch> {
  const known = new Set(weights);
  const found = new Set<Launch>();
  for (const launch of launches) {
    const { reads, writes } = operandsOf(launch);
    if (!reads.every((tensor) => known.has(tensor))) continue;
    found.add(launch);
    for (const tensor of writes) known.add(tensor);
  }
  return found;
}

/** Values of the weights, and of what is computed from them alone, as far as other launches read them. */
async function readConstants(
  device: Device,
  launches: readonly Launch[],
  computed: ReadonlySet<Launch>,
  weights: ReadonlySet<Tensor>,
): Promise<Map<Tensor, Float32Array>> {
  const made = new Set([...computed].flatMap((launch) => operandsOf(launch).writes));
  const others = launches.filter((launch) => !computed.has(launch));
  const read = new Set(others.flatMap((launch) => operandsOf(launch).reads));
  const wanted = [...read].filter((tensor) => made.has(tensor) || weights.has(tensor));
  const keep = wanted.filter((tensor) => made.has(tensor));
  const program = await compileProgram(device, [...computed], { keep });
  try {
    program.run();
    const values = new Map<Tensor, Float32Array>();
    for (const tensor of wanted) values.set(tensor, await device.read(tensor));
    return values;
  } finally {
    program.dispose();
  }
}

/** A launch with its tensors by the names of the kernel's bindings. */
interface Call {
  readonly tensor: (binding: string) => Tensor;
  /** Parameters and constants; those that are booleans as 0 or 1. */
  readonly value: (name: string) => number;
}

type Translation = (graph: Graph, call: Call) => void;

const convolution: Translation = (graph, { tensor, value }) => {
  const [height, width] = [value("KERNEL_HEIGHT"), value("KERNEL_WIDTH")];
  const [from, to] = [value("IN_CHANNELS"), value("OUT_CHANNELS")];
  const groups = value("CHANNEL_GROUPS") || 1;
  const [down, across] = [value("PADDING_Y"), value("PADDING_X")];
  const shape = [height, width, from / groups, to];
  const weight = graph.constant(tensor("weight"), [to, from / groups, height, width], (values) =>
    toTorch({ shape }, values),
  );
  graph.apply("Conv", [graph.value(tensor("x"), [value("IN_HEIGHT"), value("IN_WIDTH"), from]), weight], tensor("y"), {
    ints: {
      kernel_shape: [height, width],
      strides: [value("STRIDE_Y"), value("STRIDE_X")],
      pads: [down, across, down, across],
      dilations: [value("DILATION_Y"), value("DILATION_X")],
      group: groups,
    },
  });
};

const product: Translation = (graph, { tensor, value }) => {
  const [a, b] = [tensor("a"), tensor("b")];
  const [inner, cols] = [value("inner"), value("cols")];
  if (value("TRANSPOSE_A") === 1) graph.refuse(`a product with ${a} transposed`);
  const turned = value("TRANSPOSE_B") === 1;
  const weight = graph.constant(b, [inner, cols], (values) =>
    turned ? toTorch({ shape: [cols, inner] }, values) : values,
  );
  graph.apply("MatMul", [graph.value(a, [inner]), weight], tensor("y"));
};

/** What comes after a norm: a residual sum and a rectifier. */
function finishNorm(graph: Graph, { tensor, value }: Call, normalized: string): void {
  const y = tensor("y");
  const summed = value("RESIDUAL") === 1;
  const rectified = value("RELU") === 1;
  let result = normalized;
  if (summed) result = graph.node("Add", [result, graph.value(tensor("residual"), y.shape.slice(1))]);
  if (rectified) result = graph.node("Relu", [result]);
  graph.bind(y, result);
}

const batchNorm: Translation = (graph, call) => {
  const { tensor, value } = call;
  const channels = value("channels");
  const vector = (binding: string, is: boolean, otherwise: number) =>
    is ? graph.constant(tensor(binding), [channels]) : graph.filled(channels, otherwise);
  const statistics = tensor("statistics");
  const [mean, variance] = [0, channels].map((begin) =>
    graph.constant(statistics, [channels], (values) => values.slice(begin, begin + channels)),
  );
  const gamma = vector("gamma", value("GAMMA") === 1, 1);
  const beta = vector("beta", value("BETA") === 1, 0);
  const floats = { epsilon: value("EPSILON") };
  const inputs = [graph.value(tensor("x"), tensor("y").shape.slice(1)), gamma, beta, mean, variance];
  finishNorm(graph, call, graph.node("BatchNormalization", inputs, { floats }));
};

/** As PyTorch exports it, for GroupNormalization came with a later set of operators: each group is an instance of one channel. */
const groupNorm: Translation = (graph, call) => {
  const { tensor, value } = call;
  const [x, channels] = [tensor("x"), value("channels")];
  const [, height, width] = tensor("y").shape;
  const { groups, epsilon } = graph.groupsOf(tensor("statistics"));
  // 0 is the extent that was there, -1 what is left.
  const grouped = graph.node("Reshape", [graph.value(x, [height, width, channels]), graph.whole([0, groups, -1])]);
  const inputs = [grouped, graph.filled(groups, 1), graph.filled(groups, 0)];
  const normalized = graph.node("InstanceNormalization", inputs, { floats: { epsilon } });
  const map = graph.node("Reshape", [normalized, graph.whole([0, channels, height, width])]);
  const scaled = graph.node("Mul", [map, graph.constant(tensor("gamma"), [1, channels, 1, 1])]);
  finishNorm(graph, call, graph.node("Add", [scaled, graph.constant(tensor("beta"), [1, channels, 1, 1])]));
};

/** Of every kernel that an encoder or head of the library launches for images. */
const TRANSLATIONS: ReadonlyMap<KernelDefinition, Translation> = new Map<KernelDefinition, Translation>([
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
  [
    kernels.channelScale,
    (graph, { tensor, value }) => {
      const of = (name: string) =>
        graph.floats(
          [1, 3, 1, 1],
          ["r", "g", "b"].map((colour) => value(`${name}_${colour}`)),
        );
      const scaled = graph.node("Mul", [graph.value(tensor("x"), tensor("y").shape.slice(1)), of("scale")]);
      graph.apply("Add", [scaled, of("offset")], tensor("y"));
    },
  ],
  [
    kernels.bias,
    (graph, { tensor, value }) => {
      const [x, y, channels] = [tensor("x"), tensor("y"), value("channels")];
      const bias = graph.constant(tensor("bias"), y.shape.length === 4 ? [1, channels, 1, 1] : [channels]);
      graph.apply("Add", [graph.value(x, y.shape.slice(1)), bias], y);
    },
  ],
  [
    kernels.relu,
    (graph, { tensor }) => graph.apply("Relu", [graph.value(tensor("x"), tensor("y").shape.slice(1))], tensor("y")),
  ],
  [
    kernels.add,
    (graph, { tensor }) => {
      const terms = ["a", "b"].map((name) => graph.value(tensor(name), tensor("y").shape.slice(1)));
      graph.apply("Add", terms, tensor("y"));
    },
  ],
  [
    kernels.maxPool,
    (graph, { tensor, value }) => {
      const [kernel, stride, padding] = [value("KERNEL"), value("STRIDE"), value("PADDING")];
      const ints = {
        kernel_shape: [kernel, kernel],
        strides: [stride, stride],
        pads: [padding, padding, padding, padding],
      };
      const x = graph.value(tensor("x"), [value("height"), value("width"), value("channels")]);
      graph.apply("MaxPool", [x], tensor("y"), { ints });
    },
  ],
  [
    kernels.globalAveragePool,
    (graph, { tensor, value }) => {
      const [, height, width] = tensor("x").shape;
      const pooled = graph.node("GlobalAveragePool", [graph.value(tensor("x"), [height, width, value("channels")])]);
      graph.apply("Flatten", [pooled], tensor("y"));
    },
  ],
]);

/** Nodes and constants as they come together; maps are [batch, channels, height, width] in it. */
class Graph {
  readonly nodes: OnnxNode[] = [];
  readonly #constants = new Map<string, OnnxConstant>();
  /** What a tensor of the recording is called. */
  readonly #names = new Map<Tensor, string>();
  readonly #groups = new Map<Tensor, { readonly groups: number; readonly epsilon: number }>();
  #scope = "";

  constructor(
    readonly values: ReadonlyMap<Tensor, Float32Array>,
    readonly weights: ReadonlyMap<Tensor, string>,
  ) {}

  get constants(): OnnxConstant[] {
    return [...this.#constants.values()];
  }

  /** What goes in. */
  begin(images: Tensor, bytes: boolean): void {
    this.#scope = "preprocessing";
    this.bind(images, bytes ? this.node("Mul", [ONNX_INPUT, this.floats([1], [1 / 255])]) : ONNX_INPUT);
  }

  /** What comes out. */
  end(tensor: Tensor, name: string): void {
    this.#scope = "output";
    const last = this.value(tensor, [tensor.size / BATCH]);
    this.nodes.push({ name: "output", operator: "Identity", inputs: [last], outputs: [name] });
  }

  translate(launch: Launch): void {
    const { kernel, tensors, params, scope } = launch;
    this.#scope = scope;
    const translation = TRANSLATIONS.get(kernel);
    if (!translation) this.refuse(`the operation ${kernel.name}`);
    else
      translation(this, {
        tensor: (binding) => tensors[kernel.bindings.findIndex(({ name }) => name === binding)],
        value: (name) => params[name] ?? 0,
      });
  }

  /** @throws ConfigError */
  refuse(what: string): never {
    const where = this.#scope === "" ? "" : `${this.#scope}: `;
    const known = "convolutions, batch and group norms, rectifiers, sums, pooling and linear layers";
    throw new ConfigError(`${where}${what} cannot be written as ONNX: there are ${known}`);
  }

  /** The same values under another tensor. */
  rename(from: Tensor, to: Tensor): void {
    this.bind(to, this.value(from, to.shape.slice(1)));
  }

  bind(tensor: Tensor, name: string): void {
    this.#names.set(tensor.base, name);
  }

  /**
   * The name of what an image's way has led to. Its extents, without the batch, have to be these: seen in another shape, its elements
   * would have another order here.
   */
  value({ base }: Tensor, extents: readonly number[]): string {
    const name = this.#names.get(base);
    if (name === undefined) return this.refuse(`what is computed from ${base} alone, or from a part of it,`);
    if (base.shape.slice(1).join() !== extents.join()) return this.refuse(`${base} in another shape`);
    return name;
  }

  /** Adds a node; returns the name of its output. */
  node(operator: string, inputs: readonly string[], attributes: Pick<OnnxNode, "floats" | "ints"> = {}): string {
    const name = `${this.#scope}/${operator}_${this.nodes.length}`;
    this.nodes.push({ name, operator, inputs, outputs: [name], ...attributes });
    return name;
  }

  apply(
    operator: string,
    inputs: readonly string[],
    y: Tensor,
    attributes: Pick<OnnxNode, "floats" | "ints"> = {},
  ): void {
    this.bind(y, this.node(operator, inputs, attributes));
  }

  /** A weight, or what was computed from weights, in the shape and order that ONNX wants. */
  constant(tensor: Tensor, shape: readonly number[], order = (values: Float32Array): Float32Array => values): string {
    const values = this.values.get(tensor.base);
    if (!values) return this.refuse(`${tensor} in the place of a weight`);
    return this.#add(this.weights.get(tensor.base) ?? tensor.label, shape, order(values));
  }

  floats(shape: readonly number[], values: readonly number[]): string {
    return this.#add(`${this.#scope}/constant`, shape, Float32Array.from(values));
  }

  filled(count: number, value: number): string {
    return this.floats(
      [count],
      Array.from({ length: count }, () => value),
    );
  }

  whole(values: readonly number[]): string {
    return this.#add(`${this.#scope}/shape`, [values.length], BigInt64Array.from(values, BigInt));
  }

  #add(wanted: string, shape: readonly number[], data: OnnxConstant["data"]): string {
    const name = this.#constants.has(wanted) ? `${wanted}_${this.#constants.size}` : wanted;
    this.#constants.set(name, { name, shape, data });
    return name;
  }

  keepGroups(statistics: Tensor, groups: { readonly groups: number; readonly epsilon: number }): void {
    this.#groups.set(statistics.base, groups);
  }

  groupsOf(statistics: Tensor): { readonly groups: number; readonly epsilon: number } {
    return this.#groups.get(statistics.base) ?? this.refuse("a group norm with other statistics");
  }
}
