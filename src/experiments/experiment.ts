import type { ImageSet } from "../data/dataset.js";
import type { Device } from "../engine/device.js";
import type { ReportSection } from "../report/experiment-report-data.js";
import type { RunHooks } from "../runs/hooks.js";
import type { TrainingConfig } from "../training/config.js";
import type { Factors, Json, Measured } from "./measured.js";
import type { Results } from "./results.js";
import type { Setting } from "./setting.js";

/** What a run computes, as far as its time goes. */
export interface Effort {
  /** What is trained or embedded with; null where no encoder takes part. */
  readonly config: TrainingConfig | null;
  /** Training steps, of two views an image. */
  readonly steps: number;
  /** Images that go through the encoder without a gradient. */
  readonly embedded: number;
  /** Steps of linear classifiers. */
  readonly probeSteps: number;
}

/** What a run works with. */
export interface RunContext {
  readonly device: Device;
  /** Those of the experiment. */
  readonly images: ImageSet;
  /** The images that encoders are transferred to; null where none were given. */
  readonly target: ImageSet | null;
  /** The run's own folder. */
  readonly folder: string;
  /** The folder of another run of the experiment, which is done. */
  folderOf(key: string): string;
  readonly hooks: RunHooks;
}

/** One run of an experiment, before it begins. */
export interface PlannedRun {
  /** The name of its folder. */
  readonly key: string;
  /** For people. */
  readonly label: string;
  readonly factors: Factors;
  /** All that decides the outcome besides the images: a run is repeated when it differs. */
  readonly settings: Json;
  readonly effort: Effort;
  /** Keys of the runs that are to be done before it; none by default. */
  readonly needs?: readonly string[];
  /** Does the work, from where an interruption left it; null where it was interrupted again. */
  work(context: RunContext): Promise<Measured | null>;
}

/** What a report says about the results. */
export interface Presentation {
  /** One sentence each: what came out, with the numbers. */
  readonly findings: readonly string[];
  readonly sections: readonly ReportSection[];
}

/** An experiment: which runs it takes at which scale, and how to show what they found. */
export interface Experiment {
  readonly name: string;
  readonly title: string;
  /** What it is to show, in a sentence. */
  readonly shows: string;
  /** Of an experiment on clips in place of labelled images: those that it takes where none are given. */
  readonly clips?: () => ImageSet;
  plan(setting: Setting): readonly PlannedRun[];
  present(results: Results): Presentation;
}
