import type { Device } from "../engine/device.js";
import type { Tape } from "../engine/tape.js";
import { matrixShape, type Tensor } from "../engine/tensor.js";
import type { LossBatch, Outputs } from "../methods/method.js";
import { scatterRows } from "../ops/rows.js";
import type { Fed, MicroBatch } from "./training-step.js";

/** A batch in as few micro-batches of at most `most` images as there can be, whose sizes differ by one image at most. */
export function microBatches(batch: number, most: number): MicroBatch[] {
  const count = Math.ceil(batch / most);
  return Array.from({ length: count }, (_, i) => {
    const first = Math.floor((i * batch) / count);
    return { first, images: Math.floor(((i + 1) * batch) / count) - first };
  });
}

/** Where the outputs of micro-batches of one size go among those of the batch: a row for each view of each image. */
export class MicroBatchRows {
  readonly #places = new Map<number, Tensor>();

  constructor(
    readonly device: Device,
    readonly images: number,
    readonly batch: number,
  ) {}

  /** u32 [views * images]: the places of the rows of an output. */
  of(output: Tensor): Tensor {
    const views = matrixShape(output)[0] / this.images;
    const places = this.#places.get(views) ?? this.device.indices([views * this.images], "rows of the micro-batch");
    this.#places.set(views, places);
    return places;
  }

  /** Sets them for the micro-batch that begins at this image of the batch. */
  write(first: number): void {
    for (const places of this.#places.values()) {
      const place = (_: unknown, row: number) => {
        return Math.floor(row / this.images) * this.batch + first + (row % this.images);
      };
      this.device.write(places, Uint32Array.from({ length: places.size }, place));
    }
  }

  dispose(): void {
    for (const places of this.#places.values()) this.device.free(places);
  }
}

/** Outputs of all images of a step, and which images those are, put together from its micro-batches. */
export class BatchOutputs {
  readonly outputs: Outputs;
  readonly facts: LossBatch;

  /** @param sample outputs of a micro-batch of `images` images, which give names and extents. */
  constructor(
    readonly device: Device,
    sample: Outputs,
    images: number,
    readonly batch: number,
    labelled: boolean,
  ) {
    const whole = ([name, output]: [string, Tensor]): [string, Tensor] => {
      const [rows, dimension] = matrixShape(output);
      return [name, device.tensor([(rows / images) * batch, dimension], undefined, `${name} of the batch`)];
    };
    this.outputs = Object.fromEntries(Object.entries(sample).map(whole));
    this.facts = {
      size: batch,
      images: device.indices([batch], "image numbers of the batch"),
      labels: labelled ? device.indices([batch], "labels of the batch") : null,
    };
  }

  /** Records that the outputs of a micro-batch take their places; those of other names are left out. */
  record(tape: Tape, outputs: Outputs, rows: MicroBatchRows): void {
    for (const [name, output] of Object.entries(outputs)) {
      const whole = this.outputs[name];
      if (whole) scatterRows(tape, output, rows.of(output), whole);
    }
  }

  /** Says which images the outputs are of, from those that were fed for each micro-batch in turn. */
  write(fed: readonly Fed[]): void {
    const joined = (parts: readonly Uint32Array[]) => Uint32Array.from(parts.flatMap((part) => [...part]));
    this.device.write(this.facts.images, joined(fed.map(({ images }) => images)));
    const labels = fed.flatMap((part) => (part.labels ? [part.labels] : []));
    if (this.facts.labels && labels.length > 0) this.device.write(this.facts.labels, joined(labels));
  }

  dispose(): void {
    const { images, labels } = this.facts;
    for (const tensor of [...Object.values(this.outputs), images, ...(labels ? [labels] : [])])
      this.device.free(tensor);
  }
}
