import type { Device } from "../engine/device.js";
import { CheckpointError } from "../errors.js";
import { decodeSafetensors, encodeSafetensors, type TensorData } from "../io/safetensors.js";
import { type Model, modelOf } from "../nn/model.js";
import { NORMS } from "../nn/normalized-convolution.js";
import { projectionHead } from "../nn/projection-head.js";
import { fromTorch, torchShape, toTorch } from "../nn/torch-layout.js";
import { DEFAULT_CONFIG, ENCODERS, encoderOf, type TrainingConfig } from "./config.js";

/** A trained encoder at rest. */
export interface StoredEncoder {
  /** Where it came from, for people: a path, or what the caller chose. */
  readonly name: string;
  /** What of a configuration makes such an encoder. */
  readonly architecture: Pick<TrainingConfig, "encoder" | "width" | "stem" | "norm">;
  /** Pixels of the images that it was trained on, which were square. */
  readonly imageSize: number;
  /** By name, in this library's layouts. */
  readonly tensors: ReadonlyMap<string, Float32Array<ArrayBuffer>>;
}

/**
 * A trained encoder, without projection head and optimizer, as safetensors with PyTorch's names and layouts: a torchvision
 * ResNet takes the file with `load_state_dict(..., strict=False)`, which leaves its classifier as it was. No transposition
 * needed. The classifier of supervised training comes with it, as `fc.weight` and `fc.bias`. With group norm, the convolutions'
 * weights are those that were trained, and standardised when they are used: they fit such a net (as BiT's `StdConv2d`) and no
 * other.
 */
export async function encodeEncoder(
  model: Model,
  config: TrainingConfig,
  steps: number,
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
  const { stem, features } = model.encoder;
  const facts = { encoder, width, stem, norm, features, imageSize: model.imageSize };
  return encodeSafetensors(
    tensors,
    Object.fromEntries(Object.entries(facts).map(([key, value]) => [key, String(value)])),
  );
}

/**
 * Reads what `encodeEncoder` wrote; a classifier in it is left out.
 * @param name where it came from, for people
 * @throws CheckpointError where it is something else.
 */
export function readEncoder(bytes: Uint8Array, name = "a trained encoder"): StoredEncoder {
  const { tensors, metadata } = decodeSafetensors(bytes);
  const encoder = ENCODERS.find((known) => known === metadata["encoder"]);
  const stem = metadata["stem"] === "imagenet" ? "imagenet" : "cifar";
  // A file of a version without norms to choose from has batch norm.
  const norm = NORMS.find((name) => name === (metadata["norm"] ?? "batch"));
  const width = Number(metadata["width"]);
  const imageSize = Number(metadata["imageSize"]);
  if (!encoder || !norm || !(width > 0) || !(imageSize > 0)) {
    throw new CheckpointError("this file does not say which encoder it holds: it was not written by this library");
  }
  const architecture = { encoder, width, stem, norm } as const;
  const values = new Map<string, Float32Array<ArrayBuffer>>();
  for (const spec of encoderOf({ ...DEFAULT_CONFIG, ...architecture }, imageSize).tensors) {
    const data = tensors.get(spec.name)?.data;
    if (!(data instanceof Float32Array)) throw new CheckpointError(`the file has no tensor ${spec.name} of f32`);
    values.set(spec.name, fromTorch(spec, data));
  }
  return { name, architecture, imageSize, tensors: values };
}

/** Makes a model (encoder only, z = h) from what `encodeEncoder` wrote. @throws CheckpointError where it is something else. */
export function decodeEncoder(device: Device, bytes: Uint8Array): Model {
  const { architecture, imageSize, tensors } = readEncoder(bytes);
  const encoder = encoderOf({ ...DEFAULT_CONFIG, ...architecture }, imageSize);
  const head = projectionHead(encoder.features, { layers: 0 });
  const model = modelOf(device, { encoder, head, classes: 0, imageSize }, 0);
  model.tensors.write(tensors);
  return model;
}

/**
 * Overwrites the encoder of a model, weights and running statistics; its head stays as it is.
 * @throws CheckpointError where the stored encoder is of another architecture or image size.
 */
export async function loadEncoder({ encoder, imageSize, tensors }: Model, stored: StoredEncoder): Promise<void> {
  const { name, stem } = encoderOf({ ...DEFAULT_CONFIG, ...stored.architecture }, stored.imageSize);
  if (name !== encoder.name || stem !== encoder.stem) {
    throw new CheckpointError(
      `${stored.name} is of another architecture: ${name} with the ${stem} stem, and not ${encoder.name} with the ${encoder.stem} stem`,
    );
  }
  if (stored.imageSize !== imageSize) {
    throw new CheckpointError(
      `${stored.name} was trained on images of ${stored.imageSize} x ${stored.imageSize} pixels, and these have ${imageSize} x ${imageSize}: open them with that image size`,
    );
  }
  tensors.write(new Map([...(await tensors.read()), ...stored.tensors]));
}
