import type { Device } from "../engine/device.js";
import { scaledLearningRate } from "../optim/schedule.js";
import type { ExperimentReportData } from "../report/experiment-report-data.js";
import type { TrainingConfig } from "../training/config.js";
import { VERSION } from "../version.js";
import { counted } from "../wording.js";
import type { Presentation } from "./experiment.js";
import type { ExperimentPlan } from "./plan.js";
import type { Results } from "./results.js";
import type { Scale } from "./setting.js";

const SCALE_NOTES: Readonly<Record<Scale, string>> = {
  smoke:
    "A smoke run: it shows that everything works. Its trainings are too short and its images too few for the effect to show reliably; take --scale small for that.",
  small:
    "A small run: a small net, few images and few epochs. Differences count where they exceed the error bars, one standard deviation between seeds to each side; levels are far below those of large nets trained for long.",
  full: "A full run: the setting of the paper as far as the images allow.",
};

/** Gathers what the report of an experiment shows. */
export function experimentReport(
  { experiment, setting, images, runs: planned }: ExperimentPlan,
  { runs }: Results,
  { findings, sections }: Presentation,
  device: Device,
): ExperimentReportData {
  const { scale, imageSize, trainImages, testImages } = setting;
  const { base } = setting;
  // Without the folders that lead there: a report is for showing around.
  const name = images.train.name.replace(/^.*[\\/](?=[^\\/])/, "").replace(/ \(train\)$/, "");
  const seeds = new Set(runs.flatMap(({ factors }) => (factors["seed"] === undefined ? [] : [factors["seed"]])));
  return {
    title: experiment.title,
    shows: experiment.shows,
    command: `simclr experiment ${experiment.name} --scale ${scale}`,
    scale,
    scaleNote: SCALE_NOTES[scale],
    images: `${name}: ${counted(trainImages, "image")} to train, ${testImages.toLocaleString("en-US")} to test, ${imageSize} x ${imageSize} pixels`,
    adapters: [...new Set(runs.map(({ adapter }) => adapter))],
    softwareAdapter: device.adapter.software,
    version: VERSION,
    seconds: runs.reduce((sum, { seconds }) => sum + seconds, 0),
    seeds: seeds.size,
    findings,
    sections,
    settings: planned.some(({ effort }) => effort.config) ? commonSettings(base) : [],
    runs,
  };
}

function commonSettings(base: TrainingConfig): [string, string][] {
  const peak = scaledLearningRate(base.learningRate, base.batch, base.learningRateScaling);
  return [
    ["method", base.method],
    ["encoder", base.width === 1 ? base.encoder : `${base.encoder}, ${base.width} times as wide`],
    ["augmentation", typeof base.augmentation === "string" ? base.augmentation : "custom"],
    ["batch", `${base.batch} images`],
    ["epochs", String(base.epochs)],
    ...Object.entries(base.options).map(([name, value]): [string, string] => [name, String(value)]),
    ["optimizer", `${base.optimizer}, weight decay ${base.weightDecay}`],
    [
      "learning rate",
      `${Number(peak.toPrecision(3))} at this batch (scaling: ${base.learningRateScaling}), ${base.warmupEpochs} epochs of warm-up, then cosine`,
    ],
  ];
}
