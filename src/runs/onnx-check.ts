import { datasetFromPixels } from "../data/pixels.js";
import type { Device } from "../engine/device.js";
import { CheckpointError } from "../errors.js";
import { Embedder } from "../evaluation/embed.js";
import { isRecord } from "../io/json.js";
import type { Model } from "../nn/model.js";
import { NORMALIZATIONS } from "../nn/normalized-input.js";
import { type OnnxOptions, onnxOutput } from "../nn/onnx.js";
import { ONNX_INPUT } from "../nn/onnx-graph.js";
import { sfc32 } from "../random.js";
import { counted } from "../wording.js";

/** What of the package `onnxruntime-node`, or another of its family, is used here. */
export interface OnnxRuntime {
  /** What makes sessions. */
  readonly InferenceSession: {
    /** Loads an ONNX file. */
    create(bytes: Uint8Array, options?: object): Promise<OnnxSession>;
  };
  /** The class of what goes in. */
  readonly Tensor: OnnxTensor;
}

/** The class of a runtime's tensors. */
export interface OnnxTensor {
  /** Of f32 values, row-major. */
  new (type: "float32", data: Float32Array, dims: readonly number[]): object;
}

/** A loaded ONNX file. */
export interface OnnxSession {
  /** From tensors by the names of the net's inputs to those of its outputs. */
  run(inputs: Readonly<Record<string, object>>): Promise<
    Readonly<
      Record<
        string,
        {
          /** Elements, row-major. */
          readonly data: unknown;
        }
      >
    >
  >;
  /** Frees it. */
  release?(): Promise<void>;
}

/** How far an ONNX file's outputs are from this library's. */
export interface OnnxCheck {
  /** Made for it: patches of colour, with noise on them. */
  readonly images: number;
  /** Of all outputs, in absolute terms. */
  readonly largestDifference: number;
  /** Which image that is of, from 0. */
  readonly image: number;
  /** Which of the net's outputs that is of. */
  readonly output: string;
  /** The largest output, in absolute terms. */
  readonly largestValue: number;
}

/** The package that runs ONNX files in Node, Bun and Deno. */
const PACKAGE = "onnxruntime-node";

function isRuntime(value: unknown): value is OnnxRuntime {
  return isRecord(value) && typeof value["InferenceSession"] === "function" && typeof value["Tensor"] === "function";
}

/**
 * The package `onnxruntime-node`; null where it is not installed. Node, Bun and Deno.
 * @param folders where programs lie that find it; by default where this one runs, and this library
 * @throws CheckpointError where it is there and does not work.
 */
export async function loadOnnxRuntime(folders?: readonly string[]): Promise<OnnxRuntime | null> {
  const { createRequire } = await import("node:module");
  const { cwd } = await import("node:process");
  for (const from of folders?.map((folder) => `${folder}/`) ?? [`${cwd()}/`, import.meta.url]) {
    const require = createRequire(from);
    let path: string;
    try {
      path = require.resolve(PACKAGE);
    } catch {
      continue;
    }
    let found: unknown;
    try {
      found = require(path);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new CheckpointError(`${PACKAGE} is installed in ${path} and does not work: ${reason}`, { cause });
    }
    if (!isRuntime(found))
      throw new CheckpointError(`${path} is not the ${PACKAGE} that is known here: install it anew`);
    return found;
  }
  return null;
}

/** Images of the check. */
const IMAGES = 4;

/** Pixels as RGBA bytes: patches of colour of several sizes, so that all layers have something to see, with noise on them. */
function checkPixels(size: number): Uint8Array<ArrayBuffer> {
  const words = sfc32(1, 2, 3);
  const random = () => words() / 2 ** 32;
  const pixels = new Uint8Array(IMAGES * size * size * 4).fill(255);
  for (let image = 0; image < IMAGES; image++) {
    const patch = Math.max(1, size >> (image + 1));
    const colours = new Map<number, number[]>();
    for (let y = 0; y < size; y++) {
      for (let x = 0; x < size; x++) {
        const which = Math.floor(y / patch) * size + Math.floor(x / patch);
        const colour = colours.get(which) ?? Array.from({ length: 3 }, () => 255 * random());
        colours.set(which, colour);
        const at = 4 * ((image * size + y) * size + x);
        for (let c = 0; c < 3; c++) pixels[at + c] = Math.max(0, Math.min(255, colour[c] + 40 * (random() - 0.5)));
      }
    }
  }
  return pixels;
}

/** The same pixels as the net takes them: f32 [images, 3, size, size]. */
function inputOf(pixels: Uint8Array, { encoder, imageSize: size }: Model, bytes: boolean): Float32Array<ArrayBuffer> {
  const { mean, deviation } = encoder.normalization ?? NORMALIZATIONS.none;
  const area = size * size;
  const input = new Float32Array(IMAGES * 3 * area);
  for (let i = 0; i < input.length; i++) {
    const channel = Math.floor(i / area) % 3;
    const byte = pixels[4 * (Math.floor(i / (3 * area)) * area + (i % area)) + channel];
    input[i] = bytes ? byte : (byte / 255 - mean[channel]) / deviation[channel];
  }
  return input;
}

/** Compares what an ONNX file gives for a few images with what the model that it was made of gives. */
export async function checkOnnx(
  device: Device,
  model: Model,
  bytes: Uint8Array,
  { head = false, withPreprocessing = false }: Pick<OnnxOptions, "head" | "withPreprocessing">,
  runtime: OnnxRuntime,
): Promise<OnnxCheck> {
  const { encoder, imageSize: size } = model;
  const pixels = checkPixels(size);
  const whole: Model = !head
    ? model
    : {
        ...model,
        encoder: {
          ...encoder,
          features: model.head.output,
          forward: (pass, images) => model.head.forward(pass, encoder.forward(pass, images)),
        },
      };
  const embedder = await Embedder.create(device, whole, { batch: IMAGES });
  const images = datasetFromPixels({ pixels, channels: 4, width: size, height: size });
  const { values: ours } = await embedder.embed(images).finally(() => embedder.dispose());

  // 3: errors only. Its warnings are of things that nobody can change.
  const session = await runtime.InferenceSession.create(bytes, { logSeverityLevel: 3 });
  try {
    const input = new runtime.Tensor("float32", inputOf(pixels, model, withPreprocessing), [IMAGES, 3, size, size]);
    const output = onnxOutput(model, head);
    const theirs = (await session.run({ [ONNX_INPUT]: input }))[output]?.data;
    if (!(theirs instanceof Float32Array) || theirs.length !== ours.length) {
      const given = theirs instanceof Float32Array ? counted(theirs.length, "number") : "no numbers";
      throw new CheckpointError(`the ONNX file gives ${given} as ${output}, in place of ${ours.length}`);
    }
    let [largestDifference, largestValue, image] = [0, 0, 0];
    for (const [i, value] of ours.entries()) {
      largestValue = Math.max(largestValue, Math.abs(value));
      const difference = Math.abs(value - theirs[i]);
      // A NaN is no small difference.
      if (!(difference <= largestDifference))
        [largestDifference, image] = [difference, Math.floor((i * IMAGES) / ours.length)];
    }
    return { images: IMAGES, largestDifference, image, output, largestValue };
  } finally {
    await session.release?.();
  }
}
