import { systemErrorCode, writeError } from "../io/atomic.js";
import { sameData } from "../io/json.js";
import { type ExperimentPlan, factsAgree, folderOf, isExperiment, sourceOf } from "./plan.js";
import { readRecord } from "./run-record.js";

/** What was found in the folders of an experiment's jobs. */
export interface Gathered {
  /** Keys of runs that were copied to the experiment's folder. */
  readonly taken: readonly string[];
  /** Keys of runs that are done nowhere. */
  readonly missing: readonly string[];
  /** Folders that nothing was taken from, and why, as sentences. */
  readonly leftOut: readonly string[];
}

/** The experiment's folder in one that was given: itself, or within what `--out` named; null where there is none. */
async function experimentIn(folder: string, name: string): Promise<string | null> {
  for (const path of [folder, `${folder}/${name}`]) if (await isExperiment(path)) return path;
  return null;
}

/** Where the images of the first of these folders that says so came from. @param name of the experiment's folder */
export async function gatheredSource(
  folders: readonly string[],
  name: string,
): Promise<Awaited<ReturnType<typeof sourceOf>>> {
  for (const folder of folders) {
    const path = await experimentIn(folder, name);
    const source = path === null ? null : await sourceOf(path);
    if (source) return source;
  }
  return null;
}

/**
 * Copies the runs of a plan that are done in other folders, such as those of its jobs, to the experiment's folder. Runs that are done
 * there already stay as they are; runs with other settings, or on other images, are none of this plan. Node, Bun and Deno.
 * @throws CheckpointError where a record is damaged, or a copy cannot be written.
 */
export async function gatherRuns(plan: ExperimentPlan, folders: readonly string[]): Promise<Gathered> {
  const { experiment, setting, folder: own, runs } = plan;
  const name = `${experiment.name}-${setting.scale}`;
  const left = new Map(runs.filter(({ state }) => state !== "done").map((run) => [run.key, run]));
  const taken: string[] = [];
  const leftOut: string[] = [];
  for (const folder of folders) {
    const path = await experimentIn(folder, name);
    if (path === null) leftOut.push(`${folder} holds no experiment ${name}`);
    else if (!(await factsAgree(path, plan.setting))) leftOut.push(`${path} is on other images`);
    else {
      let found = 0;
      for (const { key, settings } of runs) {
        const record = await readRecord(folderOf(path, key));
        if (!record?.measured || !sameData(record.settings, settings)) continue;
        found++;
        if (!left.delete(key)) continue;
        await copyFolder(folderOf(path, key), folderOf(own, key));
        taken.push(key);
      }
      if (found === 0) leftOut.push(`${path} has no run that is done with these settings`);
    }
  }
  return { taken, missing: [...left.keys()], leftOut };
}

/** Copies a folder, which is whole or not there. */
async function copyFolder(from: string, to: string): Promise<void> {
  const { cp, mkdir, rename, rm } = await import("node:fs/promises");
  const { dirname } = await import("node:path");
  const temporary = `${to}.tmp`;
  try {
    await mkdir(dirname(to), { recursive: true });
    await rm(temporary, { recursive: true, force: true });
    await cp(from, temporary, { recursive: true });
    await rm(to, { recursive: true, force: true });
    await rename(temporary, to);
  } catch (error) {
    throw systemErrorCode(error) === null ? error : writeError(to, error);
  }
}
