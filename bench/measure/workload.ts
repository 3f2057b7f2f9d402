import type { Device } from "../../src/engine/device.js";
import type { Launch } from "../../src/engine/launch.js";
import { compileProgram, type Program } from "../../src/engine/program.js";
import { median } from "./statistics.js";

/** What a sample lasts at least, in milliseconds: a few scheduler slices. */
const SHORTEST_SAMPLE = 100;
/** The runs that are put into one submit at most. */
const MOST_COPIES = 64;

/** Milliseconds from a submit to the end of the wait for it, of runs one after another. */
async function timeRuns(device: Device, program: Program, runs: number): Promise<number> {
  const start = performance.now();
  for (let i = 0; i < runs; i++) program.run();
  await device.idle();
  return performance.now() - start;
}

/**
 * What a sample has to last on this device, in milliseconds, so that the wait for the GPU at its end is a small part of it:
 * runtimes look at the GPU every so often only (Node and Bun every millisecond, Deno every ten).
 */
export async function sampleLength(device: Device): Promise<number> {
  const waits: number[] = [];
  for (let i = 0; i < 5; i++) {
    const start = performance.now();
    await device.idle();
    waits.push(performance.now() - start);
  }
  return Math.max(SHORTEST_SAMPLE, 20 * median(waits));
}

/** Launches that are run over and over, in samples that are long enough for the clock. */
export class Workload {
  private constructor(
    readonly device: Device,
    readonly launches: readonly Launch[],
    readonly program: Program,
    /** How often `program` holds the launches. */
    readonly copies: number,
    /** Runs of `program` in a sample. */
    readonly runs: number,
  ) {}

  /** Compiles the launches, runs them to warm up, and finds how many runs fill `milliseconds`. */
  static async prepare(device: Device, launches: readonly Launch[], milliseconds: number): Promise<Workload> {
    const single = await compileProgram(device, launches, {});
    await timeRuns(device, single, 1);
    let wanted = 1;
    let time = await timeRuns(device, single, wanted);
    // A single run of a small kernel is drowned in the wait for it: go up until the sample is long enough.
    while (time < milliseconds) {
      wanted = Math.ceil(wanted * Math.min(10, (1.2 * milliseconds) / time));
      time = await timeRuns(device, single, wanted);
    }
    const copies = Math.min(wanted, MOST_COPIES);
    if (copies === 1) return new Workload(device, launches, single, 1, 1);
    const repeated = await compileProgram(device, Array.from({ length: copies }, () => launches).flat(), {});
    single.dispose();
    return new Workload(device, launches, repeated, copies, Math.ceil(wanted / copies));
  }

  /** Milliseconds that the launches take once, from one sample. */
  async sample(): Promise<number> {
    return (await timeRuns(this.device, this.program, this.runs)) / (this.copies * this.runs);
  }

  dispose(): void {
    this.program.dispose();
  }
}
