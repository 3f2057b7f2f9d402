import { type AugmentationPolicy, paperPolicy, policyList } from "../augment/policy.js";
import { ClipSampler } from "../data/clip-order.js";
import type { Tensor } from "../engine/tensor.js";
import { ConfigError } from "../errors.js";
import { contrast } from "../losses/contrast.js";
import { nPairs } from "../losses/n-pairs.js";
import type { NtXent } from "../losses/nt-xent.js";
import { semiHardTriplets } from "../losses/triplets.js";
import type { ForwardPass } from "../nn/module.js";
import { projectionHead } from "../nn/projection-head.js";
import { gatherIndices } from "../ops/rows.js";
import { collapseToPoint } from "./collapse.js";
import { headOf, headOptions, headText } from "./heads.js";
import { defineMethod, type LearnerParts, type LossBatch } from "./method.js";
import { choice, number, whole } from "./options.js";
import { temperatureStrain } from "./temperature.js";

/** Mild, and never mirrored: where something is tells when, and a mirror can turn the begin of a movement into its end. */
const policy: AugmentationPolicy = { ...paperPolicy(0.5, 0), cropArea: [0.5, 1], flipProbability: 0 };

const LOSSES = ["info-nce", "triplet", "n-pairs"] as const;
const LOSS_NAMES = { "info-nce": "InfoNCE", triplet: "semi-hard triplets", "n-pairs": "n-pairs" } as const;

/** Of which clip every image is, and when, on the device. */
class Moments {
  readonly #clips: Tensor;
  readonly #times: Tensor;

  constructor(
    readonly parts: LearnerParts,
    images: number,
  ) {
    const { device, clips } = parts;
    this.#clips = device.indices([images], "clips");
    this.#times = device.indices([images], "times");
    if (device.memory.rehearsing || !clips) return;
    device.write(this.#clips, Uint32Array.from(clips.clip));
    device.write(this.#times, Uint32Array.from(clips.time));
  }

  /** Those of the images of a batch: u32 [size] each. */
  of({ tape }: ForwardPass, { images }: LossBatch): { readonly groups: Tensor; readonly times: Tensor } {
    return { groups: gatherIndices(tape, this.#clips, images), times: gatherIndices(tape, this.#times, images) };
  }

  dispose(): void {
    for (const tensor of [this.#clips, this.#times]) this.parts.device.free(tensor);
  }
}

/**
 * Time-contrastive networks, with one view (Sermanet et al. 2018, arXiv 1704.06888, section 3.2): frames of a clip up to `near` apart
 * are to be close, and far from those that are more than `far` apart and from those of other clips; frames between are nothing to
 * each other. The loss is InfoNCE of cosines with all such positives and negatives (streamed, see `contrast`), or the article's:
 * semi-hard triplets of squared distances, or n-pairs of dot products. A batch holds pairs of neighbours, of a few clips.
 * Each frame is augmented by itself.
 */
export const tcn = defineMethod({
  name: "tcn",
  summary: "brings neighbouring frames of a clip together, and other times and clips apart (Sermanet et al. 2018)",
  clips: true,
  options: {
    ...headOptions({ layers: 2, output: 128 }),
    loss: choice(LOSSES, "info-nce", "what is trained for (the article: the other two)"),
    temperature: number(0.1, { above: 0 }, "of InfoNCE"),
    margin: number(0.2, { from: 0 }, "of the triplets, in squared distance"),
    near: whole(6, { from: 1 }, "the most that frames that belong together are apart (the article: 6, at 29 a second)"),
    far: whole(0, { from: 0 }, "frames of a clip that are further apart than this are told apart; 0: twice near"),
    clipsPerBatch: whole(4, { from: 1 }, "clips that a batch is drawn from"),
  },
  policies: () => policy,
  design(options, { encoder, imageSize, images, batch }) {
    const { loss: name, temperature, margin, near, clipsPerBatch } = options;
    const far = options.far === 0 ? 2 * near : options.far;
    if (far < near) throw new ConfigError(`far is ${far}; it must be at least near, ${near}, or 0 for twice that`);
    if (name === "n-pairs" && batch < 4)
      throw new ConfigError(`n-pairs compare two pairs at least, and the batch has ${batch} images: it needs 4`);
    const head = projectionHead(encoder.features, headOf(options));
    return {
      head,
      classes: 0,
      start(parts) {
        const { length } = policyList(parts.policies);
        if (length > 1)
          throw new ConfigError(`tcn sees one view of a frame: give it one augmentation policy, not ${length}`);
        const { clips, seed } = parts;
        const sampler = clips && new ClipSampler(clips, { batch, clipsPerBatch, near });
        const moments = new Moments(parts, Number.isFinite(images) ? images : batch);
        const losses: Record<typeof name, (pass: ForwardPass, z: Tensor, batch: LossBatch) => NtXent> = {
          "info-nce"(pass, z, batch) {
            const frames = { z, ...moments.of(pass, batch) };
            const keys = { ...frames, same: "positive", other: "negative", near, far } as const;
            return contrast(pass.tape, frames, [keys], { temperature });
          },
          triplet: (pass, z, batch) =>
            semiHardTriplets(pass.tape, z, { ...moments.of(pass, batch), near, far, margin }),
          "n-pairs": ({ tape }, z) => nPairs(tape, z),
        };
        return {
          views: [{ views: 1, size: imageSize, policies: parts.policies }],
          coupled: true,
          embed: (pass, [views]) => ({ z: head.forward(pass, encoder.forward(pass, views)) }),
          loss(pass, { z }, batch) {
            const { loss, accuracy, spread } = losses[name](pass, z, batch);
            return { loss, contrastiveAccuracy: accuracy, outputStd: spread };
          },
          ...(sampler && { order: (epoch: number) => sampler.epoch(seed, epoch) }),
          state: new Map(),
          strain: name === "info-nce" ? temperatureStrain(temperature) : null,
          collapse: (means) => collapseToPoint(means, head.output),
          description: {
            loss: name === "triplet" ? "loss of triplets" : `${LOSS_NAMES[name]} in nats`,
            chance: {
              "info-nce": { formula: "ln(N − 1)", value: Math.log(batch - 1) },
              triplet: { formula: "the margin", value: margin },
              "n-pairs": { formula: "ln(N/2)", value: Math.log(Math.floor(batch / 2)) },
            }[name],
            rows: [
              ["projection head", headText(options, head.output)],
              ["loss", LOSS_NAMES[name]],
              ["frames together", `up to ${near} apart`],
              ["frames told apart", `more than ${far} apart, or of other clips`],
              ["clips in a batch", String(clipsPerBatch)],
              ...(name === "info-nce" ? [["temperature", String(temperature)] as const] : []),
              ...(name === "triplet" ? [["margin", String(margin)] as const] : []),
            ],
          },
          dispose: () => moments.dispose(),
        };
      },
    };
  },
});
