import { toFloatImages } from "../augment/augment.js";
import type { Dataset } from "../data/dataset.js";
import type { Device } from "../engine/device.js";
import type { Program } from "../engine/program.js";
import { Tape } from "../engine/tape.js";
import type { Tensor } from "../engine/tensor.js";
import { ConfigError } from "../errors.js";
import type { Model } from "../nn/model.js";

/** Representations h of images, row by row. */
export interface Features {
  /** [rows, dimension], row-major. */
  readonly values: Float32Array<ArrayBuffer>;
  readonly rows: number;
  readonly dimension: number;
}

/** Images of a batch, unless another number is asked for. */
export const EMBEDDED_AT_ONCE = 128;

/** Records the encoder's forward pass on images as they are. */
export function recordEmbedding(device: Device, model: Model, batch: number) {
  const size = model.imageSize;
  const bytes = device.indices([batch, size, size], "images to embed");
  const tape = new Tape(device);
  const pass = model.tensors.pass(tape, { training: false });
  const features = model.encoder.forward(pass, toFloatImages(tape, bytes));
  return { bytes, features, tape };
}

/** Computes representations with the running statistics: what a trained encoder is for. */
export class Embedder {
  private constructor(
    readonly device: Device,
    readonly model: Model,
    readonly batch: number,
    readonly bytes: Tensor,
    readonly features: Tensor,
    readonly program: Program,
  ) {}

  /** Records and compiles the encoder's forward pass for batches of `batch` images; it uses the model's weights as they are at each call. */
  static async create(device: Device, model: Model, batch = EMBEDDED_AT_ONCE): Promise<Embedder> {
    const { bytes, features, tape } = recordEmbedding(device, model, batch);
    const program = await tape.compile({ keep: [features] });
    return new Embedder(device, model, batch, bytes, features, program);
  }

  /**
   * The representations of all images of a set, in its order.
   * @throws ConfigError where the images have another size than the model was made for.
   */
  async embed(dataset: Dataset, onProgress?: (done: number, total: number) => void): Promise<Features> {
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
    for (let start = 0; start < dataset.length; start += this.batch) {
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
    return { values, rows: dataset.length, dimension };
  }

  dispose(): void {
    this.program.dispose();
    this.device.free(this.bytes);
  }
}
