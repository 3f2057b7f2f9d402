import type { ImageSet } from "../data/dataset.js";
import type { Device } from "../engine/device.js";
import { ConfigError } from "../errors.js";
import { writeFileAtomic } from "../io/atomic.js";
import { csvLines } from "../io/csv.js";
import { isRecord, parseObject } from "../io/json.js";
import { renderExperimentReport } from "../report/experiment-report.js";
import type { ImageSource, RunHooks } from "../runs/run.js";
import { checkConfig, type TrainingConfig } from "../training/config.js";
import { VERSION } from "../version.js";
import type { Experiment, PlannedRun } from "./experiment.js";
import { type Cost, costEstimator, measurePace, type Pace, secondsFor } from "./pace.js";
import { experimentReport } from "./report.js";
import { Results, type RunResult } from "./results.js";
import { readRecord, writeRecord } from "./run-record.js";
import { imagesFor, type Scale, type Setting, settingFor } from "./setting.js";

/** Paths of the images of an experiment. */
export interface ExperimentSource extends ImageSource {
  /** Images that encoders are transferred to. */
  readonly target?: string;
}

/** What an experiment is planned with. */
export interface ExperimentOptions {
  readonly scale: Scale;
  /** The folder that holds the folders of experiments; `experiments` by default. */
  readonly out?: string;
  /** Where the images came from, so that the experiment can be resumed without saying it again. */
  readonly source?: ExperimentSource;
  /** The images that the experiment on transfer goes to; half of the classes where there are none. */
  readonly target?: ImageSet;
  /** What replaces parts of the scale's common configuration. */
  readonly config?: Partial<TrainingConfig>;
  /** How fast the adapter is, where that was measured before. */
  readonly pace?: Pace;
}

/** How far a run has come: not begun, interrupted or done. */
export type RunState = "new" | "begun" | "done";

/** A run with its cost. */
export interface EstimatedRun extends PlannedRun {
  readonly state: RunState;
  readonly cost: Cost;
  /** Estimated for the whole run, even where it is begun or done; null where it cannot be. */
  readonly seconds: number | null;
}

/** An experiment before it begins. */
export interface ExperimentPlan {
  readonly experiment: Experiment;
  readonly setting: Setting;
  readonly images: ImageSet;
  readonly target: ImageSet | null;
  readonly source: ExperimentSource | null;
  /** The experiment's folder, `<out>/<name>-<scale>`. */
  readonly folder: string;
  readonly runs: readonly EstimatedRun[];
}

/** What an experiment tells while it goes on; `run` hooks are those of the run in progress. */
export interface ExperimentHooks {
  readonly onRun?: (run: EstimatedRun, index: number, total: number) => void;
  readonly onRunDone?: (result: RunResult) => void;
  readonly run?: RunHooks;
  /** Saves, and ends the experiment after the step in progress. */
  readonly signal?: AbortSignal;
}

/** How an experiment ended. */
export interface ExperimentSummary {
  readonly folder: string;
  /** False where it was interrupted: the same call goes on. */
  readonly finished: boolean;
  /** Those that are done. */
  readonly runs: readonly RunResult[];
  readonly findings: readonly string[];
  /** Path of report.html; null when interrupted. */
  readonly report: string | null;
}

/** The file in an experiment's folder that says on which images it is. */
const FACTS = "experiment.json";

/**
 * Plans an experiment: which runs it takes, which of them its folder already holds, and the time that the others take on this
 * adapter, which is measured in a few seconds. Node, Bun and Deno.
 * @throws ConfigError for values out of range, and where the folder holds the experiment on other images.
 */
export async function planExperiment(
  device: Device,
  experiment: Experiment,
  images: ImageSet,
  { scale, out = "experiments", source, target, config, pace }: ExperimentOptions,
): Promise<ExperimentPlan> {
  const taken = imagesFor(images, scale);
  const other = target ? imagesFor(target, scale) : null;
  const setting = settingFor(scale, taken, config, other);
  const folder = `${out}/${experiment.name}-${scale}`;
  const facts = await readFacts(folder);
  const wanted = imageFacts(setting);
  if (facts && JSON.stringify(facts["images"]) !== JSON.stringify(wanted)) {
    throw new ConfigError(
      `${folder} holds this experiment on other images (${JSON.stringify(facts["images"])}, and these are ${JSON.stringify(wanted)}): choose another folder for it`,
    );
  }
  const measured = pace ?? (await measurePace(device));
  const costOf = costEstimator(device, setting);
  const runs: EstimatedRun[] = [];
  for (const run of experiment.plan(setting)) {
    const record = await readRecord(folderOf(folder, run.key), run.settings);
    if (run.effort.config) checkConfig(run.effort.config, setting.trainImages, device);
    const cost = costOf(run.effort);
    const state = record === null ? "new" : record.measured ? "done" : "begun";
    runs.push({ ...run, state, cost, seconds: secondsFor(cost, measured) });
  }
  return { experiment, setting, images: taken, target: other, source: source ?? null, folder, runs };
}

/**
 * Runs what is left of an experiment, each run in a folder of its own below `<folder>/runs`, and writes results.json,
 * results.csv and report.html. What a run has found is on disk before the next one begins; an interrupted run goes on from
 * its checkpoint. Node, Bun and Deno.
 * @throws what goes wrong in a run; those before it stay done.
 */
export async function runExperiment(
  device: Device,
  plan: ExperimentPlan,
  hooks: ExperimentHooks = {},
): Promise<ExperimentSummary> {
  const { mkdir } = await import("node:fs/promises");
  const { experiment, setting, folder, runs } = plan;
  await mkdir(folder, { recursive: true });
  const facts = {
    experiment: experiment.name,
    scale: setting.scale,
    version: VERSION,
    source: plan.source,
    images: imageFacts(setting),
  };
  await writeFileAtomic(`${folder}/${FACTS}`, `${JSON.stringify(facts, null, 2)}\n`);
  const done: RunResult[] = [];
  for (const [index, run] of runs.entries()) {
    const result = await carryOut(device, plan, run, hooks, () => hooks.onRun?.(run, index, runs.length));
    if (!result) return { folder, finished: false, runs: done, findings: [], report: null };
    done.push(result);
    await writeResults(plan, done, []);
    hooks.onRunDone?.(result);
  }
  const results = new Results(setting, done);
  const presentation = experiment.present(results);
  const report = `${folder}/report.html`;
  const data = experimentReport(plan, results, presentation, device);
  const { findings } = presentation;
  await writeResults(plan, done, findings);
  await writeFileAtomic(report, await renderExperimentReport(data));
  return { folder, finished: true, runs: done, findings, report };
}

/** Does one run, or finds that it is done; null where it was interrupted. */
async function carryOut(
  device: Device,
  { images, target, folder, runs }: ExperimentPlan,
  run: EstimatedRun,
  { signal, run: runHooks }: ExperimentHooks,
  onBegin: () => void,
): Promise<RunResult | null> {
  const { rm } = await import("node:fs/promises");
  const { key, label, factors, settings } = run;
  const own = folderOf(folder, key);
  const before = await readRecord(own, settings);
  const adapter = device.adapter.name;
  if (before?.measured)
    return { key, label, factors, seconds: before.seconds, adapter: before.adapter, ...before.measured };
  if (signal?.aborted) return null;
  onBegin();
  // What another plan left under this name is of no use for this one.
  if (!before) await rm(own, { recursive: true, force: true });
  await writeRecord(own, { settings, adapter, seconds: before?.seconds ?? 0, measured: null });
  const start = performance.now();
  const measured = await run.work({
    device,
    images,
    target,
    folder: own,
    folderOf(name) {
      if (!runs.some((other) => other.key === name)) throw new ConfigError(`this experiment has no run ${name}`);
      return folderOf(folder, name);
    },
    hooks: { ...runHooks, ...(signal && { signal }) },
  });
  const seconds = (before?.seconds ?? 0) + (performance.now() - start) / 1000;
  await writeRecord(own, { settings, adapter, seconds, measured });
  return measured && { key, label, factors, seconds, adapter, ...measured };
}

function folderOf(experiment: string, key: string): string {
  return `${experiment}/runs/${key}`;
}

function imageFacts({ trainImages, testImages, imageSize, classes, target }: Setting) {
  return { train: trainImages, test: testImages, imageSize, classes, target };
}

/** What stands in experiment.json; null where there is none. */
async function readFacts(folder: string): Promise<Record<string, unknown> | null> {
  const { readFile } = await import("node:fs/promises");
  const text = await readFile(`${folder}/${FACTS}`, "utf8").catch(() => "");
  return parseObject(text);
}

/** Where the images of the experiment in a folder came from and what size they were given; null where nobody knows. */
export async function sourceOf(folder: string): Promise<(ExperimentSource & { readonly imageSize: number }) | null> {
  const facts = await readFacts(folder);
  const { source, images } = facts ?? {};
  if (!isRecord(source) || !isRecord(images)) return null;
  const { images: path, test, target } = source;
  const { imageSize } = images;
  if (typeof path !== "string" || typeof imageSize !== "number") return null;
  return {
    images: path,
    imageSize,
    ...(typeof test === "string" && { test }),
    ...(typeof target === "string" && { target }),
  };
}

/** Writes results.json and results.csv with the runs that are done. */
async function writeResults(
  { experiment, setting, folder }: ExperimentPlan,
  runs: readonly RunResult[],
  findings: readonly string[],
): Promise<void> {
  const { name, title } = experiment;
  const { scale, base } = setting;
  const results = {
    experiment: name,
    title,
    version: VERSION,
    scale,
    images: imageFacts(setting),
    base,
    findings,
    runs: runs.map(({ pictures: _, ...run }) => run),
  };
  await writeFileAtomic(`${folder}/results.json`, `${JSON.stringify(results, null, 2)}\n`);
  await writeFileAtomic(`${folder}/results.csv`, csvLines(resultRows(runs)));
}

/** A number with as many digits as a float32 has. */
function decimal(value: number | undefined): string {
  return value === undefined ? "" : String(Number(value.toPrecision(7)));
}

/** A heading and one row a run: factors, values and time. */
function resultRows(runs: readonly RunResult[]): string[][] {
  const names = (of: (run: RunResult) => object) => [...new Set(runs.flatMap((run) => Object.keys(of(run))))];
  const factors = names((run) => run.factors);
  const values = names((run) => run.values);
  return [
    ["run", ...factors, ...values, "seconds"],
    ...runs.map((run) => [
      run.key,
      ...factors.map((name) => String(run.factors[name] ?? "")),
      ...values.map((name) => decimal(run.values[name])),
      run.seconds.toFixed(1),
    ]),
  ];
}
