import type { Device } from "../../src/engine/device.js";
import { Tape } from "../../src/engine/tape.js";
import { tune } from "../../src/engine/tuner.js";
import { ConfigError } from "../../src/errors.js";
import type { TrainingConfig } from "../../src/training/config.js";
import { BATCH_FACTOR, type Benchmark, type Origin, onDevice, ROUNDS, TUNE, wholeNumber } from "./benchmark.js";
import { Inputs } from "./inputs.js";
import { type KernelCase, kernelCases, mixedCases, type Target } from "./kernel-cases.js";
import { type Bound, Roofline, type RooflineRates, rooflineText } from "./roofline.js";
import { cutRecording } from "./section.js";
import { median } from "./statistics.js";
import { digits, type Rows, resultText, share } from "./text.js";
import { precisionOf } from "./training.js";
import { Workload } from "./workload.js";

/** A case measured; medians over the rounds. */
export interface KernelRow {
  readonly operation: string;
  readonly direction: string;
  readonly milliseconds: number;
  /** 10^9 operations a second, of those that the mathematics takes; 0 where only bytes count. */
  readonly gigaflops: number;
  /** 10^9 bytes a second, of those that it cannot do without. */
  readonly gigabytes: number;
  readonly bound: Bound;
  /** Of the roofline, sampled right before, in each round. */
  readonly share: number;
  readonly target?: Target;
  /** What was launched, with the constants that were chosen for it. */
  readonly launches: readonly { readonly kernel: string; readonly constants: Readonly<Record<string, unknown>> }[];
  /** Bytes of all tensors that the launches name. */
  readonly bytesNamed: number;
}

/** What `bench/kernels` gives. */
export interface KernelsResult extends Origin {
  readonly rounds: number;
  readonly roofline: RooflineRates;
  readonly rows: readonly KernelRow[];
}

async function measureCase(
  device: Device,
  roofline: Roofline,
  subject: KernelCase,
  { rounds, tuneSeconds }: Pick<KernelsExtent, "rounds" | "tuneSeconds">,
): Promise<KernelRow> {
  const { operation, direction, flops, bytes, target } = subject;
  // Without matrix units, the rest of the arithmetic has to do.
  const bound = subject.bound === "matrix" && !roofline.bounds.includes("matrix") ? "fma" : subject.bound;
  const inputs = new Inputs(device);
  try {
    if (tuneSeconds > 0) {
      // Only for the sites that the device's choices see meanwhile.
      subject.record(new Tape(device), inputs);
      await tune(device, { budgetSeconds: tuneSeconds });
    }
    const tape = new Tape(device);
    const first = subject.record(tape, inputs);
    const launches = await cutRecording(tape, first, inputs);
    const workload = await Workload.prepare(device, launches, roofline.milliseconds);
    inputs.later(() => workload.dispose());
    const times: number[] = [];
    const shares: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const reachable = await roofline.sample(bound);
      const milliseconds = await workload.sample();
      times.push(milliseconds);
      shares.push((bound === "copy" ? bytes : flops) / milliseconds / 1e6 / reachable);
    }
    const milliseconds = median(times);
    return {
      operation,
      direction,
      milliseconds,
      gigaflops: flops / milliseconds / 1e6,
      gigabytes: bytes / milliseconds / 1e6,
      bound,
      share: median(shares),
      target,
      launches: launches.map(({ kernel, constants }) => ({ kernel: kernel.name, constants })),
      bytesNamed: launches.reduce((sum, { tensors }) => tensors.reduce((all, tensor) => all + tensor.bytes, sum), 0),
    };
  } finally {
    inputs.dispose();
  }
}

/** What of the kernels is measured, and how. */
interface KernelsExtent {
  readonly only: RegExp;
  readonly factor: number;
  readonly rounds: number;
  readonly precision: TrainingConfig["precision"];
  /** For the variants of each case; 0 for the defaults. */
  readonly tuneSeconds: number;
}

/**
 * Measures the cases whose "operation, direction" matches `only`, each round right after the roofline's own kernel.
 * @throws ConfigError where none matches.
 */
export async function measureKernels(
  device: Device,
  origin: Origin,
  extent: KernelsExtent,
  progress: (line: string) => void,
): Promise<KernelsResult> {
  const { only, factor, rounds, precision } = extent;
  const cases = precision === "mixed" ? mixedCases(factor) : kernelCases(factor);
  const chosen = cases.filter(({ operation, direction }) => only.test(`${operation}, ${direction}`));
  if (chosen.length === 0) {
    const names = cases.map(({ operation, direction }) => `${operation}, ${direction}`);
    throw new ConfigError(`no case matches ${only}; there are\n${names.join("\n")}`);
  }
  progress("roofline");
  const roofline = await Roofline.open(device);
  for (const bound of roofline.bounds) await roofline.sample(bound);
  const rows: KernelRow[] = [];
  for (const [i, subject] of chosen.entries()) {
    progress(`${i + 1} of ${chosen.length}: ${subject.operation}, ${subject.direction}`);
    rows.push(await measureCase(device, roofline, subject, extent));
  }
  const rates = roofline.rates();
  roofline.dispose(device);
  return { ...origin, rounds, roofline: rates, rows };
}

function pattern(text: string): RegExp {
  try {
    return new RegExp(text, "i");
  } catch (cause) {
    throw new ConfigError(`only is "${text}", which is no regular expression: ${String(cause)}`, { cause });
  }
}

/** The cases, one a row. */
export function kernelTable(rows: readonly KernelRow[]): Rows {
  const heading = ["operation", "direction", "ms", "GFLOP/s", "GB/s", "share", "of", "least", "reach", "dispatches"];
  return [
    heading,
    ...rows.map((row) => [
      row.operation,
      row.direction,
      digits(row.milliseconds),
      row.gigaflops === 0 ? "" : digits(row.gigaflops),
      digits(row.gigabytes),
      share(row.share),
      row.bound,
      row.target ? share(row.target.least) : "",
      row.target ? share(row.target.reach) : "",
      String(row.launches.length),
    ]),
  ];
}

/** What the columns mean. */
export const KERNELS_NOTE = `share: of the roofline, whose kernel is sampled right before in each round ("fma" and "matrix" by GFLOP/s,
"copy" by GB/s).
GFLOP/s count what the mathematics takes: convolution 2 N OH OW KH KW Cin Cout in every direction; NT-Xent 2 R^2 D forward
and 4 R^2 D backward (R = 2N rows). GB/s count the bytes that cannot be done without: every input read once a pass, every
output written once; batch and group norm forward 3 maps (x twice, y), backward 5 (x and dy twice, dx); AdamW and LARS 7 vectors.`;

export const kernels: Benchmark = {
  name: "kernels",
  description: "GFLOP/s, GB/s and share of the adapter's roofline, kernel by kernel and direction by direction",
  arguments: [],
  options: [
    { name: "only", description: 'a regular expression that "operation, direction" has to match' },
    BATCH_FACTOR,
    ROUNDS,
    TUNE,
    {
      name: "precision",
      description: "f32; or mixed: products and convolutions of f16, by matrix units where there are any",
      standard: "f32",
    },
  ],
  run(settings, progress) {
    const only = pattern(settings.only ?? "");
    const precision = precisionOf(settings);
    const factor = wholeNumber(settings, "batchFactor");
    const rounds = wholeNumber(settings, "rounds");
    const tuneSeconds = wholeNumber(settings, "tune", 0);
    return onDevice(async (device, origin) => {
      const data = await measureKernels(device, origin, { only, factor, rounds, precision, tuneSeconds }, progress);
      return { data, text: resultText(origin, rooflineText(data.roofline), kernelTable(data.rows), KERNELS_NOTE) };
    });
  },
};
