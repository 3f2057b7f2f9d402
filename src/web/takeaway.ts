import type { Dataset } from "../data/dataset.js";
import type { Features } from "../evaluation/embed.js";
import { embeddingsToCsv } from "../io/csv.js";
import { encodeNpy } from "../io/npy.js";
import { encodeOnnx } from "../nn/onnx.js";
import { encodeEncoder, readEncoder } from "../training/encoder-file.js";
import type { Trainer } from "../training/trainer.js";

/** encoder.safetensors of a training as it is. */
export function encoderFile(trainer: Trainer, dataset: string): Promise<Uint8Array<ArrayBuffer>> {
  const { model, config, step } = trainer;
  return encodeEncoder(model, config, step, { dataset, images: trainer.dataset.length });
}

/** The same as ONNX. */
export async function onnxFile(trainer: Trainer, dataset: string): Promise<Uint8Array<ArrayBuffer>> {
  const { metadata } = readEncoder(await encoderFile(trainer, dataset));
  return encodeOnnx(trainer.model, { metadata });
}

/** Embeddings of images to train on, or to test on. */
export interface EmbeddedPart {
  readonly dataset: Dataset;
  readonly features: Features;
}

function valuesOf(parts: readonly EmbeddedPart[]): Float32Array<ArrayBuffer> {
  const values = new Float32Array(parts.reduce((sum, { features }) => sum + features.values.length, 0));
  let at = 0;
  for (const { features } of parts) {
    values.set(features.values, at);
    at += features.values.length;
  }
  return values;
}

/** Embeddings as a NumPy array, a row for each image. */
export function npyFile(parts: readonly EmbeddedPart[]): Uint8Array<ArrayBuffer> {
  const rows = parts.reduce((sum, { features }) => sum + features.rows, 0);
  return encodeNpy([rows, parts[0].features.dimension], valuesOf(parts));
}

/** Embeddings as a table with the names of the images. */
export function csvFile(parts: readonly EmbeddedPart[]): string[] {
  const [{ dataset, features }] = parts;
  const names = parts.flatMap((part) => Array.from({ length: part.features.rows }, (_, i) => part.dataset.nameOf(i)));
  const labels = dataset.labels && Uint32Array.from(parts.flatMap((part) => [...(part.dataset.labels ?? [])]));
  return [...embeddingsToCsv(names, labels, dataset.classes, valuesOf(parts), features.dimension)];
}
