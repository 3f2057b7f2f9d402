import { type Device, openDevice } from "../../src/engine/device.js";
import { ConfigError } from "../../src/errors.js";

/** What was chosen on the command line, by name, as it was typed. */
export type Settings = Readonly<Record<string, string>>;

/** A word that a benchmark takes: an argument by its place, or an option by its name. */
export interface Choice {
  readonly name: string;
  readonly description: string;
  /** Without one, it may be left out. */
  readonly standard?: string;
}

/** What came of a benchmark: for people, and the same as plain data. */
export interface Outcome {
  readonly text: string;
  readonly data: unknown;
  /** What ended it early, to be shown after what had been measured until then. */
  readonly failure?: unknown;
}

/** Whoever waits for a benchmark. */
export interface Attendance {
  /** Takes a line that stays, of what has been measured or not. */
  note(line: string): void;
  /** Asks a benchmark that is `stoppable` to end with what it has. */
  readonly signal: AbortSignal;
}

/** A benchmark that runs in any runtime. */
export interface Benchmark {
  readonly name: string;
  readonly description: string;
  readonly arguments: readonly Choice[];
  readonly options: readonly Choice[];
  /** Whether it ends with what it has when it is asked to. */
  readonly stoppable?: true;
  /**
   * @param progress is told what is being measured
   * @throws ConfigError for settings out of range
   */
  run(settings: Settings, progress: (line: string) => void, attendance: Attendance): Promise<Outcome>;
}

/** Where a result comes from. */
export interface Origin {
  readonly adapter: string;
  /** "Node 20.20.2", "Deno 2.9.5". */
  readonly runtime: string;
}

/** The number of rounds, of every benchmark. */
export const ROUNDS: Choice = {
  name: "rounds",
  description: "samples of each figure; their median counts",
  standard: "5",
};

/** How long variants of kernels are timed before anything is measured. */
export const TUNE: Choice = {
  name: "tune",
  description: "seconds at most for timing the variants of the kernels before; 0 for the defaults",
  standard: "0",
};

/** How much larger the batches of a benchmark are made than a software adapter takes them. */
export const BATCH_FACTOR: Choice = {
  name: "batch-factor",
  description: "times as many images in each batch, for GPUs",
  standard: "1",
};

/** A setting that is a whole number from `least` up. @throws ConfigError where it is not. */
export function wholeNumber(settings: Settings, name: string, least = 1): number {
  const value = Number(settings[name]);
  if (!Number.isInteger(value) || value < least) {
    throw new ConfigError(`${name} is "${settings[name]}"; it must be a whole number from ${least} up`);
  }
  return value;
}

/** The runtime and its version. */
export function runtimeName(): string {
  if (typeof process === "undefined") return /\S*Chrome\/[\d.]+/.exec(navigator.userAgent)?.[0] ?? navigator.userAgent;
  const { bun, deno, node } = process.versions;
  if (bun !== undefined) return `Bun ${bun}`;
  return deno === undefined ? `Node ${node}` : `Deno ${deno}`;
}

/** Does something with a device of its own, which is closed however that ends. */
export async function onDevice<Result>(work: (device: Device, origin: Origin) => Promise<Result>): Promise<Result> {
  const device = await openDevice();
  try {
    return await work(device, { adapter: device.adapter.name, runtime: runtimeName() });
  } finally {
    device.close();
  }
}
