import type { Device } from "../engine/device.js";
import { CheckpointError } from "../errors.js";
import { decodeSafetensors, encodeSafetensors, type TensorData } from "../io/safetensors.js";
import { NORMS } from "../nn/normalized-convolution.js";
import { fromTorch, torchShape, toTorch } from "../nn/torch-layout.js";
import { DEFAULT_CONFIG, ENCODERS, encoderOf, type TrainingConfig } from "./config.js";
import { createModel, type SimclrModel } from "./model.js";

/**
 * A trained encoder, without head and optimizer, as safetensors with PyTorch's names and layouts: a torchvision ResNet
 * takes the file with `load_state_dict(..., strict=False)`, which leaves its classifier as it was. No transposition needed. With
 * group norm, the convolutions' weights are those that were trained, and standardised when they are used: they fit such a net
 * (as BiT's `StdConv2d`) and no other.
 */
export async function encodeEncoder(
  model: SimclrModel,
  config: TrainingConfig,
  steps: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const weights = await model.tensors.read();
  const tensors = new Map<string, TensorData>();
  for (const spec of model.encoder.tensors) {
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

/** Makes a model (encoder only, z = h) from what `encodeEncoder` wrote. @throws CheckpointError where it is something else. */
export function decodeEncoder(device: Device, bytes: Uint8Array): SimclrModel {
  const { tensors, metadata } = decodeSafetensors(bytes);
  const encoder = ENCODERS.find((name) => name === metadata["encoder"]);
  const stem = metadata["stem"] === "imagenet" ? "imagenet" : "cifar";
  // A file of a version without norms to choose from has batch norm.
  const norm = NORMS.find((name) => name === (metadata["norm"] ?? "batch"));
  const width = Number(metadata["width"]);
  const imageSize = Number(metadata["imageSize"]);
  if (!encoder || !norm || !(width > 0) || !(imageSize > 0)) {
    throw new CheckpointError("this file does not say which encoder it holds: it was not written by this library");
  }
  const config: TrainingConfig = { ...DEFAULT_CONFIG, encoder, width, stem, norm, head: { layers: 0 } };
  const values = new Map<string, Float32Array<ArrayBuffer>>();
  for (const spec of encoderOf(config, imageSize).tensors) {
    const data = tensors.get(spec.name)?.data;
    if (!(data instanceof Float32Array)) throw new CheckpointError(`the file has no tensor ${spec.name} of f32`);
    values.set(spec.name, fromTorch(spec, data));
  }
  const model = createModel(device, config, imageSize);
  model.tensors.write(values);
  return model;
}
