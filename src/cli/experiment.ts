import { resolve } from "node:path";
import type { ImageSet } from "../data/dataset.js";
import { ConfigError, UsageError } from "../errors.js";
import { experimentNamed, experiments } from "../experiments/catalogue.js";
import type { Experiment } from "../experiments/experiment.js";
import { gatheredSource, gatherRuns } from "../experiments/gather.js";
import { jobsOf } from "../experiments/jobs.js";
import type { Pace } from "../experiments/pace.js";
import {
  type EstimatedRun,
  type ExperimentPlan,
  type ExperimentSource,
  isExperiment,
  planExperiment,
  sourceOf,
} from "../experiments/plan.js";
import type { RunResult } from "../experiments/results.js";
import { type ExperimentSummary, runExperiment } from "../experiments/runner.js";
import { SCALES, type Scale } from "../experiments/setting.js";
import { printable } from "../printable.js";
import { duration } from "../report/report-text.js";
import { type Command, Option } from "../vendor/commander.js";
import { counted, listed } from "../wording.js";
import { sampleArchive } from "./demo.js";
import { openForCommand } from "./images.js";
import { addMethodOptions, type MethodOptions, methodConfig } from "./method-options.js";
import { number } from "./numbers.js";
import { addOutputOptions, answer, say, tell, warn } from "./output.js";
import { heedInterruption, withDevice } from "./session.js";
import { suggested } from "./suggested.js";
import { percentage, textTable } from "./table.js";
import { trainingProgress } from "./training-progress.js";

interface ExperimentCommandOptions extends MethodOptions {
  readonly scale: Scale;
  readonly data?: string;
  readonly test?: string;
  readonly target?: string;
  readonly imageSize?: number;
  readonly out: string;
  readonly plan?: boolean;
  readonly resume?: boolean;
  readonly only?: readonly string[];
  readonly gather?: readonly string[];
}

/** A pace for plans of which nobody asks how long they take. */
const NO_PACE: Pace = { flops: Number.POSITIVE_INFINITY, probeStep: 0 };

/** `simclr experiment <name>` */
export function addExperimentCommand(program: Command): void {
  const list = experiments.map(({ name, title }) => `  ${name.padEnd(16)}${title}`).join("\n");
  const command = program
    .command("experiment")
    .description(
      "run an experiment, of the SimCLR paper or between methods: several trainings, and a report of what they show",
    )
    .argument("<name>", "which one, see below")
    .addOption(
      new Option("--scale <name>", "smoke: minutes on two cores; small: an hour; full: the paper's setting")
        .choices(SCALES)
        .default("smoke"),
    )
    .option(
      "--data <images>",
      "labelled images, or clips for time, as for train (default for smoke: images that come with the package, clips that are drawn)",
    )
    .option("--test <images>", "labelled images to evaluate on, as for train")
    .option("--target <images>", "labelled images that transfer goes to (default: half of the classes)")
    .option("--image-size <pixels>", "resize the images on load, as for train", number)
    .option("--out <folder>", "where the experiment's folder is made", "experiments")
    .option(
      "--plan",
      "print the runs and the time that they take, and run nothing; with --json also as independent jobs, each with a command for it",
    )
    .option(
      "--only <keys>",
      "do these runs alone, and those that they need, without a report (keys: --plan --json)",
      keys,
    )
    .option("--gather <folders...>", "copy the runs that are done in the folders of jobs here, and write the report")
    .option("--resume", "go on with the experiment in its folder, on the images that it began with")
    .addHelpText("after", `\nExperiments:\n${list}`);
  addMethodOptions(addOutputOptions(command)).action((name: string, options: ExperimentCommandOptions) =>
    experimentOn(name, options),
  );
}

/** Keys of runs, with commas between them. */
function keys(text: string): readonly string[] {
  return text.split(",").filter((key) => key !== "");
}

async function experimentOn(name: string, options: ExperimentCommandOptions): Promise<void> {
  const { scale, out, plan: planOnly = false, only, gather } = options;
  if (gather && (planOnly || only))
    throw new ConfigError("--gather puts runs together that are done: give it without --plan and --only");
  const experiment = experimentNamed(name);
  const found = await imagesOf(experiment, options);
  const interruption = heedInterruption();
  await withDevice(async (device) => {
    const { images, target, source } = await openFor(found);
    if (images.unlabelled)
      say(`         ${counted(images.unlabelled.length, "image")} without a label are no part of experiments`);
    if (!gather) say("measuring the pace of this adapter ...");
    const wanted = { scale, out, source, target, only, config: methodConfig(options) };
    let plan = await planExperiment(device, experiment, images, gather ? { ...wanted, pace: NO_PACE } : wanted);
    if (gather) {
      await gatherHere(plan, gather);
      plan = await planExperiment(device, experiment, images, { ...wanted, pace: NO_PACE });
    } else printPlan(plan);
    if (planOnly) {
      answer(planData(plan, out));
      return;
    }
    interruption.save();
    const { hooks, stop } = await trainingProgress();
    try {
      const summary = await runExperiment(device, plan, {
        signal: interruption.signal,
        run: { ...hooks, onFolder: undefined },
        onRun: (run, index, total) => say(`\nrun ${index + 1} of ${total}: ${run.label}`),
        onRunDone(result) {
          stop();
          printResult(result);
        },
      });
      stop();
      printSummary(summary);
    } finally {
      stop();
    }
  });
}

/** Where images are, and their size; or images that an experiment has of its own. */
type FoundImages = (ExperimentSource & { readonly imageSize?: number }) | ImageSet;

/** The images of an experiment, and those that it transfers to. */
async function openFor(found: FoundImages) {
  if ("train" in found) {
    const { train, test } = found;
    say(
      `images:  ${train.name}, ${counted(train.length, "frame")} to train, ${test?.length} to test, drawn for this experiment`,
    );
    return { images: found };
  }
  const { imageSize, target, ...source } = found;
  const images = await openForCommand(source, imageSize);
  if (target === undefined) return { images, source };
  const { smallestCrop } = source;
  return {
    images,
    source: { ...source, target },
    target: await openForCommand({ images: target, smallestCrop }, images.train.width),
  };
}

/** Where the images of an experiment are. @throws ConfigError where that is not said. */
async function imagesOf(
  { name, clips: own }: Experiment,
  { scale, data, test, target, imageSize, out, resume = false, gather }: ExperimentCommandOptions,
): Promise<FoundImages> {
  if (gather && data === undefined) {
    const source = await gatheredSource(gather, `${name}-${scale}`);
    if (source) return source;
  }
  if (resume) {
    const folder = `${out}/${name}-${scale}`;
    const source = await sourceOf(folder);
    if (source) return source;
    if (own && (await isExperiment(folder))) return own();
    throw new ConfigError(`there is no experiment to resume in ${folder}`);
  }
  // Whole paths: the experiment can be resumed from any folder.
  const others = {
    imageSize,
    // That of the paper's policies.
    ...(imageSize !== undefined && { smallestCrop: 0.08 }),
    ...(test !== undefined && { test: resolve(test) }),
    ...(target !== undefined && { target: resolve(target) }),
    ...(own && { clips: true }),
  };
  if (data !== undefined) return { images: resolve(data), ...others };
  if (scale !== "smoke")
    throw new ConfigError(`the scale ${scale} needs more images than come with the package: name some with --data`);
  return own ? own() : { images: sampleArchive(), ...others };
}

/** Seconds, roughly. */
function roughly(seconds: number | null): string {
  if (seconds === null) return "?";
  const days = seconds / 86400;
  return days >= 3 ? `${Math.round(days).toLocaleString("en-US")} days` : duration(seconds);
}

function operations(flops: number | null): string {
  if (flops === null) return "too large";
  const prefixes = ["G", "T", "P", "E", "Z"];
  const power = Math.min(Math.max(Math.floor(Math.log10(Math.max(flops, 1e9)) / 3) - 3, 0), prefixes.length - 1);
  return `${(flops / 1000 ** (power + 3)).toPrecision(3)} ${prefixes[power]}FLOP`;
}

const STATES = { new: "", begun: "begun", done: "done" } as const;

function sumOf(runs: readonly EstimatedRun[], of: (run: EstimatedRun) => number | null): number | null {
  const numbers = runs.map(of);
  return numbers.includes(null) ? null : numbers.reduce<number>((sum, value) => sum + (value ?? 0), 0);
}

function printPlan({ experiment, setting, runs, folder }: ExperimentPlan): void {
  const left = runs.filter(({ state }) => state !== "done");
  const row = (name: string, flops: number | null, seconds: number | null, state: string) => [
    name,
    operations(flops),
    roughly(seconds),
    state,
  ];
  say(`\n${experiment.title} (${setting.scale})\n${experiment.shows}\n`);
  say(
    textTable([
      ["run", "work", "about", ""],
      ...runs.map(({ label, cost, seconds, state }) => row(label, cost.flops, seconds, STATES[state])),
      row(
        `to do: ${left.length} of ${runs.length}`,
        sumOf(left, ({ cost }) => cost.flops),
        sumOf(left, ({ seconds }) => seconds),
        "",
      ),
    ]),
  );
  const most = Math.max(...runs.map(({ cost }) => cost.flops ?? 0));
  if (runs.some(({ cost }) => cost.flops === null)) {
    say("too large: a tensor of the run is larger than this adapter allows");
  }
  if (most > 0) say("estimated from a few training steps of the small net on this adapter; kernels compile besides");
  say(`folder: ${folder}`);
}

/** Copies what is done in other folders. @throws UsageError where that is not all. */
async function gatherHere(plan: ExperimentPlan, folders: readonly string[]): Promise<void> {
  const { taken, missing, leftOut } = await gatherRuns(plan, folders);
  for (const reason of leftOut) warn(printable(`left out: ${reason}`));
  say(`gathered: ${counted(taken.length, "run")}`);
  if (missing.length > 0)
    throw new UsageError(
      `${missing.length} of the ${counted(plan.runs.length, "run")} are done in none of these folders: ${listed(missing)}; do them, and gather again`,
    );
}

/** The words of this command line that say which experiment it is, and on which images. */
function experimentWords({ source, setting }: ExperimentPlan): string[] {
  const words = process.argv.slice(2);
  const valued = (option: string) => {
    for (;;) {
      const at = words.findIndex((word) => word === option || word.startsWith(`${option}=`));
      if (at < 0) return;
      words.splice(at, words[at] === option ? 2 : 1);
    }
  };
  for (const option of ["--out", "--only"]) valued(option);
  const kept = words.filter((word) => !["--plan", "--json", "--quiet", "--resume"].includes(word));
  if (!words.includes("--resume") || !source) return kept;
  const { images, test, target } = source;
  const paths = Object.entries({ "--data": images, "--test": test, "--target": target });
  return [
    ...kept,
    ...paths.flatMap(([option, path]) => (path === undefined ? [] : [option, path])),
    ...["--image-size", String(setting.imageSize)],
  ];
}

/** A plan for programs: its runs, and the jobs that they make. */
function planData(plan: ExperimentPlan, out: string): object {
  const { experiment, setting, runs, folder } = plan;
  const words = experimentWords(plan);
  const jobs = jobsOf(runs).map(({ key, runs: own }) => {
    const parent = `${out}/jobs/${key}`;
    const args = [...words, "--only", own.map((run) => run.key).join(","), "--out", parent];
    return {
      key,
      runs: own.map((run) => run.key),
      seconds: sumOf(own, ({ seconds }) => seconds),
      done: own.every(({ state }) => state === "done"),
      folder: parent,
      args,
      command: suggested(args),
    };
  });
  return {
    experiment: experiment.name,
    scale: setting.scale,
    folder,
    runs: runs.map(({ key, label, factors, state, cost, seconds }) => ({
      ...{ key, label, factors, state, seconds, flops: cost.flops },
    })),
    jobs,
    gather: suggested([...words, "--out", out, "--gather", ...jobs.map((job) => job.folder)]),
  };
}

function printResult({ values, seconds }: RunResult): void {
  const shown = Object.entries({ kNN: values["knn"], "linear probe": values["probe"] })
    .flatMap(([name, value]) => (value === undefined ? [] : [`${name} ${percentage(value)}`]))
    .concat(duration(seconds));
  say(`  ${shown.join(", ")}`);
}

function printSummary(summary: ExperimentSummary): void {
  answer({ ...summary, runs: summary.runs.map(({ pictures: _, ...run }) => run) });
  if (!summary.finished) {
    tell(
      `\nstopped with ${summary.runs.length} runs done; everything is saved. The same command goes on:\n  ${suggested(process.argv.slice(2))}`,
    );
    process.exitCode = 130;
    return;
  }
  if (summary.report === null) {
    tell(`\nfolder: ${summary.folder}`);
    return;
  }
  say(`\n${summary.findings.map((sentence) => `- ${sentence}`).join("\n")}`);
  tell(`\nfolder: ${summary.folder}\nreport: ${summary.report}`);
}
