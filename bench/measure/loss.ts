import { mebibytes } from "../../src/cli/table.js";
import type { Device } from "../../src/engine/device.js";
import type { Program } from "../../src/engine/program.js";
import { Tape } from "../../src/engine/tape.js";
import type { Tensor } from "../../src/engine/tensor.js";
import { ConfigError, OutOfMemoryError } from "../../src/errors.js";
import { denseNtXent } from "../../src/losses/contrastive.js";
import { ntXent } from "../../src/losses/nt-xent.js";
import { normals, sfc32 } from "../../src/random.js";
import { type Benchmark, type Origin, onDevice, ROUNDS, type Settings, wholeNumber } from "./benchmark.js";
import { Roofline, type RooflineRates, rooflineText } from "./roofline.js";
import { median } from "./statistics.js";
import { digits, type Rows, resultText, share } from "./text.js";

const TEMPERATURE = 0.1;

/** One size of the loss; times are medians over the rounds. */
export interface LossRow {
  /** 2N. */
  readonly rows: number;
  readonly dimension: number;
  /** Forward and backward, of embeddings and to their gradients. */
  readonly milliseconds: number;
  /** Of the operations that a loss needs that keeps its logits: three products of the size of the matrix. */
  readonly gigaflops: number;
  readonly shareOfRoofline: number;
  /** Beside the embeddings and their gradients. */
  readonly bytes: number;
  /** The same loss with its 2N x 2N matrix stored; null where the matrix is larger than the adapter allows. */
  readonly unfused: { readonly milliseconds: number; readonly bytes: number; readonly ratio: number } | null;
}

/** What `bench/loss` gives. */
export interface LossResult extends Origin {
  readonly rounds: number;
  readonly roofline: RooflineRates;
  readonly rows: readonly LossRow[];
  /** Sizes that were left out for want of time, as "rows x dimension". */
  readonly leftOut: readonly string[];
}

/** A loss, ready to run forward and backward on one tensor of embeddings. */
interface Recorded {
  readonly program: Program;
  /** Loss after a run. */
  readonly value: Tensor;
  readonly bytes: number;
}

type Loss = (tape: Tape, z: Tensor) => Tensor;
const fused: Loss = (tape, z) => ntXent(tape, z, TEMPERATURE).loss;
const unfused: Loss = (tape, z) => denseNtXent(tape, z, { temperature: TEMPERATURE }).loss;

async function record(device: Device, z: Tensor, gradients: Tensor, lossOf: Loss): Promise<Recorded> {
  const before = device.memory.currentBytes;
  const tape = new Tape(device);
  tape.watch(z);
  const value = lossOf(tape, z);
  tape.backward(value);
  const gradient = tape.gradient(z);
  if (gradient) tape.place(gradient, gradients);
  const program = await tape.compile({ keep: [value] });
  return { program, value, bytes: device.memory.currentBytes - before };
}

/** The same, or null where a tensor is larger than the adapter allows. */
async function recordIfItFits(device: Device, z: Tensor, gradients: Tensor, lossOf: Loss): Promise<Recorded | null> {
  try {
    return await record(device, z, gradients, lossOf);
  } catch (error) {
    if (error instanceof OutOfMemoryError) return null;
    throw error;
  }
}

async function secondsOf({ program, value }: Recorded): Promise<{ seconds: number; loss: number }> {
  const start = performance.now();
  const [loss] = await program.runAndRead(value);
  return { seconds: (performance.now() - start) / 1000, loss };
}

/** @throws ConfigError where the two losses differ by more than their roundings. */
function expectSame(found: number, expected: number, size: string): void {
  if (!(Math.abs(found - expected) < 1e-4 * Math.max(1, expected)))
    throw new ConfigError(`NT-Xent at ${size} is ${found} in panels and ${expected} with its matrix stored`);
}

async function measureSize(
  device: Device,
  roofline: Roofline,
  [rows, dimension]: readonly [number, number],
  rounds: number,
): Promise<LossRow> {
  const size = `${rows} x ${dimension}`;
  const normal = normals(sfc32(rows, dimension, 1));
  const z = device.tensor([rows, dimension], Float32Array.from({ length: rows * dimension }, normal), "embeddings");
  const gradients = device.tensor([rows, dimension], undefined, "gradients");
  const other = await recordIfItFits(device, z, gradients, unfused);
  const otherBytes = other?.bytes ?? 0;
  // Ours would otherwise lie in the other's buffers.
  other?.program.dispose();
  const ours = await record(device, z, gradients, fused);
  const rival = other && (await record(device, z, gradients, unfused));
  const first = await secondsOf(ours);
  if (rival) expectSame(first.loss, (await secondsOf(rival)).loss, size);
  const [times, otherTimes, shares]: [number[], number[], number[]] = [[], [], []];
  const flops = 3 * 2 * rows * rows * dimension;
  for (let round = 0; round < rounds; round++) {
    const fma = await roofline.sample("fma");
    await roofline.sample("copy");
    const { seconds } = await secondsOf(ours);
    times.push(seconds);
    shares.push(flops / 1e9 / seconds / fma);
    if (rival) otherTimes.push((await secondsOf(rival)).seconds);
  }
  ours.program.dispose();
  rival?.program.dispose();
  for (const tensor of [z, gradients]) device.free(tensor);
  const milliseconds = 1000 * median(times);
  return {
    rows,
    dimension,
    milliseconds,
    gigaflops: flops / 1e6 / milliseconds,
    shareOfRoofline: median(shares),
    bytes: ours.bytes,
    unfused: rival && {
      milliseconds: 1000 * median(otherTimes),
      bytes: otherBytes,
      ratio: median(otherTimes.map((time, i) => time / times[i])),
    },
  };
}

/** Measures the loss at a grid of sizes, small ones first, as far as `budget` seconds go. */
async function measureLoss(
  device: Device,
  origin: Origin,
  { sizes, rounds, budget }: { sizes: readonly (readonly [number, number])[]; rounds: number; budget: number },
  progress: (line: string) => void,
): Promise<LossResult> {
  const roofline = await Roofline.open(device);
  const start = performance.now();
  const rows: LossRow[] = [];
  const leftOut: string[] = [];
  const work = ([count, dimension]: readonly [number, number]) => count * count * dimension;
  for (const size of sizes.toSorted((a, b) => work(a) - work(b))) {
    const last = rows.at(-1);
    const other = last?.unfused?.milliseconds ?? 0;
    const perRun = last ? (((last.milliseconds + other) / 1000) * work(size)) / work([last.rows, last.dimension]) : 0;
    if (perRun * (rounds + 1) > budget - (performance.now() - start) / 1000) {
      leftOut.push(size.join(" x "));
      continue;
    }
    progress(size.join(" x "));
    rows.push(await measureSize(device, roofline, size, rounds));
  }
  return { ...origin, rounds, roofline: roofline.rates(), rows, leftOut };
}

function lossTable({ rows }: LossResult): Rows {
  return [
    ["2N", "dimension", "time", "GFLOP/s", "of the FMA loop", "memory", "matrix stored: time", "of ours", "memory"],
    ...rows.map((row) => [
      row.rows.toLocaleString("en"),
      String(row.dimension),
      `${digits(row.milliseconds)} ms`,
      digits(row.gigaflops),
      share(row.shareOfRoofline),
      mebibytes(row.bytes),
      ...(row.unfused
        ? [`${digits(row.unfused.milliseconds)} ms`, `${row.unfused.ratio.toFixed(1)} x`, mebibytes(row.unfused.bytes)]
        : ["over the limit", "-", "-"]),
    ]),
  ];
}

function numbers(settings: Settings, name: string): number[] {
  const values = settings[name].split(",").map(Number);
  if (values.some((value) => !Number.isInteger(value) || value < 1))
    throw new ConfigError(
      `${name} is "${settings[name]}"; it must be whole numbers from 1 up, with commas between them`,
    );
  return values;
}

/** `bench/loss` */
export const loss: Benchmark = {
  name: "loss",
  description:
    "NT-Xent alone, forward and backward: ours in panels, and the same with its 2N x 2N matrix stored. Against other engines: " +
    "peers --only nt-xent",
  arguments: [],
  options: [
    { name: "rows", description: "embeddings, 2N", standard: "256,1024,2048,4096,8192,16384,65536" },
    { name: "dimensions", description: "of them", standard: "64,128,256,2048" },
    { name: "budget", description: "seconds; sizes that do not fit into them are left out", standard: "60" },
    { ...ROUNDS, standard: "3" },
  ],
  async run(settings, progress) {
    const dimensions = numbers(settings, "dimensions");
    const sizes = numbers(settings, "rows").flatMap((rows) =>
      dimensions.map((dimension) => [rows, dimension] as const),
    );
    const extent = { sizes, rounds: wholeNumber(settings, "rounds"), budget: wholeNumber(settings, "budget") };
    const result = await onDevice((device, origin) => measureLoss(device, origin, extent, progress));
    const omitted = result.leftOut.length > 0 ? [`left out for want of time: ${result.leftOut.join(", ")}`] : [];
    return { text: resultText(result, rooflineText(result.roofline), lossTable(result), ...omitted), data: result };
  },
};
