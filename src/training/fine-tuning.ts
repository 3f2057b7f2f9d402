import type { TrainingConfig } from "./config.js";

/** The article's batch as a share of ImageNet's training images. */
const BATCH_SHARE = 4096 / 1281167;
/** Smaller batches leave batch norm too little to take its statistics from. */
const LEAST_BATCH = 32;
const MOST_BATCH = 4096;

/** What the article's fine-tuning amounts to on few labels, up to 1 %, and on more. */
const FEW = { share: 0.01, epochs: 60, steps: 180 };
const MORE = { epochs: 30, steps: 930 };

/** What fine-tuning says of a configuration. */
export type FineTuningConfig = Pick<
  TrainingConfig,
  | "method"
  | "options"
  | "optimizer"
  | "learningRate"
  | "learningRateScaling"
  | "warmupEpochs"
  | "weightDecay"
  | "batch"
  | "epochs"
  | "evaluateEvery"
>;

/**
 * How an encoder is fine-tuned on `labelled` images of a set of `all`, and how a net is trained from random weights to compare
 * (Chen et al. 2020, appendix B.5): all weights by SGD with Nesterov momentum 0.9, without warm-up and weight decay, on random
 * crops and flips alone; 60 epochs on up to 1 % of the labels, 30 on more.
 *
 * What the article does in batches of 4096 of ImageNet's images is scaled to smaller sets, so that the number of steps stays what
 * it was there, 180 on 1 % and 930 on 10 %: the batch is the same share of the set, a power of two of at least 32 images, and
 * there are more epochs where they would make fewer steps. The learning rate, 0.8 in the article, goes with the square root of
 * the batch, 0.0125 * sqrt(batch), as that of pre-training in its appendix B.1: in proportion to the batch, 0.05 * batch / 256, as
 * many steps of small batches lead less far. (On 1,000 labels of 10,000 images of CIFAR-10, 41 in place of 45 % of the test images
 * were right.)
 * @param batch images a step; that number by default
 */
export function fineTuningConfig(labelled: number, all: number, batch = scaledBatch(labelled, all)): FineTuningConfig {
  const { epochs, steps } = labelled <= FEW.share * all ? FEW : MORE;
  const stepsPerEpoch = Math.max(1, Math.floor(labelled / batch));
  return {
    method: "supervised",
    options: {},
    optimizer: "sgd",
    learningRate: 0.0125,
    learningRateScaling: "sqrt",
    warmupEpochs: 0,
    weightDecay: 0,
    batch,
    epochs: Math.max(epochs, Math.ceil(steps / stepsPerEpoch)),
    // On few images an evaluation takes longer than an epoch.
    evaluateEvery: 0,
  };
}

function scaledBatch(labelled: number, all: number): number {
  const scaled = 2 ** Math.round(Math.log2(all * BATCH_SHARE));
  return Math.min(Math.max(scaled, LEAST_BATCH), MOST_BATCH, labelled);
}
