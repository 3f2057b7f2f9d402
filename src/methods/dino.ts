import { augmentationPolicies } from "../augment/policy.js";
import type { Device } from "../engine/device.js";
import type { Tape } from "../engine/tape.js";
import type { Tensor } from "../engine/tensor.js";
import { DinoHead, prototypeScores } from "../nn/dino-head.js";
import { SMALL_IMAGE } from "../nn/resnet.js";
import { multiply, subtract } from "../ops/binary.js";
import { add, mean } from "../ops/elementwise.js";
import { columnMeans } from "../ops/reductions.js";
import { concatenate, reshape, slice } from "../ops/shape.js";
import { logSoftmax } from "../ops/softmax.js";
import { stopGradient } from "../ops/stop-gradient.js";
import { exp, scale } from "../ops/unary.js";
import { collapseOf, signsOfCollapse } from "./collapse.js";
import { defineMethod, type Numbers } from "./method.js";
import { flag, number, whole } from "./options.js";
import { Prototypes, prototypesUsed } from "./prototypes.js";
import { smallSizeOf, smallViewOptions, withSmallViews } from "./small-views.js";
import { momentumText, Teacher, teacherOptions } from "./teacher.js";
import { temperatureStrain } from "./temperature.js";

/** Views of full size: those that the teacher sees. */
const VIEWS = 2;
/** A share of ln K from which on a teacher tells no prototypes apart. */
const UNIFORM = 0.999;

/** What scores of a teacher are centred and sharpened by. */
class Sharpening {
  /** [1, prototypes]: a moving average of the teacher's scores. */
  readonly center: Tensor;
  /** [1]: 1 over the teacher's temperature. */
  readonly inverseTemperature: Tensor;

  constructor(
    readonly device: Device,
    prototypes: number,
    temperature: number,
  ) {
    this.center = device.tensor([1, prototypes], undefined, "center");
    this.inverseTemperature = device.tensor([1], undefined, "1 / the teacher's temperature");
    this.setTemperature(temperature);
  }

  setTemperature(temperature: number): void {
    this.device.write(this.inverseTemperature, Float32Array.of(1 / temperature));
  }

  /** Scores [rows, prototypes], centred and divided by the temperature. */
  of(tape: Tape, scores: Tensor): Tensor {
    return multiply(tape, subtract(tape, scores, this.center), this.inverseTemperature);
  }

  /** Records that the centre moves towards the mean of these scores. */
  record(tape: Tape, scores: Tensor, momentum: number): void {
    const means = reshape(tape, columnMeans(tape, scores), this.center.shape);
    const moved = add(tape, scale(tape, this.center, momentum), scale(tape, means, 1 - momentum));
    tape.place(moved, this.center);
  }

  dispose(): void {
    this.device.free(this.center);
    this.device.free(this.inverseTemperature);
  }
}

/**
 * Self-distillation without labels (Caron et al. 2021, arXiv 2104.14294): each view of an image predicts which prototypes a teacher
 * sees in the image's views of full size. With t the softmax of the teacher's scores, less their centre, over its temperature, and s
 * that of the student's scores over its own, the loss is the mean of -sum t log s over all pairs of a view of full size and another
 * view, small ones among them (multi-crop). The centre, a moving average of the teacher's scores, keeps one prototype from winning, and
 * the teacher's low temperature keeps all from being alike. Prototypes stand still at first. Unlike in the authors' code, the
 * temperature warms up by the step, gradients are not clipped, weights decay by the same factor throughout, crops of full size are of 14 %
 * of the image and more with small views too (there 40 % then), and what is evaluated and kept is the student (there the teacher).
 */
export const dino = defineMethod({
  name: "dino",
  summary: "predicts which prototypes a centred, sharpened teacher sees in views of full size (Caron et al. 2021)",
  options: {
    headHidden: whole(512, { from: 1 }, "hidden size of the head (the article: 2048)"),
    headOutput: whole(256, { from: 1 }, "output size of the head, of what is compared with the prototypes"),
    headBatchNorm: flag(
      true,
      "batch norm after the head's hidden layers; without it, as in the article, small sets collapse",
    ),
    prototypes: whole(1024, { from: 2 }, "how many (the article: 65,536; some hundred to thousands for small sets)"),
    ...smallViewOptions(),
    temperature: number(0.1, { above: 0 }, "of the student"),
    teacherTemperature: number(0.04, { above: 0 }, "of the teacher: the less, the sharper"),
    warmupTemperature: number(0.04, { above: 0 }, "what the teacher's begins with"),
    warmupTemperatureEpochs: number(0, { from: 0 }, "epochs in which the teacher's goes from there to its own"),
    centerMomentum: number(0.9, { from: 0, below: 1 }, "of the moving average that is the centre"),
    frozenEpochs: number(1, { from: 0 }, "epochs in which the prototypes stand still"),
    ...teacherOptions(1),
  },
  policies(imageSize) {
    const policies = augmentationPolicies[imageSize <= SMALL_IMAGE ? "byol-cifar" : "byol"];
    return policies.map((policy) => ({ ...policy, cropArea: [0.14, 1] as const }));
  },
  design(options, { encoder, imageSize, batch, images }) {
    const { smallViews, prototypes: count, temperature, teacherTemperature, frozenEpochs, centerMomentum } = options;
    const { warmupTemperature, warmupTemperatureEpochs: warmupEpochs } = options;
    smallSizeOf(options, imageSize);
    const { headHidden: hidden, headOutput: bottleneck, headBatchNorm: batchNorm } = options;
    const head = new DinoHead(encoder.features, { hidden, bottleneck, prototypes: count, batchNorm });
    const stepsOf = (epochs: number) => (Number.isFinite(images) ? Math.round(epochs * Math.floor(images / batch)) : 0);
    return {
      head,
      classes: 0,
      start(parts) {
        const { device } = parts;
        const prototypes = new Prototypes(parts, head.prototypes, stepsOf(frozenEpochs));
        const teacher = new Teacher(parts, options);
        const seen = teacher.tensor(head.prototypes.name);
        const sharpening = new Sharpening(device, count, teacherTemperature);
        return {
          views: withSmallViews(VIEWS, options, imageSize, parts.policies),
          coupled: false,
          embed(pass, groups) {
            const [z, smallZ] = groups.map((group) => head.forward(pass, encoder.forward(pass, group)));
            return { z, ...(smallZ && { smallZ }) };
          },
          targets: (tape, [views]) => ({ teacherZ: teacher.outputs(tape, views) }),
          loss(pass, { z, smallZ, teacherZ }, { size }) {
            const { tape } = pass;
            const taken = prototypes.taken(pass);
            const assigned = logSoftmax(tape, sharpening.of(tape, prototypeScores(pass, teacherZ, seen)));
            const assignments = exp(tape, assigned);
            const predictions = (of: Tensor) =>
              logSoftmax(tape, scale(tape, prototypeScores(pass, of, taken), 1 / temperature));
            // The mean over all elements, times how many there are for an image, divided by its pairs.
            const pairs = VIEWS * (VIEWS - 1 + smallViews);
            const term = (products: Tensor, of: number) => scale(tape, mean(tape, products), (-of * count) / pairs);
            const [first, second] = [0, 1].map((view) => slice(tape, assignments, 0, view * size, (view + 1) * size));
            const swapped = concatenate(tape, [second, first], 0);
            const full = term(multiply(tape, swapped, predictions(z)), VIEWS);
            const small = () => {
              const targets = reshape(tape, add(tape, first, second), [1, size * count]);
              const own = reshape(tape, predictions(smallZ), [smallViews, size * count]);
              return add(tape, full, term(multiply(tape, own, targets), smallViews));
            };
            const loss = smallZ ? small() : full;
            const teacherEntropy = scale(tape, mean(tape, multiply(tape, assignments, assigned)), -count);
            return {
              loss,
              teacherEntropy,
              prototypesUsed: prototypesUsed(tape, assigned),
              // A pair's cross-entropy is the entropy of its assignment, and what the prediction is away from that.
              divergence: subtract(tape, stopGradient(tape, loss), teacherEntropy),
              ...signsOfCollapse(tape, z, size),
            };
          },
          keeps: ["teacherZ"],
          afterUpdate(tape, { teacherZ }) {
            // By the prototypes that the teacher had in this step.
            sharpening.record(tape, prototypeScores({ tape }, teacherZ, seen), centerMomentum);
            teacher.record(tape);
          },
          beforeStep(step, steps) {
            teacher.setStep(step, steps);
            prototypes.setStep(step);
            const share = Math.min(1, step / Math.max(1, stepsOf(warmupEpochs)));
            const warming = warmupTemperature + (teacherTemperature - warmupTemperature) * share;
            const now = stepsOf(warmupEpochs) > 0 ? warming : teacherTemperature;
            sharpening.setTemperature(now);
          },
          state: new Map([...teacher.state, ["center", sharpening.center]]),
          restart: () => teacher.restart(),
          strain: temperatureStrain(Math.min(temperature, teacherTemperature, warmupTemperature)),
          collapse(means: Numbers) {
            const { teacherEntropy } = means;
            const alike = teacherEntropy > UNIFORM * Math.log(count);
            // Of a batch of few images the best match may well be one.
            const one = means["prototypesUsed"] <= 1 && batch > 2;
            return (
              collapseOf(means, bottleneck, batch) ??
              (one
                ? "the assignments have collapsed to one prototype, the teacher's best match of every view; a lower centerMomentum, a higher teacherTemperature or a lower learning rate may help"
                : null) ??
              (alike
                ? `the assignments have collapsed to all prototypes alike: their entropy is ${teacherEntropy.toFixed(3)} nats of ${Math.log(count).toFixed(3)}; a lower teacherTemperature, a lower momentum or fewer prototypes may help`
                : null)
            );
          },
          description: {
            loss: "DINO's cross-entropy in nats",
            chance: { formula: "ln K", value: Math.log(count) },
            rows: [
              ["projection head", `3 layers, hidden ${hidden}, bottleneck ${bottleneck}`],
              ["prototypes", `${count.toLocaleString("en")}, standing still for ${frozenEpochs} epochs`],
              ["temperatures", `student ${temperature}, teacher ${temperatureText(options)}`],
              ["centre's momentum", String(centerMomentum)],
              ["teacher's momentum", momentumText(options)],
            ],
          },
          dispose() {
            sharpening.dispose();
            teacher.dispose();
            prototypes.dispose();
          },
        };
      },
    };
  },
});

/** A teacher's temperature in words. */
function temperatureText({
  teacherTemperature,
  warmupTemperature,
  warmupTemperatureEpochs,
}: {
  readonly teacherTemperature: number;
  readonly warmupTemperature: number;
  readonly warmupTemperatureEpochs: number;
}): string {
  if (warmupTemperatureEpochs === 0) return String(teacherTemperature);
  return `from ${warmupTemperature} to ${teacherTemperature} in ${warmupTemperatureEpochs} epochs`;
}
