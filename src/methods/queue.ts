import type { Tape } from "../engine/tape.js";
import type { Tensor } from "../engine/tensor.js";
import { ConfigError } from "../errors.js";
import { scatterRows } from "../ops/rows.js";
import type { Facts, LearnerParts } from "./method.js";
import { whole } from "./options.js";
import { randomRows } from "./random-rows.js";

const MOST_ROWS = 65536;

/** How many rows a queue has. */
export function queueOption() {
  return whole(
    0,
    { from: 0 },
    "rows that are kept; 0: 65,536, or the largest power of two that is at most half of the training images",
  );
}

/**
 * Rows of a queue: those asked for; for 0 65,536, or the largest power of two that is at most half of the training images, so that
 * it holds no image twice, and the batch at least.
 * @throws ConfigError where it would not hold those of a step.
 */
export function queueRows(asked: number, { images, batch }: Pick<Facts, "images" | "batch">): number {
  const most = 2 ** Math.floor(Math.log2(Math.max(2, Math.min(MOST_ROWS, images / 2))));
  const rows = asked === 0 ? Math.max(most, batch) : asked;
  if (rows < batch) throw new ConfigError(`queue is ${rows}; it must hold the ${batch} rows of a step at least`);
  return rows;
}

/** What was made of the images of the last steps. A ring: the oldest rows make room for those of a step. */
export class Queue {
  /** Rows, [rows, dimension]. */
  readonly keys: Tensor;
  /** u32 [batch]: where those of the step go. */
  readonly places: Tensor;

  /** It begins with random rows of length 1. */
  constructor(
    readonly parts: LearnerParts,
    readonly rows: number,
    dimension: number,
  ) {
    const { device, batch, seed } = parts;
    [this.keys, this.places] = device.memory.allOrNothing(() => [
      device.tensor([rows, dimension], undefined, "keys of the queue"),
      device.indices([batch], "places in the queue"),
    ]);
    if (!device.memory.rehearsing) device.write(this.keys, randomRows(rows, dimension, seed));
  }

  /** Records that keys [batch, dimension] take the place of the oldest. */
  record(tape: Tape, keys: Tensor): void {
    scatterRows(tape, keys, this.places, this.keys);
  }

  /** Says where the keys of a step go. */
  setStep(step: number): void {
    const { device, batch } = this.parts;
    device.write(
      this.places,
      Uint32Array.from({ length: batch }, (_, i) => (step * batch + i) % this.rows),
    );
  }

  /** What a checkpoint holds of it. */
  get state(): ReadonlyMap<string, Tensor> {
    return new Map([["queue.keys", this.keys]]);
  }

  /** Frees its tensors. */
  dispose(): void {
    for (const tensor of [this.keys, this.places]) this.parts.device.free(tensor);
  }
}
