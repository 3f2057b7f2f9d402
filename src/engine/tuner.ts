import { ConfigError, SimclrError } from "../errors.js";
import type { Site } from "./choices.js";
import type { Device } from "./device.js";
import { timePasses } from "./profiler.js";
import type { Program } from "./program.js";
import { Tape } from "./tape.js";
import type { Tensor } from "./tensor.js";

/** Which site the tuner turns to. */
export interface TuneProgress {
  /** Of the site: see `Site`. */
  readonly operation: string;
  /** Of the site: see `Site`. */
  readonly shape: string;
  /** Sites done. */
  readonly done: number;
  /** Sites in all; the budget may end before them. */
  readonly total: number;
  /** Since the start. */
  readonly seconds: number;
}

/** How long and how to tune. */
export interface TuneOptions {
  /** No site is begun after this many seconds; 20 by default. */
  readonly budgetSeconds?: number;
  /** Called before each site. */
  readonly onProgress?: (progress: TuneProgress) => void;
  /** Ends the tuning after the measurement in progress; the choices made so far stay. */
  readonly signal?: AbortSignal;
}

/** How a candidate did at a site. */
export interface Timing {
  /** Of the site: see `Site`. */
  readonly operation: string;
  /** Of the site: see `Site`. */
  readonly shape: string;
  /** The candidate's name. */
  readonly variant: string;
  /** True for the candidate that is used where nothing was tuned. */
  readonly preferred: boolean;
  /** Of one run, the median; null where it was not run. */
  readonly milliseconds: number | null;
  /** True for the fastest, or the preferred one where no other was clearly faster. */
  readonly chosen: boolean;
  /** Why it was not run; null where it was. */
  readonly error: string | null;
}

/** Times that a candidate is timed, in turn with the others. */
const ROUNDS = 5;
/** A candidate that takes this many times as long as the best is timed no further. */
const HOPELESS = 2;
/** The default stays unless another takes less than this share of its time: less may be noise. */
const CLEARLY_LESS = 0.97;
/** Milliseconds of a measurement at least: timestamps are rounded to as much as 0.1 ms, and the clock sees the wait as well. */
const LEAST = { timestamps: 5, clock: 20 };
/** Runs in one measurement at most. */
const MOST_RUNS = 100;

interface Candidate {
  readonly variant: string;
  readonly program: Program | null;
  readonly error: string | null;
  /** Milliseconds of one run, from each round. */
  readonly times: number[];
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}

/** Floating-point operations of a site, with its default. */
function flopsOf(device: Device, site: Site): number {
  const tape = new Tape(device);
  const inputs = site.inputs.map((shape, i) => tape.tensor(shape, "input", site.types?.[i]));
  site.record(tape, site.candidates[0], inputs);
  return tape.launches.reduce((sum, launch) => sum + launch.flops, 0);
}

async function compile(device: Device, site: Site, index: number, inputs: readonly Tensor[]): Promise<Candidate> {
  const variant = site.candidates[index];
  const tape = new Tape(device);
  try {
    site.record(tape, variant, inputs);
    return { variant: variant.name, program: await tape.compile(), error: null, times: [] };
  } catch (error) {
    if (!(error instanceof SimclrError)) throw error;
    // A kernel that does not compile is out; a device that is lost is the end.
    device.check();
    return { variant: variant.name, program: null, error: error.message, times: [] };
  }
}

/** Milliseconds of a run, as the mean of several in one pass. */
async function timeRuns(device: Device, program: Program, runs: number): Promise<number> {
  const steps = Array.from({ length: runs }, () => program.steps).flat();
  const [milliseconds] = await timePasses(device, [steps]);
  return milliseconds / runs;
}

/** When to end early. */
interface Limits {
  /** Somebody asked for the end. */
  readonly stopped: () => boolean;
  /** The budget is spent. */
  readonly late: () => boolean;
}

/**
 * Times the candidates in turn, so that whatever else the machine does meets all of them. True where each has been timed
 * once at least.
 */
async function timeInTurn(device: Device, candidates: readonly Candidate[], limits: Limits): Promise<boolean> {
  const least = device.has("timestamp-query") ? LEAST.timestamps : LEAST.clock;
  const runsFor = (milliseconds: number) => Math.max(1, Math.min(MOST_RUNS, Math.ceil(least / milliseconds)));
  const running: { program: Program; times: number[]; runs: number }[] = [];
  for (const { program, times } of candidates) {
    if (!program) continue;
    if (limits.stopped()) return false;
    // In the first run, memory is touched for the first time, and some drivers compile no earlier.
    const first = await timeRuns(device, program, 1);
    const second = await timeRuns(device, program, runsFor(first));
    running.push({ program, times, runs: runsFor(second) });
  }
  for (let round = 0; round < ROUNDS && (round === 0 || !limits.late()); round++) {
    const best = Math.min(...running.flatMap(({ times }) => times));
    for (const { program, times, runs } of running) {
      if (limits.stopped()) return round > 0;
      if (round === 0 || Math.min(...times) <= HOPELESS * best) times.push(await timeRuns(device, program, runs));
    }
  }
  return true;
}

/** Times a site's candidates and makes the fastest the device's choice; no rows where it was stopped before it could tell. */
async function tuneSite(device: Device, site: Site, limits: Limits): Promise<Timing[]> {
  const inputs: Tensor[] = [];
  const candidates: Candidate[] = [];
  try {
    for (const [i, extents] of site.inputs.entries())
      inputs.push(device.zeros(extents, site.types?.[i] ?? "f32", `input of ${site.operation}`));
    candidates.push(...(await Promise.all(site.candidates.map((_, i) => compile(device, site, i, inputs)))));
    return (await timeInTurn(device, candidates, limits)) ? choose(device, site, candidates) : [];
  } finally {
    for (const { program } of candidates) program?.dispose();
    for (const tensor of inputs) device.free(tensor);
  }
}

function choose(device: Device, { operation, shape }: Site, candidates: readonly Candidate[]): Timing[] {
  const [preferred] = candidates;
  const timed = candidates.filter(({ times }) => times.length > 0);
  const [fastest] = timed.toSorted((a, b) => median(a.times) - median(b.times));
  const stays = timed.includes(preferred) && median(fastest.times) >= CLEARLY_LESS * median(preferred.times);
  const chosen = stays ? preferred : fastest;
  if (chosen) device.choices.set(operation, shape, chosen.variant);
  return candidates.map((candidate) => ({
    operation,
    shape,
    variant: candidate.variant,
    preferred: candidate === preferred,
    milliseconds: candidate.times.length > 0 ? median(candidate.times) : null,
    chosen: candidate === chosen,
    error: candidate.error,
  }));
}

/**
 * Times the variants of all operations that were recorded on this device with nothing to choose by, most costly ones first,
 * and makes the fastest the device's choice (`device.choices`) for what is recorded from then on. `saveChoices` keeps them.
 * Nothing else should run on the device meanwhile. A variant that does not compile is left out and reported.
 * @returns what was timed: a row for each variant at each site
 * @throws ConfigError for a budget that is not above 0; what goes wrong on the device.
 */
export async function tune(
  device: Device,
  { budgetSeconds = 20, onProgress, signal }: TuneOptions = {},
): Promise<Timing[]> {
  if (!(budgetSeconds > 0)) throw new ConfigError(`a budget of ${budgetSeconds} seconds: it must be above 0`);
  const start = performance.now();
  const seconds = () => (performance.now() - start) / 1000;
  const limits: Limits = { stopped: () => signal?.aborted === true, late: () => seconds() >= budgetSeconds };
  const sites = device.choices.untuned
    .map(({ site, uses }) => ({ site, cost: uses * flopsOf(device, site) }))
    .sort((a, b) => b.cost - a.cost);
  const timings: Timing[] = [];
  for (const [done, { site }] of sites.entries()) {
    if (limits.stopped() || limits.late()) break;
    const { operation, shape } = site;
    onProgress?.({ operation, shape, done, total: sites.length, seconds: seconds() });
    timings.push(...(await tuneSite(device, site, limits)));
  }
  return timings;
}
