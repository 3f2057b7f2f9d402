import { ConfigError } from "../errors.js";
import { nearestName } from "../spelling.js";
import type { PlannedRun } from "./experiment.js";

/** Runs of an experiment that need nothing of others: one, or those that start from each other's encoders. */
export interface Job<Run extends PlannedRun> {
  /** That of its first run. */
  readonly key: string;
  readonly runs: readonly Run[];
}

/** Divides the runs of an experiment into jobs that can be done anywhere, at the same time. */
export function jobsOf<Run extends PlannedRun>(runs: readonly Run[]): Job<Run>[] {
  const jobs: Run[][] = [];
  for (const run of runs) {
    const needed = jobs.filter((job) => job.some(({ key }) => run.needs?.includes(key)));
    for (const job of needed) jobs.splice(jobs.indexOf(job), 1);
    jobs.push([...needed.flat(), run]);
  }
  return jobs.map((job) => ({ key: job[0].key, runs: job }));
}

/**
 * The runs of these keys, and those that they need, in the order of the experiment.
 * @throws ConfigError for a key that no run has.
 */
export function chosenRuns<Run extends PlannedRun>(runs: readonly Run[], keys: readonly string[]): Run[] {
  const chosen = new Set<string>();
  const choose = (key: string) => {
    const run = runs.find((other) => other.key === key);
    if (!run) {
      const known = runs.map((other) => other.key);
      const near = nearestName(key, known);
      throw new ConfigError(
        `this experiment has no run ${key}: ${near ? `did you mean ${near}?` : `it has ${known.join(", ")}`}`,
      );
    }
    chosen.add(key);
    for (const needed of run.needs ?? []) choose(needed);
  };
  for (const key of keys) choose(key);
  return runs.filter(({ key }) => chosen.has(key));
}
