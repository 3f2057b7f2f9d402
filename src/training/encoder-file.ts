import type { Device } from "../engine/device.js";
import { CheckpointError, ConfigError, namingFile } from "../errors.js";
import { parseObject } from "../io/json.js";
import { decodeSafetensors, encodeSafetensors, type TensorData } from "../io/safetensors.js";
import { type Model, modelOf } from "../nn/model.js";
import type { Normalization } from "../nn/module.js";
import { NORMS } from "../nn/normalized-convolution.js";
import { isNormalization, NORMALIZATIONS } from "../nn/normalized-input.js";
import { projectionHead } from "../nn/projection-head.js";
import { fromTorch, torchShape, toTorch } from "../nn/torch-layout.js";
import { PATCH_WEIGHT, VIT_POOLINGS, VIT_POSITIONS } from "../nn/vit.js";
import { VERSION } from "../version.js";
import { DEFAULT_CONFIG, ENCODERS, encoderOf, isTransformer, type TrainingConfig } from "./config.js";
import { architectureOfResNet } from "./torch-resnet.js";

/** What of a configuration makes an encoder. */
export type Architecture = Pick<TrainingConfig, "encoder" | "width" | "stem" | "norm" | "normalization"> &
  Partial<Pick<TrainingConfig, "patch" | "pooling" | "positions" | "layerScale">>;

/** A trained encoder at rest. */
export interface StoredEncoder {
  /** Where it came from, for people: a path, or what the caller chose. */
  readonly name: string;
  /** What of a configuration makes such an encoder. */
  readonly architecture: Architecture;
  /** Pixels of the images that it was trained on, which were square; null where the file does not say, as those of torchvision. */
  readonly imageSize: number | null;
  /** By name, in this library's layouts. */
  readonly tensors: ReadonlyMap<string, Float32Array>;
  /** What the file says of itself (see `encodeEncoder`); empty where it says nothing, as those of torchvision. */
  readonly metadata: Readonly<Record<string, string>>;
  /** What else the file holds and is no part of the encoder, as a head: "fc", "module.encoder_k". */
  readonly leftOut: readonly string[];
}

/** What a file of an encoder says of its training, beside its configuration. */
export interface EncoderOrigin {
  /** Name of the data set, for people; "unknown" by default. */
  readonly dataset?: string;
  /** Images that it was trained on; not said by default. */
  readonly images?: number;
  /** Under which licence the weights are given away, as an SPDX identifier ("cc-by-4.0"); "unknown" by default. */
  readonly license?: string;
}

/** What is done to a photograph before an encoder sees it, for whoever uses its file without this library. */
export interface Preprocessing {
  /** Pixels of the square in the end. */
  readonly size: number;
  /** The image, laid on white where it is transparent, is scaled until its shorter side has `size` pixels. */
  readonly resize: "shorter side";
  /** By Lanczos' filter of three lobes where it is shrunk, by Catmull and Rom's cubic where it is enlarged. */
  readonly resample: "lanczos3";
  /** Cut around the centre. */
  readonly crop: "center";
  /** What bytes are multiplied by. */
  readonly scale: number;
  /** Subtracted from red, green and blue then. */
  readonly mean: Normalization["mean"];
  /** What red, green and blue are divided by in the end. */
  readonly std: Normalization["deviation"];
}

/** What images go through before this encoder: what `openImages` and `datasetFromImages` do, and then its normalization. */
export function preprocessingOf({ encoder, imageSize }: Pick<Model, "encoder" | "imageSize">): Preprocessing {
  const { mean, deviation } = encoder.normalization ?? NORMALIZATIONS.none;
  return {
    ...{ size: imageSize, resize: "shorter side", resample: "lanczos3", crop: "center" },
    ...{ scale: 1 / 255, mean, std: deviation },
  };
}

/**
 * A trained encoder, without projection head and optimizer, as safetensors with PyTorch's names and layouts: a torchvision
 * ResNet takes the file with `load_state_dict(..., strict=False)`, which leaves its classifier as it was. No transposition
 * needed. The classifier of supervised training comes with it, as `fc.weight` and `fc.bias`. With group norm, the convolutions'
 * weights are those that were trained, and standardised when they are used: they fit such a net (as BiT's `StdConv2d`) and no
 * other. Its metadata say what is needed to use it without this library: architecture, preprocessing (see `Preprocessing`, as
 * JSON), method, steps, epochs, the data set's name and number of images, library and licence.
 */
export async function encodeEncoder(
  model: Model,
  config: TrainingConfig,
  steps: number,
  origin: EncoderOrigin = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const { method, epochs } = config;
  const { dataset = "unknown", images = null, license = "unknown" } = origin;
  const facts = { method, steps, epochs, dataset, ...(images !== null && { images }), license };
  return encodeWith(model, config, steps, facts);
}

/**
 * An encoder that was read from a file of others' names (see `readEncoder`), as `encodeEncoder` would have written it: alone, by names
 * without prefix, and with what is needed to use it in its metadata. Of its training these say nothing but what the file did.
 */
export function encodeStored(
  model: Model,
  { architecture, metadata }: StoredEncoder,
): Promise<Uint8Array<ArrayBuffer>> {
  return encodeWith(model, { ...DEFAULT_CONFIG, ...architecture }, 0, metadata);
}

/** @param said of its training, beside what is needed to use it */
async function encodeWith(
  model: Model,
  config: TrainingConfig,
  steps: number,
  said: Readonly<Record<string, string | number>>,
): Promise<Uint8Array<ArrayBuffer>> {
  const weights = await model.tensors.read();
  const tensors = new Map<string, TensorData>();
  for (const spec of model.classes > 0 ? model.tensors.specs : model.encoder.tensors) {
    const values = weights.get(spec.name);
    if (values) tensors.set(spec.name, { shape: torchShape(spec.shape), data: toTorch(spec, values) });
    if (spec.name.endsWith(".running_var")) {
      const counter = spec.name.replace(/running_var$/, "num_batches_tracked");
      tensors.set(counter, { shape: [], data: BigInt64Array.of(BigInt(steps)) });
    }
  }
  const { encoder, width, norm } = config;
  const { stem, features, normalization = NORMALIZATIONS.none } = model.encoder;
  const facts = {
    ...said,
    // What others that read safetensors look for.
    format: "pt",
    library: `webgpu-simclr ${VERSION}`,
    ...{ encoder, width, stem, norm, features, imageSize: model.imageSize },
    ...(isTransformer(encoder) && transformerFacts(model, config)),
    normalization: JSON.stringify(normalization),
    preprocessing: JSON.stringify(preprocessingOf(model)),
  };
  return encodeSafetensors(
    tensors,
    Object.fromEntries(Object.entries(facts).map(([key, value]) => [key, String(value)])),
  );
}

/** How to read an encoder's file. */
export interface ReadEncoderOptions {
  /** Where it came from, for people. */
  readonly name?: string;
  /** What images are normalised by before it; by default what the file says, and ImageNet's constants for a file of torchvision. */
  readonly normalization?: Normalization;
}

/**
 * Reads what `encodeEncoder` wrote, or a ResNet of torchvision's names, behind any prefix, as those of timm, MoCo, solo-learn and
 * lightly; a head or classifier in it is left out.
 * @throws CheckpointError where it is something else.
 */
export function readEncoder(
  bytes: Uint8Array,
  { name = "a trained encoder", normalization }: ReadEncoderOptions = {},
): StoredEncoder {
  const { tensors, metadata } = namingFile(name, () => decodeSafetensors(bytes));
  const found =
    "encoder" in metadata
      ? { ...architectureOfMetadata(metadata, name), prefix: "", tensors }
      : architectureOfResNet(tensors, name);
  const architecture = { ...found.architecture, ...(normalization && { normalization }) };
  const values = new Map<string, Float32Array>();
  for (const spec of encoderOf({ ...DEFAULT_CONFIG, ...architecture }, found.imageSize ?? 0).tensors) {
    const { data, shape = [] } = found.tensors.get(spec.name) ?? {};
    if (!(data instanceof Float32Array)) throw new CheckpointError(`${name} has no tensor ${spec.name} of floats`);
    const wanted = torchShape(spec.shape);
    if (shape.join() !== wanted.join()) {
      throw new CheckpointError(
        `${name}: ${spec.name} is of shape [${shape.join(", ")}], and this architecture wants [${wanted.join(", ")}], in PyTorch's layout`,
      );
    }
    if (!data.every(Number.isFinite)) throw new CheckpointError(`${name}: ${spec.name} has values that are not finite`);
    values.set(spec.name, fromTorch(spec, data));
  }
  const { imageSize } = found;
  return { name, architecture, imageSize, tensors: values, metadata, leftOut: leftOut(tensors, found, values) };
}

/** Tensors of a file that are no part of its encoder, by as much of their names as tells them from that. */
function leftOut(
  all: ReadonlyMap<string, TensorData>,
  { prefix, tensors }: { readonly prefix: string; readonly tensors: ReadonlyMap<string, TensorData> },
  taken: ReadonlyMap<string, unknown>,
): string[] {
  const used = new Set([...taken.keys()].flatMap((key) => tensors.get(key) ?? []));
  const path = prefix.split(".");
  const others = [...all].flatMap(([key, tensor]) => {
    if (used.has(tensor) || key.endsWith("num_batches_tracked")) return [];
    const parts = key.split(".");
    const shared = parts.findIndex((part, i) => part !== path[i]);
    return [shared < 0 ? key : parts.slice(0, shared + 1).join(".")];
  });
  return [...new Set(others)];
}

/** What a transformer's file says beside that, with the patch that was taken where the configuration leaves it open. */
function transformerFacts({ encoder: { tensors } }: Model, { pooling, positions, layerScale }: TrainingConfig) {
  const patch = tensors.find(({ name }) => name === PATCH_WEIGHT)?.shape[0];
  return { patch, pooling, positions, layerScale };
}

/** What the metadata of a transformer's file say beside that; null where they say something that cannot be. */
function transformerOfMetadata(metadata: Readonly<Record<string, string>>) {
  const pooling = VIT_POOLINGS.find((known) => known === metadata["pooling"]);
  const positions = VIT_POSITIONS.find((known) => known === metadata["positions"]);
  const [patch, layerScale] = [Number(metadata["patch"]), Number(metadata["layerScale"])];
  if (!pooling || !positions || !(patch >= 0) || !(layerScale >= 0)) return null;
  return { patch, pooling, positions, layerScale };
}

/** What the metadata of this library's files say. */
function architectureOfMetadata(metadata: Readonly<Record<string, string>>, name: string) {
  const encoder = ENCODERS.find((known) => known === metadata["encoder"]);
  const stem = metadata["stem"] === "imagenet" ? "imagenet" : "cifar";
  // A file of a version without norms to choose from has batch norm, and one without a normalization has none.
  const norm = NORMS.find((known) => known === (metadata["norm"] ?? "batch"));
  const normalization = parseObject(metadata["normalization"] ?? JSON.stringify(NORMALIZATIONS.none));
  const width = Number(metadata["width"]);
  const imageSize = Number(metadata["imageSize"]);
  if (!encoder || !norm || !(width > 0) || !(imageSize > 0) || !isNormalization(normalization)) {
    throw new CheckpointError(`${name} is the file of an encoder that this version does not know, or damaged`);
  }
  const transformer = isTransformer(encoder) ? transformerOfMetadata(metadata) : {};
  if (!transformer) throw new CheckpointError(`${name} is a damaged file of a transformer`);
  return { architecture: { encoder, width, stem, norm, normalization, ...transformer } as const, imageSize };
}

/**
 * Makes a model (encoder only, z = h) from what `readEncoder` reads.
 * @param options `imageSize` is needed for files that do not say it
 * @throws CheckpointError where it is something else; ConfigError where the image size is not known
 */
export function decodeEncoder(
  device: Device,
  bytes: Uint8Array,
  options: ReadEncoderOptions & { readonly imageSize?: number } = {},
): Model {
  return encoderModel(device, readEncoder(bytes, options), options.imageSize);
}

/**
 * Makes a model (encoder only, z = h) of an encoder that was read.
 * @param size of its images, in pixels; by default what its file says
 * @throws ConfigError where the image size is not known
 */
export function encoderModel(device: Device, stored: StoredEncoder, size?: number): Model {
  const { name, architecture, tensors } = stored;
  const imageSize = size ?? stored.imageSize;
  if (imageSize === null)
    throw new ConfigError(`${name} does not say for images of which size it is: give an image size`);
  // A transformer's positions are for the images that it was trained on.
  const encoder = encoderOf({ ...DEFAULT_CONFIG, ...architecture }, stored.imageSize ?? imageSize);
  const head = projectionHead(encoder.features, { layers: 0 });
  return device.memory.allOrNothing(() => {
    const model = modelOf(device, { encoder, head, classes: 0, imageSize }, 0);
    model.tensors.write(tensors);
    return model;
  });
}

/**
 * Overwrites the encoder of a model, weights and running statistics; its head stays as it is.
 * @throws CheckpointError where the stored encoder is of another architecture or image size.
 */
export async function loadEncoder({ encoder, imageSize, tensors }: Model, stored: StoredEncoder): Promise<void> {
  const { name, stem, normalization } = encoderOf(
    { ...DEFAULT_CONFIG, ...stored.architecture },
    stored.imageSize ?? imageSize,
  );
  if (name !== encoder.name || stem !== encoder.stem) {
    throw new CheckpointError(
      `${stored.name} is of another architecture: ${name} with the ${stem} stem, and not ${encoder.name} with the ${encoder.stem} stem`,
    );
  }
  const [there, here] = [normalization, encoder.normalization].map((known) =>
    JSON.stringify(known ?? NORMALIZATIONS.none),
  );
  if (there !== here) {
    throw new CheckpointError(
      `${stored.name} takes images normalised by ${there}, and here they are by ${here}: give the configuration its normalization`,
    );
  }
  if (stored.imageSize !== null && stored.imageSize !== imageSize) {
    throw new CheckpointError(
      `${stored.name} was trained on images of ${stored.imageSize} x ${stored.imageSize} pixels, and these have ${imageSize} x ${imageSize}: open them with that image size`,
    );
  }
  tensors.write(new Map([...(await tensors.read()), ...stored.tensors]));
}
