import type { Dataset } from "../data/dataset.js";
import type { Device } from "../engine/device.js";
import { Tape } from "../engine/tape.js";
import { withPrograms } from "../engine/with-programs.js";
import { ConfigError } from "../errors.js";
import type { Model } from "../nn/model.js";
import { Embedder, type EmbedderOptions, type Features } from "./embed.js";

/** What a model's classifier says of images, row by row. */
export interface Classification {
  /** [rows, classes], row-major. */
  readonly logits: Float32Array<ArrayBuffer>;
  /** Class with the largest logit of each row; of equal ones the first. */
  readonly predictions: Uint32Array<ArrayBuffer>;
}

/** Representations that are classified in one go. */
const CHUNK = 1024;

function checkClassifier({ classes }: Model): void {
  if (classes === 0)
    throw new ConfigError("this model has a projection head and no classifier: train it with the method supervised");
}

/** Records the classifier on so many representations, a chunk at a time. */
export function recordClassifier(device: Device, model: Model, rows: number) {
  const chunk = Math.min(CHUNK, rows);
  const h = device.tensor([chunk, model.encoder.features], undefined, "representations");
  const tape = new Tape(device);
  const output = model.head.forward(model.tensors.pass(tape, { training: false }), h);
  return { chunk, h, output, tapes: [{ tape, keep: [output] }] };
}

/** The classes of images by their representations. @throws ConfigError for a model without a classifier */
export async function classifyFeatures(
  device: Device,
  model: Model,
  { values, rows, dimension }: Features,
): Promise<Classification> {
  checkClassifier(model);
  const { classes } = model;
  const logits = new Float32Array(rows * classes);
  const record = () => recordClassifier(device, model, rows);
  await withPrograms(device, "representations to classify", record, async ({ chunk, h, output }, [program]) => {
    const buffer = new Float32Array(chunk * dimension);
    for (let start = 0; start < rows; start += chunk) {
      const count = Math.min(chunk, rows - start);
      buffer.set(values.subarray(start * dimension, (start + count) * dimension));
      device.write(h, buffer);
      const found = await program.runAndRead(output);
      logits.set(found.subarray(0, count * classes), start * classes);
    }
  });
  const predictions = Uint32Array.from({ length: rows }, (_, row) => {
    const own = logits.subarray(row * classes, (row + 1) * classes);
    return own.reduce((best, logit, c) => (logit > own[best] ? c : best), 0);
  });
  return { logits, predictions };
}

/**
 * The classes of all images of a set, in its order, with the running statistics: what a trained classifier is for.
 * @throws ConfigError for a model without a classifier, and images of another size than it was made for
 */
export async function classify(
  device: Device,
  model: Model,
  dataset: Dataset,
  onProgress?: (done: number, total: number) => void,
  options: EmbedderOptions = {},
): Promise<Classification> {
  checkClassifier(model);
  const embedder = await Embedder.create(device, model, options);
  try {
    return await classifyFeatures(device, model, await embedder.embed(dataset, onProgress));
  } finally {
    embedder.dispose();
  }
}
