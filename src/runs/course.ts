import type { ImageSet } from "../data/dataset.js";
import type { Device } from "../engine/device.js";
import { NonFiniteLossError } from "../errors.js";
import { type Accuracies, type Evaluation, Evaluator, evenly, labelled } from "../evaluation/evaluation.js";
import { wilsonInterval } from "../evaluation/interval.js";
import { writeFileAtomic } from "../io/atomic.js";
import { renderReport } from "../report/report.js";
import { encodeEncoder } from "../training/encoder-file.js";
import type { Trainer } from "../training/trainer.js";
import type { StepMetrics } from "../training/training-step.js";
import { counted } from "../wording.js";
import { forgetFailedStep, keepFailedStep, readFailedStep } from "./failed-step.js";
import type { RunHooks, RunSummary } from "./hooks.js";
import { reportData } from "./report-data.js";
import type { MetricsLine, RunFolder } from "./run-folder.js";
import { RunWarnings } from "./warnings.js";

/** Images that are looked at during training; all are, at the end. */
const MONITORED = { train: 10000, test: 2000 };

/** A run in progress. */
export interface Run {
  readonly device: Device;
  readonly trainer: Trainer;
  readonly images: ImageSet;
  readonly folder: RunFolder;
  /** Name of the encoder that the training started from; null for random weights. */
  readonly initial: string | null;
  /** What encoder.safetensors says of the data, and under which licence the weights are given away; null where nobody said it. */
  readonly origin: { readonly dataset: string; readonly license: string | null };
  /** The command that began the run; null where there was none. */
  readonly command: string | null;
  /** What is to be warned of before the first step. */
  readonly warnings?: readonly string[];
}

/** An evaluation line of metrics.jsonl: shares of so many test images, with their 95 % intervals. */
function evaluationLine(
  step: number,
  epoch: number,
  { knn, knn20, probe = null, classifier }: Omit<Accuracies, "probe"> & { readonly probe?: number | null },
  testImages: number,
): MetricsLine {
  const shares = { knn, knn20, probe, ...(classifier === null ? {} : { classifier }) };
  const intervals = Object.entries(shares).flatMap(([name, share]) => {
    if (share === null) return [];
    const [low, high] = wilsonInterval(share, testImages);
    return [
      [`${name}Low`, low],
      [`${name}High`, high],
    ];
  });
  return { step, epoch, kind: "evaluation", ...shares, testImages, ...Object.fromEntries(intervals) };
}

function accuraciesOf(found: Accuracies | null): Accuracies | null {
  if (!found) return null;
  const { knn, knn20, probe, classifier } = found;
  return { knn, knn20, probe, classifier };
}

function isEvaluation(line: MetricsLine, epoch: number): boolean {
  return line["kind"] === "evaluation" && line["epoch"] === epoch;
}

/** What a line of the metrics says of a step. */
function measuredIn(line: MetricsLine): StepMetrics[] {
  const { loss, lossScale } = line;
  if (line["kind"] !== "step" || typeof loss !== "number" || typeof lossScale !== "number") return [];
  const numbers = Object.entries(line).flatMap(([name, value]) => (typeof value === "number" ? [[name, value]] : []));
  return [{ ...Object.fromEntries(numbers), loss, lossScale }];
}

/** Whether work came to its end; false where the signal ended it. */
async function unlessInterrupted({ signal }: RunHooks, work: () => Promise<void>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (signal?.aborted && error === signal.reason) return false;
    throw error;
  }
}

/** Trains from where the trainer is to the end, evaluates and reports. */
export async function carryOn(run: Run, hooks: RunHooks): Promise<RunSummary> {
  const { device, trainer, images } = run;
  const { memoryBudget } = trainer.config;
  const set = labelled(images);
  const evaluator = set && (await Evaluator.create(device, trainer.model, set, { memoryBudget }));
  try {
    return await trainAndReport(run, hooks, evaluator);
  } finally {
    evaluator?.dispose();
  }
}

async function trainAndReport(run: Run, hooks: RunHooks, evaluator: Evaluator | null): Promise<RunSummary> {
  const { device, trainer, images, folder, initial } = run;
  const { signal } = hooks;
  const past = await folder.readMetrics();
  const warnings = new RunWarnings(folder, past, hooks);
  for (const message of run.warnings ?? []) await warnings.tell(message, 0);
  if (evaluator) await evaluateBefore(run, hooks, evaluator, past);
  const finished = await train(run, hooks, evaluator, past, warnings);
  const skipped = [images.train, images.test, images.unlabelled].flatMap((part) => part?.skipped ?? []);
  const common = () => ({
    folder: folder.path,
    initial,
    steps: trainer.step,
    peakBytes: device.memory.peakBytes,
    testImages: evaluator?.images.test.length ?? 0,
    skipped,
    warnings: warnings.all,
  });
  const interrupted = () => ({ ...common(), finished: false, before: null, after: null, report: null });
  if (!finished) return interrupted();

  hooks.onPhase?.("evaluating");
  let after: (Evaluation & Accuracies) | null = null;
  const evaluated = await unlessInterrupted(hooks, async () => {
    if (evaluator) after = await evaluator.accuracies(signal);
    signal?.throwIfAborted();
  });
  if (!evaluated) return interrupted();
  return finish(run, hooks, evaluator, after, common());
}

/** The evaluation of the weights that a training begins with, and that of an epoch's end which a kill left no time for. */
async function evaluateBefore(
  { trainer, folder, initial }: Run,
  hooks: RunHooks,
  evaluator: Evaluator,
  past: readonly MetricsLine[],
): Promise<void> {
  const epoch = trainer.step / trainer.stepsPerEpoch;
  if (past.some((line) => isEvaluation(line, epoch))) return;
  if (epoch === 0 && !hooks.brief) {
    hooks.onPhase?.(initial === null ? "evaluating random weights" : "evaluating the encoder that it starts from");
    await unlessInterrupted(hooks, async () => {
      const untrained = await evaluator.accuracies(hooks.signal);
      const measured = await hooks.measure?.(evaluator);
      const line = evaluationLine(0, 0, untrained, evaluator.images.test.length);
      await folder.appendMetrics({ ...line, ...measured });
      hooks.onEvaluation?.(0, untrained);
    });
  } else if (isMonitored(trainer, epoch)) {
    hooks.onPhase?.(`evaluating epoch ${epoch}, for which there was no time`);
    await monitor(trainer, folder, hooks, evaluator, epoch);
  }
}

/** Whether there is an evaluation after so many epochs; that of the last one is of its own. */
function isMonitored({ config: { evaluateEvery, epochs } }: Trainer, epoch: number): boolean {
  return evaluateEvery > 0 && epoch > 0 && epoch % evaluateEvery === 0 && epoch < epochs;
}

/** An evaluation during training; an interruption leaves it out. */
async function monitor(
  trainer: Trainer,
  folder: RunFolder,
  hooks: RunHooks,
  evaluator: Evaluator,
  epoch: number,
): Promise<void> {
  const train = evenly(evaluator.images.train, MONITORED.train);
  const test = evenly(evaluator.images.test, MONITORED.test);
  await unlessInterrupted(hooks, async () => {
    const found = await evaluator.knn(train, test, hooks.signal);
    const measured = await hooks.measure?.(evaluator);
    await folder.appendMetrics({ ...evaluationLine(trainer.step, epoch, found, test.length), ...measured });
    hooks.onEvaluation?.(epoch, found);
  });
}

/** The steps that are left. @returns whether all are done. */
async function train(
  { trainer, folder }: Run,
  hooks: RunHooks,
  evaluator: Evaluator | null,
  past: readonly MetricsLine[],
  warnings: RunWarnings,
): Promise<boolean> {
  const { epochs, batch, microBatch } = trainer.config;
  const failedBefore = await readFailedStep(folder);
  if (trainer.step === trainer.steps) {
    hooks.onNote?.(
      `nothing is left to train: the run is finished, with ${counted(epochs, "epoch")} of ${counted(trainer.stepsPerEpoch, "step")}; what it was evaluated by is measured again`,
    );
    return true;
  }
  if (failedBefore !== null && failedBefore > trainer.step)
    hooks.onNote?.(`step ${failedBefore} failed before; the steps from ${trainer.step + 1} on are run again`);
  hooks.onPhase?.(microBatch < batch ? `training in micro-batches of ${microBatch} images` : "training");
  let saved = trainer.step;
  try {
    return await trainer.train({
      signal: hooks.signal,
      past: past.flatMap(measuredIn),
      onMicroBatch: (begun, total) => hooks.onMicroBatch?.(begun, total, trainer.step + 1, trainer.steps),
      onStep: async (event) => {
        await folder.appendMetrics({ kind: "step", ...event });
        if (event.step === failedBefore) await forgetFailedStep(folder);
        hooks.onStep?.(event, trainer.steps);
      },
      onWarning: (message, step) => warnings.tell(message, step),
      onEpoch: async (epoch) => {
        if (evaluator && isMonitored(trainer, epoch)) await monitor(trainer, folder, hooks, evaluator, epoch);
      },
      onCheckpoint: async (bytes, step) => {
        await writeFileAtomic(folder.file("checkpoint"), bytes);
        saved = step;
      },
    });
  } catch (error) {
    if (!(error instanceof NonFiniteLossError) || error.step === null) throw error;
    const { message, step } = error;
    const kept = await keepFailedStep(folder, trainer, { step, error: message, checkpoint: saved });
    if (!kept) throw error;
    throw new NonFiniteLossError(
      `${message}. ${folder.file("failedStep")} names its images; a resume runs it again, from the checkpoint after step ${saved} on`,
      step,
      { cause: error },
    );
  }
}

/** What a finished training leaves. */
async function finish(
  { device, trainer, images, folder, initial, origin, command }: Run,
  hooks: RunHooks,
  evaluator: Evaluator | null,
  after: (Evaluation & Accuracies) | null,
  common: Omit<RunSummary, "finished" | "before" | "after" | "report">,
): Promise<RunSummary> {
  const { epochs } = trainer.config;
  const lines = (await folder.readMetrics()).filter((line) => !isEvaluation(line, epochs));
  if (evaluator && after) {
    const measured = await hooks.measure?.(evaluator);
    lines.push({ ...evaluationLine(trainer.step, epochs, after, common.testImages), ...measured });
  }
  await writeFileAtomic(folder.file("metrics"), lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  const { model, config, step } = trainer;
  const { dataset, license } = origin;
  const said = { dataset, images: trainer.dataset.length, ...(license !== null && { license }) };
  await writeFileAtomic(folder.file("encoder"), await encodeEncoder(model, config, step, said));
  const accuracies = accuraciesOf(after);
  if (hooks.brief) return { ...common, finished: true, before: null, after: accuracies, report: null };

  hooks.onPhase?.("writing the report");
  const start = initial === null ? "random weights" : "a pre-trained encoder";
  const data = await reportData(device, trainer, images, start, after, lines, command);
  await writeFileAtomic(folder.file("report"), await renderReport(data));
  return {
    ...common,
    peakBytes: device.memory.peakBytes,
    finished: true,
    before: data.accuracy.before,
    after: accuracies,
    report: folder.file("report"),
  };
}
