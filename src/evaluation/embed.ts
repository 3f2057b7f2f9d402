import { toFloatImages } from "../augment/augment.js";
import { type Dataset, expectDataset } from "../data/dataset.js";
import { type Device, expectDevice } from "../engine/device.js";
import { MEMORY_BUDGET } from "../engine/memory.js";
import { once } from "../engine/once.js";
import type { Program } from "../engine/program.js";
import { take } from "../engine/taking.js";
import { Tape } from "../engine/tape.js";
import { matrixShape, Tensor } from "../engine/tensor.js";
import { ConfigError, OutOfMemoryError, ShapeError, UsageError } from "../errors.js";
import type { Model } from "../nn/model.js";

/** Representations h of images, row by row. */
export interface Features {
  /** [rows, dimension], row-major. */
  readonly values: Float32Array;
  /** Images. */
  readonly rows: number;
  /** Of a representation: `Encoder.features`. */
  readonly dimension: number;
}

/** Embeddings or representations, one a row: in host memory, or as a persistent tensor [rows, dimension]. */
export type Embeddings = Features | Tensor;

/** The extents of embeddings. @throws ShapeError for a tensor that is no matrix, and values of another number. */
export function shapeOf(embeddings: Embeddings): [rows: number, dimension: number] {
  if (embeddings instanceof Tensor) return matrixShape(embeddings);
  const { values, rows, dimension } = embeddings;
  if (values?.length === undefined || rows === undefined || dimension === undefined)
    throw new ShapeError(
      "embeddings are { values, rows, dimension }: of a .npy file { values: npy.data, rows: npy.shape[0], dimension: npy.shape[1] }",
    );
  if (values.length !== rows * dimension)
    throw new ShapeError(`${rows} x ${dimension} embeddings have ${rows * dimension} values, not ${values.length}`);
  return [rows, dimension];
}

/** The most images that go through an encoder at once, unless another number is asked for. */
const MOST_AT_ONCE = 128;
const MEBIBYTE = 2 ** 20;

/** Records the encoder's forward pass on images as they are. */
export function recordEmbedding(device: Device, model: Model, batch: number) {
  const size = model.imageSize;
  const bytes = device.indices([batch, size, size], "images to embed");
  const tape = new Tape(device);
  const pass = model.tensors.pass(tape, { training: false });
  const features = model.encoder.forward(pass, toFloatImages(tape, bytes));
  return { bytes, features, tape };
}

/** Takes the memory of an embedder for batches of `batch` images, on paper: see `DeviceMemory.rehearse`. */
export function reserveEmbedding(device: Device, model: Model, batch: number): void {
  const { features, tape } = recordEmbedding(device, model, batch);
  tape.reserve([features]);
  // One batch is read while the next is computed.
  for (let i = 0; i < 2; i++) device.memory.create(features.bytes, GPUBufferUsage.COPY_DST, "staging");
}

/**
 * How many images go through an encoder at once: the largest power of two up to 128 with which every tensor is within the adapter's
 * limits and all that is on the device within `memoryBudget` MiB. What is there already, as the buffers of a training, may be beyond
 * that: then up to an eighth of it comes on top.
 */
export function imagesAtOnce(device: Device, model: Model, memoryBudget: number): number {
  const { memory } = device;
  const allowed = Math.max(memoryBudget * MEBIBYTE, (9 / 8) * memory.currentBytes);
  const fits = (batch: number) => {
    try {
      return memory.rehearse(() => reserveEmbedding(device, model, batch)).peakBytes <= allowed;
    } catch (error) {
      if (error instanceof OutOfMemoryError) return false;
      throw error;
    }
  };
  let batch = MOST_AT_ONCE;
  while (batch > 1 && !fits(batch)) batch /= 2;
  return batch;
}

/** How an embedder goes about it. */
export interface EmbedderOptions {
  /** Images at once; as many as `memoryBudget` and the adapter's limits allow by default, 128 at most. */
  readonly batch?: number;
  /** MiB that all on the device stays within, 2,048 by default; see `imagesAtOnce`. */
  readonly memoryBudget?: number;
}

/** Computes representations with the running statistics: what a trained encoder is for. */
export class Embedder {
  private constructor(
    /** Where it computes. */
    readonly device: Device,
    /** Whose encoder it uses. */
    readonly model: Model,
    /** Images that go through it at once. */
    readonly batch: number,
    /** @internal */
    readonly bytes: Tensor,
    /** @internal */
    readonly features: Tensor,
    /** @internal */
    readonly program: Program,
  ) {}

  /**
   * Records and compiles the encoder's forward pass; it uses the model's weights as they are at each call.
   * @throws OutOfMemoryError where a tensor of a single image, or of `batch`, is larger than the adapter allows, or the device has
   * not the memory; nothing is left on the device then.
   */
  static async create(device: Device, model: Model, options: EmbedderOptions = {}): Promise<Embedder> {
    expectDevice(device);
    if (!("encoder" in model && "imageSize" in model))
      throw new UsageError("a Model is wanted, as decodeEncoder gives it; that of a trainer is trainer.model");
    const { memoryBudget = MEMORY_BUDGET, batch = imagesAtOnce(device, model, memoryBudget) } = options;
    const { result, free } = await take(device, "images to embed", () => recordEmbedding(device, model, batch));
    const { bytes, features, tape } = result;
    try {
      const program = await tape.compile({ keep: [features] });
      return new Embedder(device, model, batch, bytes, features, program);
    } catch (error) {
      free();
      throw error;
    }
  }

  /**
   * The representations of all images of a set, in its order.
   * @throws ConfigError where the images have another size than the model was made for; UsageError for an `ImageSet` in place of
   * a `Dataset`; the reason of the signal, where that is aborted.
   */
  async embed(
    dataset: Dataset,
    onProgress?: (done: number, total: number) => void,
    signal?: AbortSignal,
  ): Promise<
    Features & {
      /** [rows, dimension], row-major; nobody else has them. */
      readonly values: Float32Array<ArrayBuffer>;
    }
  > {
    expectDataset(dataset);
    const size = this.model.imageSize;
    if (dataset.width !== size || dataset.height !== size) {
      throw new ConfigError(
        `${dataset.name} has images of ${dataset.width} x ${dataset.height} pixels, and this encoder takes ${size} x ${size}: open them with that image size`,
      );
    }
    const dimension = this.model.encoder.features;
    const values = new Float32Array(dataset.length * dimension);
    const pixels = new Uint32Array(this.bytes.size);
    const bytes = new Uint8Array(pixels.buffer);
    let pending: Promise<void> = Promise.resolve();
    for (let start = 0; start < dataset.length && !signal?.aborted; start += this.batch) {
      const count = Math.min(this.batch, dataset.length - start);
      const indices = Uint32Array.from({ length: count }, (_, i) => start + i);
      await dataset.fetch(indices, bytes.subarray(0, (count * bytes.length) / this.batch));
      this.device.write(this.bytes, pixels);
      const reading = this.program.runAndRead(this.features);
      // One batch is decoded while the one before is computed.
      const before = pending;
      pending = reading.then((rows) => {
        values.set(rows.subarray(0, count * dimension), start * dimension);
        onProgress?.(start + count, dataset.length);
      });
      // Whoever awaits it sees the error; this keeps one that comes during the next fetch from ending the process.
      pending.catch(() => {});
      await before;
    }
    await pending;
    signal?.throwIfAborted();
    return { values, rows: dataset.length, dimension };
  }

  /** Frees what it made on the device; the model stays. */
  readonly dispose = once(() => {
    this.program.dispose();
    this.device.free(this.bytes);
  });
}
