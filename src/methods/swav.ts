import { augmentationPolicies } from "../augment/policy.js";
import type { Tape } from "../engine/tape.js";
import type { Tensor } from "../engine/tensor.js";
import { ConfigError } from "../errors.js";
import { sinkhorn } from "../losses/sinkhorn.js";
import type { TensorSpec } from "../nn/module.js";
import { projectionHead } from "../nn/projection-head.js";
import { SMALL_IMAGE } from "../nn/resnet.js";
import { columnStatistics } from "../ops/batch-norm.js";
import { multiply } from "../ops/binary.js";
import { add, mean } from "../ops/elementwise.js";
import { matmul } from "../ops/matmul.js";
import { normalizeRows } from "../ops/normalize-rows.js";
import { meanStandardDeviation } from "../ops/rows.js";
import { concatenate, reshape, slice } from "../ops/shape.js";
import { logSoftmax } from "../ops/softmax.js";
import { stopGradient } from "../ops/stop-gradient.js";
import { scale } from "../ops/unary.js";
import { collapseToPoint } from "./collapse.js";
import { headOf, headOptions, headText } from "./heads.js";
import { defineMethod, type LearnerParts, type Numbers } from "./method.js";
import { number, whole } from "./options.js";
import { Prototypes, prototypeUse } from "./prototypes.js";
import { Queue } from "./queue.js";
import { smallSizeOf, smallViewOptions, withSmallViews } from "./small-views.js";
import { temperatureStrain } from "./temperature.js";

/** What the logarithm of the weight of a row is that does not count. */
const NO_WEIGHT = -1e9;

/** Embeddings of the last steps, for each view of full size: they take part in the balance of the assignments. */
class ViewQueues {
  readonly queues: readonly Queue[];
  /** [1, batch + rows], the logarithms of what the rows of the batch and of a queue count for. */
  readonly weights: Tensor;

  constructor(
    readonly parts: LearnerParts,
    readonly rows: number,
    dimension: number,
    views: number,
    /** The first step in which they count, once they are full. */
    readonly start: number,
  ) {
    const { device, batch } = parts;
    this.queues = Array.from({ length: views }, () => new Queue(parts, rows, dimension));
    this.weights = device.tensor([1, batch + rows], undefined, "weights of batch and queue");
  }

  /** Records that embeddings u [views * batch, dimension] take the place of the oldest. */
  record(tape: Tape, u: Tensor): void {
    const { batch } = this.parts;
    this.queues.forEach((queue, view) => {
      queue.record(tape, slice(tape, u, 0, view * batch, (view + 1) * batch));
    });
  }

  setStep(step: number): void {
    const { device, batch } = this.parts;
    for (const queue of this.queues) queue.setStep(step);
    const counts = step >= Math.max(this.start, Math.ceil(this.rows / batch));
    const weight = (_: unknown, row: number) => (row < batch || counts ? 0 : NO_WEIGHT);
    device.write(this.weights, Float32Array.from({ length: batch + this.rows }, weight));
  }

  get state(): readonly (readonly [string, Tensor])[] {
    return this.queues.map(({ keys }, view) => [`queue.${view + 1}`, keys]);
  }

  dispose(): void {
    for (const queue of this.queues) queue.dispose();
    this.parts.device.free(this.weights);
  }
}

/**
 * Swapping assignments between views (Caron et al. 2020, arXiv 2006.09882): each view of an image predicts to which prototypes
 * another view is assigned, where assignments serve all prototypes alike (`sinkhorn`). With p the softmax over the prototypes of a
 * view's cosines over the temperature, and q the assignment of a view of full size, the loss is the mean of -sum q log p over all
 * pairs of a view of full size and another view, small ones among them (multi-crop). Prototypes have length 1 again after every
 * step, as in the authors' code, and stand still at first. A queue of embeddings helps where a batch is smaller than what the
 * prototypes need for their balance.
 */
export const swav = defineMethod({
  name: "swav",
  summary: "predicts to which prototypes another view of the image is assigned, all of them alike (Caron et al. 2020)",
  options: {
    ...headOptions({ layers: 2, output: 128, batchNorm: true }),
    views: whole(2, { from: 2 }, "views of full size of each image, those that are assigned"),
    ...smallViewOptions(),
    prototypes: whole(512, { from: 2 }, "how many (the article: 3,000; a few hundred for thousands of images)"),
    temperature: number(0.1, { above: 0 }, "of the predictions"),
    epsilon: number(0.05, { above: 0 }, "of the assignments: the less, the sharper"),
    iterations: whole(3, { from: 1 }, "of Sinkhorn's alternation"),
    frozenEpochs: number(1, { from: 0 }, "epochs in which the prototypes stand still"),
    queue: whole(
      0,
      { from: 0 },
      "embeddings of each view that are kept (the article, for small batches: 3,840); 0: none",
    ),
    queueEpochs: number(15, { from: 0 }, "epochs after which the queue counts"),
  },
  policies: (imageSize) => ({
    ...augmentationPolicies[imageSize <= SMALL_IMAGE ? "cifar" : "imagenet"],
    cropArea: [0.14, 1],
  }),
  design(options, { encoder, imageSize, batch, images }) {
    const { views, smallViews, prototypes: count, temperature, epsilon, iterations } = options;
    const { queue: queued, frozenEpochs, queueEpochs } = options;
    if (queued > 0 && queued < batch)
      throw new ConfigError(`queue is ${queued}; it must hold the ${batch} embeddings of a step at least, or none (0)`);
    smallSizeOf(options, imageSize);
    const head = projectionHead(encoder.features, headOf(options));
    const { output } = head;
    const initial = { kind: "normal", deviation: 1 / Math.sqrt(output) } as const;
    const spec: TensorSpec = { name: "prototypes.weight", shape: [count, output], initial, role: "weight" };
    const stepsOf = (epochs: number) => (Number.isFinite(images) ? Math.round(epochs * Math.floor(images / batch)) : 0);
    return {
      head,
      classes: 0,
      others: [{ tensors: [spec] }],
      start(parts) {
        const prototypes = new Prototypes(parts, spec, stepsOf(frozenEpochs));
        const queue = queued > 0 ? new ViewQueues(parts, queued, output, views, stepsOf(queueEpochs)) : null;
        return {
          views: withSmallViews(views, options, imageSize, parts.policies),
          coupled: true,
          embed(pass, groups) {
            const [z, smallZ] = groups.map((group) => head.forward(pass, encoder.forward(pass, group)));
            return { z, ...(smallZ && { smallZ }) };
          },
          loss(pass, { z, smallZ }, { size }) {
            const { tape } = pass;
            const taken = prototypes.taken(pass);
            const scoresOf = (u: Tensor) => matmul(tape, u, taken, { transposeB: true });
            const u = normalizeRows(tape, z);
            const scores = scoresOf(u);
            const assignments = Array.from({ length: views }, (_, view) => {
              const own = slice(tape, stopGradient(tape, scores), 0, view * size, (view + 1) * size);
              if (!queue) return sinkhorn(tape, own, { epsilon, iterations });
              const before = stopGradient(tape, scoresOf(queue.queues[view].keys));
              const { weights } = queue;
              return sinkhorn(tape, concatenate(tape, [own, before], 0), {
                epsilon,
                iterations,
                assigned: size,
                weights,
              });
            });
            const together = (parts: readonly Tensor[]) => parts.reduce((sum, part) => add(tape, sum, part));
            const logarithms = (of: Tensor) => logSoftmax(tape, scale(tape, of, 1 / temperature));
            // The mean over all elements, times how many an image has, divided by its pairs.
            const pairs = views * (views + smallViews - 1);
            const term = (products: Tensor, of: number) => scale(tape, mean(tape, products), (-of * count) / pairs);
            const others = assignments.map((_, view) => together(assignments.filter((_, other) => other !== view)));
            const predictions = logarithms(scores);
            const full = term(multiply(tape, concatenate(tape, others, 0), predictions), views);
            const outputStd = meanStandardDeviation(tape, columnStatistics(tape, u));
            const use = prototypeUse(tape, scores, predictions, concatenate(tape, assignments, 0));
            if (!smallZ) return { loss: full, outputStd, ...use };
            const small = logarithms(scoresOf(normalizeRows(tape, smallZ)));
            const targets = reshape(tape, together(assignments), [1, size * count]);
            const products = multiply(tape, reshape(tape, small, [smallViews, size * count]), targets);
            return { loss: add(tape, full, term(products, smallViews)), outputStd, ...use };
          },
          ...(queue && { keeps: ["z"] }),
          afterUpdate(tape, { z }) {
            prototypes.record(tape);
            queue?.record(tape, normalizeRows(tape, z));
          },
          beforeStep(step) {
            prototypes.setStep(step);
            queue?.setStep(step);
          },
          state: new Map(queue?.state),
          strain: temperatureStrain(temperature),
          collapse(means: Numbers) {
            const one = means["prototypesUsed"] <= 1 && batch > 2;
            return (
              collapseToPoint(means, output) ??
              (one
                ? "the prototypes have collapsed: one of them is the best match of every view; a lower learning rate, a lower epsilon or fewer prototypes may help"
                : null)
            );
          },
          description: {
            loss: "SwAV's cross-entropy in nats",
            chance: { formula: "ln K", value: Math.log(count) },
            rows: [
              ["projection head", headText(options, output)],
              ["prototypes", `${count.toLocaleString("en")}, standing still for ${frozenEpochs} epochs`],
              ["assignments", `epsilon ${epsilon}, ${iterations} iterations`],
              ["temperature", String(temperature)],
              ...(queue
                ? [["queue", `${queued.toLocaleString("en")} embeddings, from epoch ${queueEpochs}`] as const]
                : []),
            ],
          },
          dispose() {
            queue?.dispose();
            prototypes.dispose();
          },
        };
      },
    };
  },
});
