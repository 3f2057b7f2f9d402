import { type AugmentationPolicy, paperPolicy, policyList } from "../augment/policy.js";
import type { Tape } from "../engine/tape.js";
import type { Tensor } from "../engine/tensor.js";
import { ConfigError } from "../errors.js";
import { contrast } from "../losses/contrast.js";
import { type Normalizer, noiseContrast } from "../losses/noise-contrast.js";
import { viewGroups } from "../losses/view-groups.js";
import { projectionHead } from "../nn/projection-head.js";
import { add } from "../ops/elementwise.js";
import { normalizeRows } from "../ops/normalize-rows.js";
import { gatherRows, scatterRows } from "../ops/rows.js";
import { scale } from "../ops/unary.js";
import { sfc32 } from "../random.js";
import { collapseToPoint } from "./collapse.js";
import { headOf, headOptions, headText } from "./heads.js";
import { defineMethod, type LearnerParts, type LossBatch, type Measured } from "./method.js";
import { choice, number, whole } from "./options.js";
import { randomRows } from "./random-rows.js";
import { temperatureStrain } from "./temperature.js";

const LOSSES = ["softmax", "nce"] as const;

/** Rows of a bank that is only planned, where nobody knows how many images there will be: as many as CIFAR-10 has. */
const UNKNOWN_IMAGES = 50_000;

/** Epochs until the rows that a bank begins with, apart from all images, have nothing more to say: until then, the loss is above chance. */
const SETTLING_EPOCHS = 3;

/** The authors' (`cifar.py` in zhirongw/lemniscate.pytorch): the jitter is never left out, and its hue goes far. */
const policy: AugmentationPolicy = { ...paperPolicy(0.5, 0), cropArea: [0.2, 1], jitterProbability: 1, hue: 0.4 };

/** A row for each image of the training set, of length 1, which follows what its views become. */
class Bank {
  readonly rows: Tensor;

  /** It begins with random directions. */
  constructor(
    readonly parts: LearnerParts,
    images: number,
    dimension: number,
    /** Of the moving average that a row is. */
    readonly momentum: number,
  ) {
    const { device, seed } = parts;
    this.rows = device.tensor([images, dimension], undefined, "bank");
    if (!device.memory.rehearsing) device.write(this.rows, randomRows(images, dimension, seed));
  }

  /** Records that the rows of some images move towards what became of them, z [batch, dimension], made of length 1. */
  record(tape: Tape, z: Tensor, { images }: LossBatch): void {
    const before = scale(tape, gatherRows(tape, this.rows, images), this.momentum);
    const moved = add(tape, before, scale(tape, normalizeRows(tape, z), 1 - this.momentum));
    scatterRows(tape, normalizeRows(tape, moved), images, this.rows);
  }

  dispose(): void {
    this.parts.device.free(this.rows);
  }
}

/** What noise-contrastive estimation keeps: which rows a step compares with, and the constant that the first step finds. */
class Noise {
  /** u32 [m]: rows of the bank. */
  readonly draws: Tensor;
  readonly normalizer: Normalizer;

  constructor(
    readonly parts: LearnerParts,
    readonly images: number,
    draws: number,
  ) {
    const { device } = parts;
    this.draws = device.indices([draws], "noise");
    this.normalizer = {
      logarithm: device.tensor([1, 1], undefined, "logarithm of the normalising constant"),
      place: device.indices([1], "whether the normalising constant is set"),
    };
  }

  /** Draws the noise of a step. */
  setStep(step: number): void {
    const random = sfc32(this.parts.seed >>> 0, step, 0x2ce);
    const draw = () => Math.floor((random() / 2 ** 32) * this.images);
    this.parts.device.write(this.draws, Uint32Array.from({ length: this.draws.size }, draw));
  }

  get state(): readonly (readonly [string, Tensor])[] {
    const { logarithm, place } = this.normalizer;
    return [
      ["normalizer.logarithm", logarithm],
      ["normalizer.place", place],
    ];
  }

  dispose(): void {
    const { logarithm, place } = this.normalizer;
    for (const tensor of [this.draws, logarithm, place]) this.parts.device.free(tensor);
  }
}

/**
 * Instance discrimination (Wu, Xiong, Yu and Lin 2018, arXiv 1805.01978): every image is a class of its own, whose weight is a row
 * of a memory bank, what became of the image an epoch ago. One view of an image; the loss is that of the softmax over the whole bank
 * (equation 2, streamed: no batch x bank matrix is stored) or, as an option, noise-contrastive estimation (equations 4 to 7).
 * After the step, the row of each image of the batch becomes normalize(m row + (1 - m) u), as in the authors' code in place of the
 * article's proximal term. It is checkpointed, with all its rows: 4 n D bytes.
 */
export const instdisc = defineMethod({
  name: "instdisc",
  summary: "tells an image from all others of the set, by a memory bank of what they were (Wu et al. 2018)",
  options: {
    ...headOptions({ layers: 1, output: 128 }),
    loss: choice(LOSSES, "softmax", "over the whole bank, or noise-contrastive estimation with some of its rows"),
    temperature: number(0.1, { above: 0 }, "of the loss (the authors' for CIFAR-10; for ImageNet: 0.07)"),
    noise: whole(4096, { from: 1 }, "rows of the bank that a step of noise-contrastive estimation draws"),
    bankMomentum: number(0.5, { from: 0, below: 1 }, "what a row of the bank keeps of itself in an update"),
  },
  policies: () => policy,
  design(options, { encoder, imageSize, images, batch }) {
    const { loss: name, temperature, noise: draws, bankMomentum } = options;
    const rows = Number.isFinite(images) ? images : UNKNOWN_IMAGES;
    const head = projectionHead(encoder.features, headOf(options));
    const estimated = name === "nce";
    return {
      head,
      classes: 0,
      start(parts) {
        const { length } = policyList(parts.policies);
        if (length > 1)
          throw new ConfigError(`instdisc sees one view of an image: give it one augmentation policy, not ${length}`);
        const bank = new Bank(parts, rows, head.output, bankMomentum);
        const noise = estimated ? new Noise(parts, rows, draws) : null;
        return {
          views: [{ views: 1, size: imageSize, policies: parts.policies }],
          coupled: false,
          embed: (pass, [views]) => ({ z: head.forward(pass, encoder.forward(pass, views)) }),
          loss({ tape }, { z }, { images: groups }): Measured {
            if (noise) {
              const { loss, spread } = noiseContrast(tape, z, {
                ...{ bank: bank.rows, own: groups, draws: noise.draws },
                ...{ normalizer: noise.normalizer, temperature },
              });
              return { loss, outputStd: spread };
            }
            const keys = {
              z: bank.rows,
              groups: viewGroups(tape, rows, 1),
              same: "positive",
              other: "negative",
            } as const;
            const { loss, accuracy, spread } = contrast(tape, { z, groups }, [keys], { temperature });
            return { loss, contrastiveAccuracy: accuracy, outputStd: spread };
          },
          keeps: ["z"],
          afterUpdate: (tape, { z }, batch) => bank.record(tape, z, batch),
          ...(noise && { beforeStep: (step: number) => noise.setStep(step) }),
          state: new Map([["bank", bank.rows] as const, ...(noise?.state ?? [])]),
          strain: temperatureStrain(temperature),
          collapse: (means) => collapseToPoint(means, head.output),
          description: {
            loss: estimated ? "noise-contrastive estimation in nats" : "cross-entropy over the bank, in nats",
            chance: estimated
              ? {
                  formula: "ln(1 + m) + m ln(1 + 1/m)",
                  value: Math.log1p(draws) + draws * Math.log1p(1 / draws),
                }
              : { formula: "ln n", value: Math.log(rows), after: SETTLING_EPOCHS * Math.floor(rows / batch) },
            rows: [
              ["projection head", headText(options, head.output)],
              ["loss", estimated ? `noise-contrastive estimation, ${draws} rows of noise` : "softmax over the bank"],
              ["temperature", String(temperature)],
              ["memory bank", `${rows.toLocaleString("en")} rows, momentum ${bankMomentum}`],
            ],
          },
          dispose() {
            noise?.dispose();
            bank.dispose();
          },
        };
      },
    };
  },
});
