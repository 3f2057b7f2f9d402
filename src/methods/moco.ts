import { augmentationPolicies, policyList } from "../augment/policy.js";
import type { Tape } from "../engine/tape.js";
import type { Tensor } from "../engine/tensor.js";
import { ConfigError } from "../errors.js";
import { contrast } from "../losses/contrast.js";
import { projectionHead } from "../nn/projection-head.js";
import { SMALL_IMAGE } from "../nn/resnet.js";
import { scatterIndices } from "../ops/rows.js";
import { collapseToPoint } from "./collapse.js";
import { headOf, headOptions, headText } from "./heads.js";
import { defineMethod, type LearnerParts, type LossBatch } from "./method.js";
import { number } from "./options.js";
import { Queue, queueOption, queueRows } from "./queue.js";
import { momentumText, Teacher, teacherOptions } from "./teacher.js";
import { temperatureStrain } from "./temperature.js";

/** The number of no image. */
const NO_IMAGE = 0xffffffff;

/** A queue that knows which image each key is of; it begins with keys of none. */
class MarkedQueue extends Queue {
  readonly images: Tensor;

  constructor(parts: LearnerParts, rows: number, dimension: number) {
    super(parts, rows, dimension);
    const { device } = parts;
    this.images = device.indices([rows], "images of the queue");
    if (!device.memory.rehearsing) device.write(this.images, new Uint32Array(rows).fill(NO_IMAGE));
  }

  /** Records that the images of a step take their places, as their keys do. */
  recordImages(tape: Tape, { images }: LossBatch): void {
    scatterIndices(tape, images, this.places, this.images);
  }

  override get state(): ReadonlyMap<string, Tensor> {
    return new Map([...super.state, ["queue.images", this.images]]);
  }

  override dispose(): void {
    super.dispose();
    this.parts.device.free(this.images);
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
    queue: queueOption(),
    ...teacherOptions(0),
  },
  policies: (imageSize) => augmentationPolicies[imageSize <= SMALL_IMAGE ? "moco-cifar" : "moco"],
  design(options, { encoder, imageSize, batch, images }) {
    const rows = queueRows(options.queue, { images, batch });
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
        const queue = new MarkedQueue(parts, rows, head.output);
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
            queue.record(tape, keys);
            queue.recordImages(tape, step);
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
