import { sampleOrder } from "../data/sample-order.js";
import type { Device } from "../engine/device.js";
import { Tape } from "../engine/tape.js";
import { ConfigError } from "../errors.js";
import { softmaxCrossEntropy } from "../losses/softmax-cross-entropy.js";
import { Linear } from "../nn/layers.js";
import { ModelTensors } from "../nn/model-tensors.js";
import { columnStatistics } from "../ops/batch-norm.js";
import { gatherIndices, gatherRows, standardize } from "../ops/rows.js";
import { warmupCosine } from "../optim/schedule.js";
import { sgd } from "../optim/sgd.js";
import type { Features } from "./embed.js";

/** Settings of the linear probe. */
export interface LinearProbeOptions {
  /** 100 by default. */
  readonly epochs?: number;
  /** 256 by default; at most the training set. */
  readonly batch?: number;
  /** For a batch of 256, 0.1 by default; scales linearly with the batch. */
  readonly learningRate?: number;
  /** Of initial weights and order; 1 by default. */
  readonly seed?: number;
}

/** How well classes can be told apart linearly, as shares of 1. */
export interface LinearProbeResult {
  readonly trainAccuracy: number;
  readonly testAccuracy: number;
}

/** Labelled representations. */
export interface LabelledFeatures {
  readonly features: Features;
  readonly labels: Uint32Array;
}

/** Steps submitted before waiting for the GPU. */
const STEPS_IN_FLIGHT = 32;

/**
 * Linear probe: a softmax classifier on frozen representations, trained by SGD with Nesterov momentum 0.9, no weight decay
 * and a cosine schedule (Chen et al. 2020, appendix B.5). The columns are standardised with the training set's mean and
 * variance first, so that the learning rate suits encoders of any scale.
 * @throws ConfigError where there are fewer than two training images or classes.
 */
export async function linearProbe(
  device: Device,
  train: LabelledFeatures,
  test: LabelledFeatures,
  classes: number,
  { epochs = 100, batch = 256, learningRate = 0.1, seed = 1 }: LinearProbeOptions = {},
): Promise<LinearProbeResult> {
  const { rows, dimension } = train.features;
  if (rows < 2 || classes < 2)
    throw new ConfigError(`a linear probe needs at least two images and two classes, not ${rows} and ${classes}`);
  const size = Math.min(batch, rows);
  const raw = device.tensor([rows, dimension], train.features.values, "training features");
  const testRaw = device.tensor([test.features.rows, dimension], test.features.values, "test features");
  const trainLabels = device.tensor([rows], new Uint32Array(train.labels), "training labels");
  const testLabels = device.tensor([test.features.rows], new Uint32Array(test.labels), "test labels");
  const picked = device.indices([size], "picked rows");

  const preparing = new Tape(device);
  const statistics = columnStatistics(preparing, raw);
  const trainRows = standardize(preparing, raw, statistics);
  const testRows = standardize(preparing, testRaw, statistics);
  const prepare = await preparing.compile({ keep: [trainRows, testRows] });
  prepare.run();

  const layer = new Linear("probe", dimension, classes, true);
  const tensors = new ModelTensors(device, layer.tensors, seed);
  const optimizer = sgd(tensors);
  const tape = new Tape(device);
  const logits = layer.forward(tensors.pass(tape, { training: true }), gatherRows(tape, trainRows, picked));
  const { loss } = softmaxCrossEntropy(tape, logits, gatherIndices(tape, trainLabels, picked));
  tape.backward(loss);
  tensors.placeGradients(tape);
  optimizer.record(tape);
  const step = await tape.compile();

  const testing = new Tape(device);
  const pass = tensors.pass(testing, { training: false });
  const onTrain = softmaxCrossEntropy(testing, layer.forward(pass, trainRows), trainLabels);
  const onTest = softmaxCrossEntropy(testing, layer.forward(pass, testRows), testLabels);
  const measure = await testing.compile({ keep: [onTrain.accuracy, onTest.accuracy] });

  const steps = epochs * Math.floor(rows / size);
  let done = 0;
  for (let epoch = 0; epoch < epochs; epoch++) {
    const order = sampleOrder(rows, seed, epoch);
    for (let start = 0; start + size <= rows; start += size) {
      device.write(picked, Uint32Array.from(order.subarray(start, start + size)));
      optimizer.setStep(done + 1, warmupCosine((learningRate * size) / 256, done, steps, 0));
      step.run();
      done += 1;
      if (done % STEPS_IN_FLIGHT === 0) await device.idle();
    }
  }
  measure.run();
  const [trainAccuracy] = await device.read(onTrain.accuracy);
  const [testAccuracy] = await device.read(onTest.accuracy);
  for (const part of [measure, step, prepare, optimizer, tensors]) part.dispose();
  for (const tensor of [raw, testRaw, trainLabels, testLabels, picked]) device.free(tensor);
  return { trainAccuracy, testAccuracy };
}
