import type { Device } from "../engine/device.js";
import { ConfigError } from "../errors.js";
import { writeFileAtomic } from "../io/atomic.js";
import { csvLines } from "../io/csv.js";
import { renderExperimentReport } from "../report/experiment-report.js";
import type { RunHooks } from "../runs/hooks.js";
import { VERSION } from "../version.js";
import { type EstimatedRun, type ExperimentPlan, FACTS, folderOf, imageFacts } from "./plan.js";
import { experimentReport } from "./report.js";
import { Results, type RunResult } from "./results.js";
import { readRecord, writeRecord } from "./run-record.js";

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
  /** Whether all that was planned is done; false where it was interrupted: the same call goes on. */
  readonly finished: boolean;
  /** Those that are done. */
  readonly runs: readonly RunResult[];
  readonly findings: readonly string[];
  /** Path of report.html; null when interrupted, and for some of the runs alone. */
  readonly report: string | null;
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
  if (!plan.whole) return { folder, finished: true, runs: done, findings: [], report: null };
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
  const before = await readRecord(own);
  const adapter = device.adapter.name;
  if (before?.measured)
    return { key, label, factors, seconds: before.seconds, adapter: before.adapter, ...before.measured };
  if (signal?.aborted) return null;
  onBegin();
  // What is there without a record is a copy that was not finished.
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
