import { sampleOrder } from "../data/sample-order.js";
import type { Device } from "../engine/device.js";
import { Tape } from "../engine/tape.js";
import { withPrograms } from "../engine/with-programs.js";
import { ConfigError } from "../errors.js";
import { softmaxCrossEntropy } from "../losses/softmax-cross-entropy.js";
import { ModelTensors } from "../nn/model-tensors.js";
import { projectionHead } from "../nn/projection-head.js";
import { columnStatistics } from "../ops/batch-norm.js";
import { gatherIndices, gatherRows, standardize } from "../ops/rows.js";
import { warmupCosine } from "../optim/schedule.js";
import { sgd } from "../optim/sgd.js";
import type { Features } from "./embed.js";

/** Settings of the linear probe. */
export interface LinearProbeOptions {
  /** 30 by default, and more of few rows: 350 steps at least. */
  readonly epochs?: number;
  /** 256 by default; at most the training set. */
  readonly batch?: number;
  /** For a batch of 256, 0.1 by default; scales linearly with the batch. */
  readonly learningRate?: number;
  /** Of the weights; by default 50 over the number of training rows, and none with a hidden layer. */
  readonly weightDecay?: number;
  /** Of initial weights and order; 1 by default. */
  readonly seed?: number;
  /** Units of a hidden layer with a rectifier, which makes it a perceptron; none by default. */
  readonly hidden?: number;
  /** Ends the training; its reason is thrown. */
  readonly signal?: AbortSignal;
}

/** How well classes can be told apart linearly, as shares of 1. */
export interface LinearProbeResult {
  /** Of the training rows. */
  readonly trainAccuracy: number;
  /** Of the test rows. */
  readonly testAccuracy: number;
}

/** Labelled representations. */
export interface LabelledFeatures {
  /** Representations, a row an image. */
  readonly features: Features;
  /** Class of each row. */
  readonly labels: Uint32Array;
}

/** @throws ConfigError where there is not one label for each row, or a label is not below `classes`. */
export function checkLabelled(
  { features, labels }: { readonly features: Pick<Features, "rows">; readonly labels: Uint32Array },
  classes: number,
  what: string,
): void {
  if (labels.length !== features.rows)
    throw new ConfigError(`${labels.length} labels for ${features.rows} ${what} images; give one for each`);
  const wrong = labels.find((label) => label >= classes);
  if (wrong !== undefined) throw new ConfigError(`a ${what} image has the label ${wrong}, of ${classes} classes`);
}

/**
 * The recipe, by the penalties and rates that came closest to the best of L-BFGS's: of 500, 2,000 and 10,000 rows, the best weight decay
 * was the same but for the number of rows, and more steps helped none of them.
 */
const [EPOCHS, LEAST_STEPS, PENALTY] = [30, 350, 50];
/** Rows a step. */
const BATCH = 256;

/** Epochs of a probe of so many training rows. */
export function probeEpochs(rows: number, batch = BATCH): number {
  return Math.max(EPOCHS, Math.ceil(LEAST_STEPS / Math.max(1, Math.floor(rows / Math.min(batch, rows)))));
}

/** Steps submitted before waiting for the GPU. */
const STEPS_IN_FLIGHT = 32;

/** The size of a probe. */
export interface ProbeSize {
  readonly train: number;
  readonly test: number;
  readonly dimension: number;
  readonly classes: number;
}

/** Records the training of a probe and its test. */
export function recordProbe(
  device: Device,
  { train, test, dimension, classes }: ProbeSize,
  { batch = BATCH, seed = 1, hidden, weightDecay = hidden ? 0 : PENALTY / train }: LinearProbeOptions = {},
) {
  const size = Math.min(batch, train);
  const raw = device.tensor([train, dimension], undefined, "training features");
  const testRaw = device.tensor([test, dimension], undefined, "test features");
  const trainLabels = device.indices([train], "training labels");
  const testLabels = device.indices([test], "test labels");
  const picked = device.indices([size], "picked rows");

  const preparing = new Tape(device);
  const statistics = columnStatistics(preparing, raw);
  const trainRows = standardize(preparing, raw, statistics);
  const testRows = standardize(preparing, testRaw, statistics);

  const layer = projectionHead(dimension, { layers: hidden ? 2 : 1, hidden, output: classes });
  const tensors = new ModelTensors(device, layer.tensors, seed);
  const optimizer = sgd(tensors, { weightDecay });
  const stepping = new Tape(device);
  const logits = layer.forward(tensors.pass(stepping, { training: true }), gatherRows(stepping, trainRows, picked));
  const { loss } = softmaxCrossEntropy(stepping, logits, gatherIndices(stepping, trainLabels, picked));
  stepping.backward(loss);
  tensors.placeGradients(stepping);
  optimizer.record(stepping);

  const testing = new Tape(device);
  const pass = tensors.pass(testing, { training: false });
  const onTrain = softmaxCrossEntropy(testing, layer.forward(pass, trainRows), trainLabels);
  const onTest = softmaxCrossEntropy(testing, layer.forward(pass, testRows), testLabels);
  return {
    size,
    raw,
    testRaw,
    trainLabels,
    testLabels,
    picked,
    optimizer,
    onTrain,
    onTest,
    /** In this order, each with what it keeps. */
    tapes: [
      { tape: preparing, keep: [trainRows, testRows] },
      { tape: stepping, keep: [] },
      { tape: testing, keep: [onTrain.accuracy, onTest.accuracy] },
    ],
  };
}

/**
 * Linear probe: a softmax classifier on frozen representations, trained by SGD with Nesterov momentum 0.9 and a cosine schedule
 * (Chen et al. 2020, appendix B.5), and with a weight decay, without which it learns few images by heart. The columns are
 * standardised with the training set's mean and variance first, so that rate and decay suit encoders of any scale.
 * @throws ConfigError where there are fewer than two training images or classes, or labels that do not fit.
 */
export async function linearProbe(
  device: Device,
  train: LabelledFeatures,
  test: LabelledFeatures,
  classes: number,
  options: LinearProbeOptions = {},
): Promise<LinearProbeResult> {
  const { rows, dimension } = train.features;
  const { epochs = probeEpochs(rows, options.batch), learningRate = 0.1, seed = 1, signal } = options;
  if (rows < 2 || classes < 2)
    throw new ConfigError(`a linear probe needs at least two images and two classes, not ${rows} and ${classes}`);
  checkLabelled(train, classes, "training");
  checkLabelled(test, classes, "test");
  const sizes = { train: rows, test: test.features.rows, dimension, classes };
  const record = () => recordProbe(device, sizes, options);
  return withPrograms(device, "rows of a linear probe", record, async (probe, [prepare, step, measure]) => {
    const { size, optimizer, picked } = probe;
    device.write(probe.raw, train.features.values);
    device.write(probe.testRaw, test.features.values);
    device.write(probe.trainLabels, new Uint32Array(train.labels));
    device.write(probe.testLabels, new Uint32Array(test.labels));
    prepare.run();

    const steps = epochs * Math.floor(rows / size);
    let done = 0;
    for (let epoch = 0; epoch < epochs && !signal?.aborted; epoch++) {
      const order = sampleOrder(rows, seed, epoch);
      for (let start = 0; start + size <= rows && !signal?.aborted; start += size) {
        device.write(picked, Uint32Array.from(order.subarray(start, start + size)));
        optimizer.setStep(done + 1, warmupCosine((learningRate * size) / 256, done, steps, 0));
        step.run();
        done += 1;
        if (done % STEPS_IN_FLIGHT === 0) await device.idle();
      }
    }
    measure.run();
    const [trainAccuracy] = await device.read(probe.onTrain.accuracy);
    const [testAccuracy] = await device.read(probe.onTest.accuracy);
    signal?.throwIfAborted();
    return { trainAccuracy, testAccuracy };
  });
}
