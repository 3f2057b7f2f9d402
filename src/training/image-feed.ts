import type { Dataset } from "../data/dataset.js";
import { sampleOrder } from "../data/sample-order.js";
import type { Device } from "../engine/device.js";
import type { TrainingConfig } from "./config.js";
import type { StepParts } from "./model.js";
import {
  type Fed,
  readViewed,
  type StepInputs,
  type TrainingStep,
  type ViewedImages,
  writeViewed,
} from "./training-step.js";

/** The images of an epoch, batch after batch: in an order of the method's own, or in a random one. */
export function imageOrder(
  { dataset, config, parts }: Pick<FedTraining, "dataset" | "config" | "parts">,
  epoch: number,
): Uint32Array {
  return parts.learner.order?.(epoch) ?? sampleOrder(dataset.length, config.seed, epoch);
}

/** Images of a micro-batch that are being read. */
interface Reading {
  readonly epoch: number;
  readonly numbers: Uint32Array<ArrayBuffer>;
  /** Null where the set has none. */
  readonly labels: Uint32Array<ArrayBuffer> | null;
  readonly ready: Promise<ViewedImages>;
}

/** What a feed has to know of a training. */
export interface FedTraining {
  readonly device: Device;
  readonly dataset: Dataset;
  readonly config: Pick<TrainingConfig, "batch" | "seed">;
  readonly parts: Pick<StepParts, "learner">;
  readonly recorded: Pick<TrainingStep, "feeds">;
  /** Steps done. */
  readonly step: number;
  readonly steps: number;
  readonly stepsPerEpoch: number;
}

/** Reads the images of the micro-batches of a training, from the trainer's step on, ahead of time, and writes them to the device. */
export class ImageFeed {
  /** Micro-batches that were written. */
  #written: number;
  #order: { readonly epoch: number; readonly indices: Uint32Array } | null = null;
  #next: Reading | null = null;

  constructor(readonly trainer: FedTraining) {
    this.#written = trainer.step * trainer.recorded.feeds.length;
  }

  /** Starts to read the next micro-batch, where there is one. */
  prefetch(): void {
    const { recorded, steps } = this.trainer;
    if (this.#written < steps * recorded.feeds.length) this.#next ??= this.#read();
  }

  #read(): Reading {
    const { dataset, config, recorded, stepsPerEpoch } = this.trainer;
    const { feeds } = recorded;
    const step = Math.floor(this.#written / feeds.length);
    const { first, images } = feeds[this.#written % feeds.length];
    const epoch = Math.floor(step / stepsPerEpoch);
    if (this.#order?.epoch !== epoch) {
      this.#order = { epoch, indices: imageOrder(this.trainer, epoch) };
    }
    const start = (step % stepsPerEpoch) * config.batch + first;
    const numbers = Uint32Array.from(this.#order.indices.subarray(start, start + images));
    const labels = dataset.labels;
    const ready = readViewed(dataset, numbers);
    // Whoever awaits it sees the error; this keeps an error that comes early from ending the process.
    ready.catch(() => {});
    return { epoch, numbers, labels: labels && numbers.map((number) => labels[number]), ready };
  }

  /** Writes the next micro-batch to the device, and starts to read the one after it where that belongs to the same step. */
  async write(inputs: StepInputs): Promise<Fed> {
    const { device, config, recorded } = this.trainer;
    const { epoch, numbers, labels, ready } = this.#next ?? this.#read();
    writeViewed(device, inputs, await ready, config.seed, epoch);
    if (inputs.labels && labels) device.write(inputs.labels, labels);
    this.#next = null;
    this.#written += 1;
    if (this.#written % recorded.feeds.length > 0) this.prefetch();
    return { images: numbers, labels };
  }
}
