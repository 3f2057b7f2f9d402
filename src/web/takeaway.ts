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

/** Embeddings as a NumPy array, a row for each image. */
export function npyFile({ values, rows, dimension }: Features): Uint8Array<ArrayBuffer> {
  return encodeNpy([rows, dimension], values);
}

/** Embeddings as a table with the names of the images. */
export function csvFile({ values, rows, dimension }: Features, dataset: Dataset): string[] {
  const names = Array.from({ length: rows }, (_, i) => dataset.nameOf(i));
  return [...embeddingsToCsv(names, dataset.labels, dataset.classes, values, dimension)];
}
