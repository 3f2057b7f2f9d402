import { augmentationPolicies, policyList } from "../augment/policy.js";
import type { Tape } from "../engine/tape.js";
import type { Tensor } from "../engine/tensor.js";
import { ConfigError } from "../errors.js";
import { contrast } from "../losses/contrast.js";
import { projectionHead } from "../nn/projection-head.js";
import { SMALL_IMAGE } from "../nn/resnet.js";
import { scatterIndices, scatterRows } from "../ops/rows.js";
import { collapseToPoint } from "./collapse.js";
import { headOf, headOptions, headText } from "./heads.js";
import { defineMethod, type LearnerParts, type LossBatch } from "./method.js";
import { number, whole } from "./options.js";
import { randomRows } from "./random-rows.js";
import { momentumText, Teacher, teacherOptions } from "./teacher.js";
import { temperatureStrain } from "./temperature.js";

const MOST_KEYS = 65536;
/** The number of no image. */
const NO_IMAGE = 0xffffffff;

/**
 * Rows for a queue: as many as the article has, or the largest power of two that is at most half of the training images, so that
 * it holds no image twice; and the batch at least.
 */
function fittingQueue(images: number, batch: number): number {
  const most = 2 ** Math.floor(Math.log2(Math.max(2, Math.min(MOST_KEYS, images / 2))));
  return Math.max(most, batch);
}

/** The keys of the last steps, and which image each is of. A ring: the oldest make room for those of a step. */
class Queue {
  readonly keys: Tensor;
  readonly images: Tensor;
  /** Where the keys of the step go. */
  readonly #places: Tensor;

  /** It begins with random rows of length 1, of no image. */
  constructor(
    readonly parts: LearnerParts,
    readonly rows: number,
    dimension: number,
  ) {
    const { device, batch, seed } = parts;
    [this.keys, this.images, this.#places] = device.memory.allOrNothing(() => [
      device.tensor([rows, dimension], undefined, "keys of the queue"),
      device.indices([rows], "images of the queue"),
      device.indices([batch], "places in the queue"),
    ]);
    if (device.memory.rehearsing) return;
    device.write(this.keys, randomRows(rows, dimension, seed));
    device.write(this.images, new Uint32Array(rows).fill(NO_IMAGE));
  }

  /** Records that keys [batch, dimension] take the place of the oldest. */
  record(tape: Tape, keys: Tensor, { images }: LossBatch): void {
    scatterRows(tape, keys, this.#places, this.keys);
    scatterIndices(tape, images, this.#places, this.images);
  }

  /** Says where the keys of a step go. */
  setStep(step: number): void {
    const { device, batch } = this.parts;
    device.write(
      this.#places,
      Uint32Array.from({ length: batch }, (_, i) => (step * batch + i) % this.rows),
    );
  }

  get state(): ReadonlyMap<string, Tensor> {
    return new Map([
      ["queue.keys", this.keys],
      ["queue.images", this.images],
    ]);
  }

  dispose(): void {
    for (const tensor of [this.keys, this.images, this.#places]) this.parts.device.free(tensor);
  }
}

/**
 * Momentum contrast, version 2 (He et al. 2020, arXiv 1911.05722; Chen et al. 2020, arXiv 2003.04297): a query, one view of an image,
 * is told from the keys of other images that a teacher has made in the last steps, by the key of its own other view. The keys of
 * a step join the queue after its loss; keys of the query's own image, from an earlier epoch, do not count.
 */
export const moco = defineMethod({
  name: "moco",
  summary:
    "tells an image from a queue of keys of other images that a teacher made (He et al. 2020; v2: Chen et al. 2020)",
  options: {
    ...headOptions({ layers: 2, output: 128 }),
    temperature: number(
      0.2,
      { above: 0 },
      "of the loss (the article's second version; its notebook for CIFAR-10: 0.1)",
    ),
    queue: whole(
      0,
      { from: 0 },
      "keys that are kept; 0: 65,536, or the largest power of two that is at most half of the training images",
    ),
    ...teacherOptions(0),
  },
  policies: (imageSize) => augmentationPolicies[imageSize <= SMALL_IMAGE ? "moco-cifar" : "moco"],
  design(options, { encoder, imageSize, batch, images }) {
    const rows = options.queue === 0 ? fittingQueue(images, batch) : options.queue;
    if (rows < batch) throw new ConfigError(`queue is ${rows}; it must hold the ${batch} keys of a step at least`);
    const head = projectionHead(encoder.features, headOf(options));
    const { temperature } = options;
    return {
      head,
      classes: 0,
      start(parts) {
        const policies = policyList(parts.policies);
        if (policies.length > 2)
          throw new ConfigError(
            `moco has two views of an image, not one for each of ${policies.length} augmentation policies`,
          );
        const teacher = new Teacher(parts, options);
        const queue = new Queue(parts, rows, head.output);
        const view = (policy: number) => ({ views: 1, size: imageSize, policies: policies[policy % policies.length] });
        return {
          views: [view(0), view(1)],
          coupled: false,
          embed: (pass, [views]) => ({ queries: head.forward(pass, encoder.forward(pass, views)) }),
          targets: (tape, [, views]) => ({ keys: teacher.outputs(tape, views) }),
          loss({ tape }, { queries, keys }, { images: groups }) {
            const own = { z: keys, groups, same: "positive", other: "ignored" } as const;
            const others = { z: queue.keys, groups: queue.images, same: "ignored", other: "negative" } as const;
            const { loss, accuracy, spread } = contrast(tape, { z: queries, groups }, [own, others], { temperature });
            return { loss, contrastiveAccuracy: accuracy, outputStd: spread };
          },
          keeps: ["keys"],
          afterUpdate(tape, { keys }, step) {
            teacher.record(tape);
            queue.record(tape, keys, step);
          },
          beforeStep(step, steps) {
            teacher.setStep(step, steps);
            queue.setStep(step);
          },
          state: new Map([...teacher.state, ...queue.state]),
          restart: () => teacher.restart(),
          collapse: (means) => collapseToPoint(means, head.output),
          strain: temperatureStrain(temperature),
          description: {
            loss: "InfoNCE in nats",
            chance: { formula: "ln(K + 1)", value: Math.log(rows + 1) },
            rows: [
              ["projection head", headText(options, head.output)],
              ["temperature", String(temperature)],
              ["queue", `${rows.toLocaleString("en")} keys`],
              ["teacher's momentum", momentumText(options)],
            ],
          },
          dispose() {
            queue.dispose();
            teacher.dispose();
          },
        };
      },
    };
  },
});
