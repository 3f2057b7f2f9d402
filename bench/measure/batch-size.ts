import { clock, mebibytes, percentage } from "../../src/cli/table.js";
import { openImages } from "../../src/data/open-images.js";
import type { Device } from "../../src/engine/device.js";
import { timePasses } from "../../src/engine/profiler.js";
import { Tape } from "../../src/engine/tape.js";
import { ConfigError, OutOfMemoryError } from "../../src/errors.js";
import { type Accuracies, Evaluator, labelled, withTestSet } from "../../src/evaluation/evaluation.js";
import { writeFileAtomic } from "../../src/io/atomic.js";
import { ntXent } from "../../src/losses/nt-xent.js";
import { planTraining } from "../../src/training/plan.js";
import { Trainer } from "../../src/training/trainer.js";
import { batchSizeChart } from "./batch-size-chart.js";
import type { BatchSizeResult, BatchSizeRow, Comparison } from "./batch-size-result.js";
import { type Benchmark, type Origin, onDevice, ROUNDS, type Settings, wholeNumber } from "./benchmark.js";
import { median } from "./statistics.js";
import { digits, type Rows, resultText } from "./text.js";
import { noiseTrainer, type StepShape, stepShape, trainSteps } from "./training.js";

/** Real images to train on, and for how long. */
interface RealTraining {
  readonly images: string;
  readonly epochs: number;
}

/** A comma-separated list of whole numbers, ascending. @throws ConfigError */
function batchList(text: string): number[] {
  const batches = text.split(",").map(Number);
  if (batches.some((batch) => !Number.isInteger(batch) || batch < 2))
    throw new ConfigError(`batches is "${text}"; it must be whole numbers from 2 up, with commas between them`);
  return batches.sort((a, b) => a - b);
}

function comparison(settings: Settings): Comparison {
  const { encoder, imageSize } = stepShape({ precision: "f32", ...settings, batch: "2" });
  return {
    encoder,
    imageSize,
    batches: batchList(settings.batches),
    microBatch: wholeNumber(settings, "microBatch"),
  };
}

/** Bytes that NT-Xent takes on `rows` embeddings, beside them and their gradients. */
function lossBytes(device: Device, rows: number, dim: number): number {
  const before = device.memory.currentBytes;
  const { peakBytes, result } = device.memory.rehearse(() => {
    const [z, gradients] = [device.tensor([rows, dim]), device.tensor([rows, dim])];
    const given = device.memory.currentBytes;
    const tape = new Tape(device);
    tape.watch(z);
    tape.backward(ntXent(tape, z, 0.5).loss);
    const gradient = tape.gradient(z);
    if (gradient) tape.place(gradient, gradients);
    tape.reserve();
    return given;
  });
  return peakBytes - before - (result - before);
}

/** The peak of an undivided batch; null where it does not fit the adapter. */
function undividedBytes(device: Device, { encoder, imageSize, batch }: StepShape): number | null {
  try {
    return planTraining(device, { encoder, batch, microBatch: batch }, imageSize).bytes.peak;
  } catch (error) {
    if (error instanceof OutOfMemoryError) return null;
    throw error;
  }
}

/**
 * kNN and probe of encoders that were trained with each batch size for the same number of epochs, with a learning rate that
 * grows with the square root of the batch; null for batches larger than the set.
 */
async function trainedAccuracies(
  device: Device,
  { encoder, batches, microBatch }: Comparison,
  { images: path, epochs }: RealTraining,
  progress: (line: string) => void,
): Promise<ReadonlyMap<number, Pick<Accuracies, "knn" | "probe">>> {
  const set = labelled(withTestSet(await openImages(path)));
  if (!set) throw new ConfigError(`${path} has no labels to evaluate by`);
  const found = new Map<number, Pick<Accuracies, "knn" | "probe">>();
  for (const batch of batches.filter((size) => size <= set.train.length)) {
    progress(`training with batch ${batch}`);
    const trainer = await Trainer.create(device, set.train, {
      encoder,
      batch,
      microBatch: Math.min(batch, microBatch),
      epochs,
      learningRate: 1e-3 / Math.sqrt(128),
      learningRateScaling: "sqrt",
    });
    await trainer.train({
      onStep: ({ step }) => progress(`training with batch ${batch}: step ${step} of ${trainer.steps}`),
    });
    const evaluator = await Evaluator.create(device, trainer.model, set);
    const { knn, probe } = await evaluator.accuracies();
    found.set(batch, { knn, probe });
    evaluator.dispose();
    trainer.dispose();
  }
  return found;
}

/** Seconds of the launches of a step that belong to the loss. */
async function lossSeconds(device: Device, { recorded }: Trainer): Promise<number> {
  const steps = recorded.programs.flatMap((program) => program.steps.filter(({ launch }) => launch.scope === "loss"));
  const [milliseconds] = await timePasses(device, [steps]);
  return milliseconds / 1000;
}

/** A batch size that is measured. */
interface Contender {
  readonly batch: number;
  readonly microBatch: number;
  readonly trainer: Trainer;
  readonly peakBytes: number;
  readonly seconds: number[];
  readonly lossShares: number[];
}

/** How much is measured. */
interface Extent {
  readonly rounds: number;
  /** Seconds for the steps. */
  readonly budget: number;
  readonly training: RealTraining | null;
}

/** Measures training steps of several batch sizes on one device, in turns. */
async function measureBatchSizes(
  device: Device,
  origin: Origin,
  chosen: Comparison,
  { rounds, budget, training }: Extent,
  progress: (line: string) => void,
): Promise<BatchSizeResult> {
  const { encoder, imageSize, batches, microBatch } = chosen;
  const makeTrainer = (batch: number) =>
    noiseTrainer(device, { encoder, imageSize, batch, microBatch: Math.min(batch, microBatch) });

  // Memory first, of one batch size at a time: all buffers are there once a step is compiled.
  const peaks = new Map<number, number>();
  for (const batch of batches) {
    progress(`compiling batch ${batch}`);
    const before = device.memory.currentBytes;
    device.memory.resetPeak();
    const trainer = await makeTrainer(batch);
    peaks.set(batch, device.memory.peakBytes - before);
    trainer.dispose();
  }

  const start = performance.now();
  const left = () => budget - (performance.now() - start) / 1000;
  const contenders: Contender[] = [];
  const leftOut: number[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const batch of batches) {
      if (leftOut.includes(batch)) continue;
      const known = contenders.find((contender) => contender.batch === batch);
      const last = contenders.at(-1);
      const perStep = known ? median(known.seconds) : last ? (median(last.seconds) * batch) / last.batch : 0;
      // Two steps are the least that can be run, and the first ones of a size come before any that are measured.
      const needed = perStep * (known ? 2 : 4);
      if (needed > left()) {
        if (!known) leftOut.push(batch);
        continue;
      }
      progress(`round ${round + 1} of ${rounds}: batch ${batch}, ${clock(left())} left`);
      let contender = known;
      if (!contender) {
        const trainer = await makeTrainer(batch);
        await trainSteps(trainer, 2);
        const peakBytes = peaks.get(batch) ?? 0;
        contender = { batch, microBatch: Math.min(batch, microBatch), trainer, peakBytes, seconds: [], lossShares: [] };
        contenders.push(contender);
      }
      const steps = Math.max(2, Math.min(20, Math.ceil(1 / Math.max(perStep, 1e-3))));
      const seconds = median(await trainSteps(contender.trainer, steps));
      contender.seconds.push(seconds);
      contender.lossShares.push((await lossSeconds(device, contender.trainer)) / seconds);
    }
  }

  const whole = contenders.findLast((contender) => contender.batch === contender.microBatch) ?? contenders[0];
  const perImage = ({ seconds, batch }: Contender) => median(seconds) / batch;
  // Their buffers would serve what is rehearsed below.
  for (const { trainer } of contenders) trainer.dispose();
  const accuracies = training && (await trainedAccuracies(device, chosen, training, progress));
  const rows = contenders.map((contender): BatchSizeRow => {
    const { batch, trainer, seconds } = contender;
    const dimension = trainer.model.head.output;
    return {
      batch,
      microBatch: contender.microBatch,
      secondsPerStep: median(seconds),
      imagesPerSecond: 1 / perImage(contender),
      // Of the same rounds, so that what else the machine did counts for both.
      relativeTime: median(
        seconds.map((time, i) => time / batch / ((whole.seconds[i] ?? median(whole.seconds)) / whole.batch)),
      ),
      peakBytes: contender.peakBytes,
      undividedBytes: undividedBytes(device, { encoder, imageSize, batch }),
      lossShare: median(contender.lossShares),
      lossBytes: lossBytes(device, 2 * batch, dimension),
      unfusedLossBytes: 2 * (2 * batch) ** 2 * 4,
      trained: accuracies?.get(batch) ?? null,
    };
  });
  return { ...origin, encoder, imageSize, microBatch, rounds, epochs: training?.epochs ?? null, rows, leftOut };
}

/** The table of a result. */
function batchSizeTable({ rows, epochs }: BatchSizeResult): Rows {
  const bytes = (value: number | null) => (value === null ? "over the limit" : mebibytes(value));
  const accuracy = (value: number | undefined) => (value === undefined ? "-" : percentage(value));
  const heading = [
    "batch",
    "micro-batch",
    "time a step",
    "images/s",
    "time an image",
    "device memory",
    "undivided",
    "loss",
    "its memory",
    "unfused",
  ];
  return [
    epochs === null ? heading : [...heading, "kNN", "probe"],
    ...rows.map((row) => {
      const cells = [
        String(row.batch),
        row.microBatch < row.batch ? String(row.microBatch) : "whole",
        `${digits(row.secondsPerStep)} s`,
        digits(row.imagesPerSecond),
        `${row.relativeTime.toFixed(2)} x`,
        mebibytes(row.peakBytes),
        bytes(row.undividedBytes),
        percentage(row.lossShare),
        mebibytes(row.lossBytes),
        mebibytes(row.unfusedLossBytes),
      ];
      return epochs === null ? cells : [...cells, accuracy(row.trained?.knn), accuracy(row.trained?.probe)];
    }),
  ];
}

/** `bench/batch-size` */
export const batchSize: Benchmark = {
  name: "batch-size",
  description: "training steps of batches from small to thousands, divided into micro-batches: speed and memory",
  arguments: [{ name: "encoder", description: "the net to train", standard: "convnet" }],
  options: [
    { name: "batches", description: "images a step", standard: "32,64,128,256,512,1024,2048,4096,8192" },
    { name: "micro-batch", description: "batches above it are divided", standard: "256" },
    { name: "size", description: "pixels of the images", standard: "32" },
    { name: "budget", description: "seconds; large batches that do not fit into them are left out", standard: "180" },
    { name: "train", description: "also train on these images with each batch size, and evaluate" },
    { name: "epochs", description: "of that training", standard: "10" },
    { name: "chart", description: "also draw the result to this SVG file" },
    { ...ROUNDS, standard: "3" },
  ],
  async run(settings, progress) {
    const chosen = comparison(settings);
    const epochs = wholeNumber(settings, "epochs");
    const extent = {
      rounds: wholeNumber(settings, "rounds"),
      budget: wholeNumber(settings, "budget"),
      training: settings.train === undefined ? null : { images: settings.train, epochs },
    };
    const result = await onDevice((device, origin) => measureBatchSizes(device, origin, chosen, extent, progress));
    if (settings.chart !== undefined) await writeFileAtomic(settings.chart, await batchSizeChart(result));
    const omitted = result.leftOut.length > 0 ? [`left out for want of time: ${result.leftOut.join(", ")}`] : [];
    const heading = `${result.encoder}, ${result.imageSize} x ${result.imageSize} pixels`;
    return { text: resultText(result, heading, batchSizeTable(result), ...omitted), data: result };
  },
};
