import * as kernels from "../../kernels/generated.js";
import type { Device } from "../engine/device.js";
import type { Launch } from "../engine/launch.js";
import { compileProgram } from "../engine/program.js";
import { Tape } from "../engine/tape.js";
import type { Tensor } from "../engine/tensor.js";
import { encodeOnnxModel } from "../io/onnx.js";
import { VERSION } from "../version.js";
import type { Model } from "./model.js";
import { ONNX_INPUT, OnnxGraph } from "./onnx-graph.js";
import { TRANSLATIONS } from "./onnx-operations.js";

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
 * can be written too, as far as they are made of convolutions, products, attention, norms, functions of one number, sums, slices,
 * concatenations and pooling.
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
  const graph = new OnnxGraph(BATCH, values, names);
  begin(graph, images, withPreprocessing);
  for (const launch of tape.launches) {
    if (computed.has(launch)) continue;
    const scales = encoder.normalization && launch.kernel === kernels.channelScale && launch.tensors[0] === images.base;
    if (scales && !withPreprocessing) graph.bindMap(launch.tensors[1], ONNX_INPUT, [size, size, 3]);
    else translate(graph, launch);
  }
  const name = onnxOutput(model, head);
  const features = head ? model.head.output : encoder.features;
  graph.scope = "output";
  if (output.shape.join() !== [BATCH, features].join()) graph.refuse(`a representation of the shape of ${output}`);
  graph.nodes.push({ name: "output", operator: "Identity", inputs: [graph.rows(output, [features])], outputs: [name] });
  return encodeOnnxModel({
    name: encoder.name,
    nodes: graph.nodes,
    constants: graph.constants,
    inputs: [{ name: ONNX_INPUT, shape: ["batch", 3, size, size] }],
    outputs: [{ name, shape: ["batch", features] }],
    producer: { name: "webgpu-simclr", version: VERSION },
    metadata,
  });
}

/** What goes in. */
function begin(graph: OnnxGraph, images: Tensor, bytes: boolean): void {
  graph.scope = "preprocessing";
  const scaled = bytes ? graph.node("Mul", [ONNX_INPUT, graph.floats([1], [1 / 255])]) : ONNX_INPUT;
  graph.bindMap(images, scaled, images.shape.slice(1));
}

function translate(graph: OnnxGraph, { kernel, tensors, params, scope }: Launch): void {
  graph.scope = scope;
  const translation = TRANSLATIONS.get(kernel);
  if (!translation) graph.refuse(`the operation ${kernel.name}`);
  else {
    translation(graph, {
      tensor: (binding) => tensors[kernel.bindings.findIndex(({ name }) => name === binding)],
      value: (name) => params[name] ?? 0,
    });
  }
}

/** The tensors that a launch reads, and those that it writes. */
function operandsOf({ kernel, tensors }: Launch): { reads: Tensor[]; writes: Tensor[] } {
  const of = (access: string) => tensors.filter((_, i) => kernel.bindings[i].access === access);
  return { reads: of("read"), writes: of("read_write") };
}

/** The launches whose results are the same for all images. */
function launchesOfConstants(launches: readonly Launch[], weights: ReadonlySet<Tensor>): Set<Launch> {
  // What some launch writes a part of for each image is not the same for all, though another part is.
  const varying = new Set<Tensor>();
  for (;;) {
    const known = new Set(weights);
    const found = new Set<Launch>();
    for (const launch of launches) {
      const { reads, writes } = operandsOf(launch);
      if (!reads.every((tensor) => known.has(tensor)) || writes.some((tensor) => varying.has(tensor))) continue;
      found.add(launch);
      for (const tensor of writes) known.add(tensor);
    }
    const mixed = launches.filter((launch) => !found.has(launch)).flatMap((launch) => operandsOf(launch).writes);
    if (mixed.every((tensor) => varying.has(tensor))) return found;
    for (const tensor of mixed) varying.add(tensor);
  }
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
