import type { ImageSet } from "../data/dataset.js";
import type { Device } from "../engine/device.js";
import { ConfigError } from "../errors.js";
import { isRecord, parseObject } from "../io/json.js";
import type { ImageSource } from "../runs/run.js";
import { checkConfig, type TrainingConfig } from "../training/config.js";
import type { Experiment, PlannedRun } from "./experiment.js";
import { chosenRuns } from "./jobs.js";
import { type Cost, costEstimator, measurePace, type Pace, secondsFor } from "./pace.js";
import { otherSettings, readRecord } from "./run-record.js";
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
  /** Keys of the runs to do, and those that they need; all by default. */
  readonly only?: readonly string[];
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
  /** Whether these are all runs of the experiment. */
  readonly whole: boolean;
}

/** The file in an experiment's folder that says on which images it is. */
export const FACTS = "experiment.json";

/**
 * Plans an experiment: which runs it takes, which of them its folder already holds, and the time that the others take on this
 * adapter, which is measured in a few seconds. Node, Bun and Deno.
 * @throws ConfigError for values out of range, and where the folder holds the experiment on other images or with other settings.
 */
export async function planExperiment(
  device: Device,
  experiment: Experiment,
  images: ImageSet,
  { scale, out = "experiments", source, target, config, only, pace }: ExperimentOptions,
): Promise<ExperimentPlan> {
  const taken = imagesFor(images, scale);
  const other = target ? imagesFor(target, scale) : null;
  const setting = settingFor(scale, taken, config, other);
  const folder = `${out}/${experiment.name}-${scale}`;
  const facts = await readFacts(folder);
  const wanted = imageFacts(setting);
  if (facts && !(await factsAgree(folder, setting))) {
    throw new ConfigError(
      `${folder} holds this experiment on other images (${JSON.stringify(facts["images"])}, and these are ${JSON.stringify(wanted)}): choose another folder for it`,
    );
  }
  const measured = pace ?? (await measurePace(device));
  const costOf = costEstimator(device, setting);
  const all = experiment.plan(setting);
  const chosen = only ? chosenRuns(all, only) : all;
  const runs: EstimatedRun[] = [];
  for (const run of chosen) {
    const own = folderOf(folder, run.key);
    const record = await readRecord(own);
    const other = record && otherSettings(record.settings, run.settings);
    if (other !== null) {
      throw new ConfigError(
        `${own} holds this run with other settings (${other}): give the settings that it was begun with, or choose another folder for this experiment`,
      );
    }
    if (run.effort.config) checkConfig(run.effort.config, setting.trainImages, device);
    const cost = costOf(run.effort);
    const state = record === null ? "new" : record.measured ? "done" : "begun";
    runs.push({ ...run, state, cost, seconds: secondsFor(cost, measured) });
  }
  return {
    experiment,
    setting,
    images: taken,
    target: other,
    source: source ?? null,
    folder,
    runs,
    whole: chosen.length === all.length,
  };
}

export function folderOf(experiment: string, key: string): string {
  return `${experiment}/runs/${key}`;
}

export function imageFacts({ trainImages, testImages, imageSize, classes, target }: Setting) {
  return { train: trainImages, test: testImages, imageSize, classes, target };
}

/** Whether the experiment in a folder is on images as a setting says. */
export async function factsAgree(folder: string, setting: Setting): Promise<boolean> {
  const facts = await readFacts(folder);
  return JSON.stringify(facts?.["images"]) === JSON.stringify(imageFacts(setting));
}

/** Whether a folder holds an experiment. */
export async function isExperiment(folder: string): Promise<boolean> {
  return (await readFacts(folder)) !== null;
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
  const { images: path, test, target, smallestCrop, clips } = source;
  const { imageSize } = images;
  if (typeof path !== "string" || typeof imageSize !== "number") return null;
  return {
    images: path,
    imageSize,
    ...(typeof smallestCrop === "number" && { smallestCrop }),
    ...(typeof test === "string" && { test }),
    ...(typeof target === "string" && { target }),
    ...(clips === true && { clips }),
  };
}
