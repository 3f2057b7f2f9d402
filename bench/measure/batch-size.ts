import { clock, mebibytes, percentage } from "../../src/cli/table.js";
import type { Device } from "../../src/engine/device.js";
import { timePasses } from "../../src/engine/profiler.js";
import { Tape } from "../../src/engine/tape.js";
import { NonFiniteLossError, OutOfMemoryError } from "../../src/errors.js";
import type { LabelledImageSet } from "../../src/evaluation/evaluation.js";
import { writeFileAtomic } from "../../src/io/atomic.js";
import { ntXent } from "../../src/losses/nt-xent.js";
import { planTraining } from "../../src/training/plan.js";
import type { Trainer } from "../../src/training/trainer.js";
import { batchSizeChart } from "./batch-size-chart.js";
import {
  type BatchSizeResult,
  type BatchSizeRow,
  batchSizeCsv,
  batchSizeText,
  type LeftOut,
  nameOf,
  type TrainedRow,
  trainingName,
} from "./batch-size-result.js";
import {
  type BatchSizePlan,
  batchSizePlan,
  type Comparison,
  type Division,
  divisions,
  type RealTraining,
} from "./batch-size-settings.js";
import { openLabelled, stepsOf, trainAndEvaluate } from "./batch-size-training.js";
import { type Attendance, type Benchmark, type Origin, onDevice, ROUNDS } from "./benchmark.js";
import { median } from "./statistics.js";
import { digits } from "./text.js";
import { noiseTrainer, trainSteps } from "./training.js";

/** What a division takes on the device; see `BatchSizeRow`. */
type Memory = Pick<BatchSizeRow, "peakBytes" | "undividedBytes" | "lossBytes">;

/** Bytes that NT-Xent takes on `rows` embeddings, beside them and their gradients. */
function lossBytes(device: Device, rows: number, dim: number): number {
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
  return peakBytes - result;
}

/** The peak of an undivided batch; null where it does not fit the adapter. */
function undividedBytes(
  device: Device,
  { encoder, norm, precision, optimizer, imageSize }: Comparison,
  batch: number,
): number | null {
  try {
    const config = { encoder, norm, precision, optimizer, batch, microBatch: batch };
    return planTraining(device, config, imageSize).bytes.peak;
  } catch (error) {
    if (error instanceof OutOfMemoryError) return null;
    throw error;
  }
}

/** Seconds of the launches of a step that belong to the loss. */
async function lossSeconds(device: Device, { recorded }: Trainer): Promise<number> {
  const steps = recorded.programs.flatMap((program) => program.steps.filter(({ launch }) => launch.scope === "loss"));
  const [milliseconds] = await timePasses(device, [steps]);
  return milliseconds / 1000;
}

/** A batch size that is timed. */
interface Contender {
  readonly division: Division;
  readonly memory: Memory;
  readonly trainer: Trainer;
  readonly seconds: number[];
  readonly lossShares: number[];
}

/** Measures batch sizes on one device; `result` has what there is of it at any time. */
export class BatchSizeMeasurement {
  readonly #contenders: Contender[] = [];
  readonly #leftOut: LeftOut[] = [];
  readonly #trained: TrainedRow[] = [];

  constructor(
    readonly device: Device,
    readonly origin: Origin,
    readonly plan: BatchSizePlan,
    readonly attendance: Attendance,
    readonly progress: (line: string) => void,
    /** Is given the result after each figure. */
    readonly keep: (result: BatchSizeResult) => Promise<void>,
  ) {}

  /** @param cutShort what ended the measurement before its end */
  result(cutShort: string | null = null): BatchSizeResult {
    const { batches: _, ...comparison } = this.plan.comparison;
    return {
      ...this.origin,
      ...comparison,
      rounds: this.plan.rounds,
      epochs: this.plan.training?.epochs ?? null,
      rows: this.#rows(),
      trained: [...this.#trained],
      leftOut: [...this.#leftOut],
      cutShort,
    };
  }

  /**
   * Measures everything, the trainings on `set`, or until the signal; what does not fit the device, the time or the images is
   * left out. @throws what goes wrong on the device, while reading images and in `keep`.
   */
  async run(set: LabelledImageSet | null): Promise<void> {
    try {
      await this.#times(await this.#memory());
    } finally {
      for (const { trainer } of this.#contenders) trainer.dispose();
    }
    if (set && this.plan.training) await this.#trainings(this.plan.training, set);
  }

  get #stopped(): boolean {
    return this.attendance.signal.aborted;
  }

  #makeTrainer({ batch, microBatch }: Division): Promise<Trainer> {
    const { encoder, imageSize, precision, norm, optimizer } = this.plan.comparison;
    const compiled = (done: number, total: number) =>
      this.progress(`${nameOf({ batch, microBatch })}: compiling, ${done} of ${total} pipelines`);
    return noiseTrainer(this.device, { encoder, imageSize, batch, microBatch, precision }, compiled, {
      norm,
      optimizer,
    });
  }

  #leaveOut(left: LeftOut): void {
    this.#leftOut.push(left);
    const name = left.training ? trainingName(left, left.training) : nameOf(left);
    this.attendance.note(`${name}: left out, ${left.reason}`);
  }

  /** The memory of one batch size at a time, for no other's buffers must be there: all are, once a step is compiled. */
  async #memory(): Promise<ReadonlyMap<Division, Memory>> {
    const { device, plan, attendance } = this;
    const found = new Map<Division, Memory>();
    for (const division of divisions(plan.comparison)) {
      if (this.#stopped) break;
      const before = device.memory.currentBytes;
      device.memory.resetPeak();
      try {
        const trainer = await this.#makeTrainer(division);
        const peakBytes = device.memory.peakBytes - before;
        const dimension = trainer.model.head.output;
        // Its buffers would serve what is rehearsed.
        trainer.dispose();
        found.set(division, {
          peakBytes,
          undividedBytes: undividedBytes(device, plan.comparison, division.batch),
          lossBytes: lossBytes(device, 2 * division.batch, dimension),
        });
        attendance.note(`${nameOf(division)}: ${mebibytes(peakBytes)} on the device`);
      } catch (error) {
        if (!(error instanceof OutOfMemoryError)) throw error;
        this.#leaveOut({ ...division, training: null, reason: error.message });
      }
    }
    return found;
  }

  /** The time of steps, in turns. */
  async #times(memories: ReadonlyMap<Division, Memory>): Promise<void> {
    const { rounds, budget } = this.plan;
    const start = performance.now();
    const left = () => budget - (performance.now() - start) / 1000;
    const out = new Set<Division>();
    for (let round = 0; round < rounds; round++) {
      for (const [division, memory] of memories) {
        if (this.#stopped) return;
        if (out.has(division)) continue;
        const known = this.#contenders.find((contender) => contender.division === division);
        const last = this.#contenders.at(-1);
        const perStep = known
          ? median(known.seconds)
          : last
            ? (median(last.seconds) * division.batch) / last.division.batch
            : 0;
        // Two steps are the least that can be run, and the first ones of a size come before any that are measured.
        if (perStep * (known ? 2 : 4) > left()) {
          if (known) continue;
          out.add(division);
          const reason = `a step takes about ${digits(perStep)} s, and of the ${budget} s ${clock(left())} are left: raise --budget`;
          this.#leaveOut({ ...division, training: null, reason });
          continue;
        }
        this.progress(`round ${round + 1} of ${rounds}: ${nameOf(division)}, ${clock(left())} left`);
        try {
          await this.#time(division, memory, known, perStep);
        } catch (error) {
          if (!(error instanceof OutOfMemoryError)) throw error;
          out.add(division);
          this.#leaveOut({ ...division, training: null, reason: `beside the others: ${error.message}` });
        }
      }
    }
  }

  /** One sample of the time of steps. */
  async #time(division: Division, memory: Memory, known: Contender | undefined, perStep: number): Promise<void> {
    const { signal } = this.attendance;
    const trainer = known?.trainer ?? (await this.#makeTrainer(division));
    let contender = known;
    try {
      if (!known) await trainSteps(trainer, 2, signal);
      const steps = Math.max(2, Math.min(20, Math.ceil(1 / Math.max(perStep, 1e-3))));
      const times = await trainSteps(trainer, steps, signal);
      if (this.#stopped || times.length === 0) return;
      const seconds = median(times);
      const lossShare = (await lossSeconds(this.device, trainer)) / seconds;
      if (!contender) {
        contender = { division, memory, trainer, seconds: [], lossShares: [] };
        this.#contenders.push(contender);
      }
      contender.seconds.push(seconds);
      contender.lossShares.push(lossShare);
      const speed = `${digits(seconds)} s a step, ${digits(division.batch / seconds)} images/s`;
      this.attendance.note(`round ${contender.seconds.length} of ${this.plan.rounds}: ${nameOf(division)}: ${speed}`);
    } finally {
      if (!contender) trainer.dispose();
    }
    await this.keep(this.result());
  }

  #rows(): BatchSizeRow[] {
    const contenders = this.#contenders;
    const whole = contenders.findLast(({ division: { batch, microBatch } }) => batch === microBatch) ?? contenders[0];
    return contenders.map(({ division, memory, seconds, lossShares }): BatchSizeRow => {
      const { batch, microBatch } = division;
      const secondsPerStep = median(seconds);
      // Of the same rounds, so that what else the machine did counts for both.
      const relative = seconds.map(
        (time, i) => time / batch / ((whole.seconds[i] ?? median(whole.seconds)) / whole.division.batch),
      );
      return {
        batch,
        microBatch,
        secondsPerStep,
        imagesPerSecond: batch / secondsPerStep,
        relativeTime: median(relative),
        peakBytes: memory.peakBytes,
        undividedBytes: memory.undividedBytes,
        lossShare: median(lossShares),
        lossBytes: memory.lossBytes,
        unfusedLossBytes: 2 * (2 * batch) ** 2 * 4,
      };
    });
  }

  /** Trains with each batch size that was timed: all of them with the first seed, then with the next one. */
  async #trainings({ epochs, seeds, scalings }: RealTraining, set: LabelledImageSet): Promise<void> {
    const { device, plan, attendance } = this;
    const images = set.train.length;
    const start = performance.now();
    const left = () => plan.budget - (performance.now() - start) / 1000;
    let evaluating = 0;
    for (const seed of seeds) {
      for (const scaling of scalings) {
        for (const { batch, microBatch, secondsPerStep } of this.#rows()) {
          if (this.#stopped) return;
          const leaveOut = (reason: string) =>
            this.#leaveOut({ batch, microBatch, training: { scaling, seed }, reason });
          const name = trainingName({ batch, microBatch }, { scaling, seed });
          const steps = stepsOf(images, batch, epochs);
          if (steps === 0) {
            leaveOut(`there are ${images} images to train on`);
            continue;
          }
          const needed = steps * secondsPerStep + evaluating;
          if (needed > left()) {
            leaveOut(
              `it takes about ${clock(needed)}, and of the ${plan.budget} s ${clock(left())} are left: raise --budget`,
            );
            continue;
          }
          attendance.note(`${name}: training, ${steps} steps, about ${clock(needed)}`);
          try {
            const division = { batch, microBatch };
            const outcome = await trainAndEvaluate(
              device,
              set,
              plan.comparison,
              division,
              { scaling, seed, epochs },
              this.progress,
              attendance.signal,
            );
            if (!outcome) return;
            const { knn, probe, learningRate, trainingSeconds, evaluationSeconds } = outcome;
            evaluating = evaluationSeconds;
            this.#trained.push({ ...division, scaling, learningRate, seed, seconds: trainingSeconds, knn, probe });
            attendance.note(
              `${name}: kNN ${percentage(knn)}, linear probe ${percentage(probe)} after ${clock(trainingSeconds)}`,
            );
          } catch (error) {
            if (!(error instanceof NonFiniteLossError || error instanceof OutOfMemoryError)) throw error;
            leaveOut(error.message);
          }
          await this.keep(this.result());
        }
      }
    }
  }
}

/** Writes the files of a result that were asked for. */
async function writeFiles({ csv, chart }: BatchSizePlan, result: BatchSizeResult): Promise<void> {
  if (csv !== null) await writeFileAtomic(csv, batchSizeCsv(result));
  if (chart !== null) await writeFileAtomic(chart, await batchSizeChart(result));
}

/** `bench/batch-size` */
export const batchSize: Benchmark = {
  name: "batch-size",
  description: `training steps of batches from small to thousands, divided into micro-batches: speed and memory and, with --train, how good the representations become.

Every figure is printed on stderr and written to the files as soon as it is there: a failure or Ctrl-C ends with the tables of what was measured until then (exit code 1 or 130). Batch sizes that do not fit the device, the time or the images are left out by name.`,
  arguments: [{ name: "encoder", description: "the net to train", standard: "convnet" }],
  options: [
    {
      name: "batches",
      description: "images a step, with commas between",
      standard: "32,64,128,256,512,1024,2048,4096,8192",
    },
    {
      name: "micro-batch",
      description: "batches above it are divided; several with commas between are compared",
      standard: "256",
    },
    {
      name: "size",
      description: "pixels of the images; those of --train are resized to it, as by train --image-size",
      standard: "32",
    },
    { name: "norm", description: "of the encoder: batch, or group with standardised weights", standard: "batch" },
    { name: "precision", description: "f32, or mixed: activations in f16", standard: "f32" },
    {
      name: "optimizer",
      description: "adamw, or lars as in the paper: weight decay 1e-6, trust 0.001",
      standard: "adamw",
    },
    {
      name: "budget",
      description:
        "seconds for the times, and as many again for the trainings; what does not fit into them is left out",
      standard: "180",
    },
    { name: "train", description: "also train on these labelled images with each batch size, and evaluate" },
    {
      name: "epochs",
      description: "of each training; the first tenth, at most ten, is warm-up (default with --train: 10)",
    },
    { name: "seeds", description: "one training for each, with commas between (default with --train: 1)" },
    {
      name: "lr-scaling",
      description:
        "rules for the learning rate, with commas between: none, sqrt (rate * sqrt(batch)) or linear (rate * batch / 256); adamw's have 0.001 at a batch of 128, those of lars 4.8 at 4096, as 0.075 * sqrt(batch) and 0.3 * batch / 256 in the paper (default with --train: sqrt)",
    },
    { name: "csv", description: "also write the result to this file: a line for every batch size or training" },
    { name: "chart", description: "also draw the result to this SVG file" },
    { ...ROUNDS, standard: "3" },
  ],
  stoppable: true,
  async run(settings, progress, attendance) {
    const plan = batchSizePlan(settings);
    const { training, comparison } = plan;
    if (training) attendance.note(`reading ${training.images}`);
    // Before anything is measured: what is wrong with them is known at once.
    const set = training && (await openLabelled(training.images, comparison.imageSize));
    return onDevice(async (device, origin) => {
      const keep = (result: BatchSizeResult) => writeFiles(plan, result);
      const measurement = new BatchSizeMeasurement(device, origin, plan, attendance, progress, keep);
      let failure: unknown;
      try {
        await measurement.run(set);
      } catch (error) {
        // Without a figure there is nothing to keep.
        if (measurement.result().rows.length === 0) throw error;
        failure = error;
      }
      const cutShort =
        failure !== undefined
          ? `failed: ${failure instanceof Error ? failure.message : String(failure)}`
          : attendance.signal.aborted
            ? "interrupted"
            : null;
      const result = measurement.result(cutShort);
      return { text: batchSizeText(result), data: result, failure };
    });
  },
};
