import { mebibytes } from "../../src/cli/table.js";
import type { Device } from "../../src/engine/device.js";
import { timePasses } from "../../src/engine/profiler.js";
import type { Program } from "../../src/engine/program.js";
import { Tape } from "../../src/engine/tape.js";
import { ntXent } from "../../src/losses/nt-xent.js";
import type { Trainer } from "../../src/training/trainer.js";
import { type Benchmark, type Origin, onDevice, ROUNDS, wholeNumber } from "./benchmark.js";
import { median } from "./statistics.js";
import { digits, type Rows, resultText } from "./text.js";
import { noiseTrainer, type StepShape, stepShape, trainSteps } from "./training.js";

/** Steps of a round. */
const STEPS = 3;
/** Rows and dimensions of the NT-Xent by whose rate losses are judged. */
const LOSS = { rows: 4096, dimension: 128 };
const QUEUE = 65536;

/** The methods that are compared, the one that the others are held against first. */
const COMPARED = [
  { method: "simclr", options: {} },
  { method: "byol", options: {} },
  { method: "moco", options: { queue: QUEUE } },
  { method: "simsiam", options: {} },
  { method: "barlow", options: {} },
  { method: "vicreg", options: {} },
  { method: "lejepa", options: {} },
] as const;

/** A method's step; times are medians over the rounds. */
export interface MethodRow {
  readonly method: string;
  readonly milliseconds: number;
  /** Floating-point operations of a step, those of the loss, and the others. */
  readonly lossFlops: number;
  readonly netFlops: number;
  readonly dispatches: number;
  /** All that the trainer put on the device. */
  readonly bytes: number;
  /**
   * The time a step, of what its operations take at the rates of SimCLR's step without its loss and of NT-Xent with its gradient at
   * 4,096 rows; median of the rounds' ratios.
   */
  readonly ofRates: number;
}

/** What `bench/methods` gives. */
export interface MethodsResult extends Origin, StepShape {
  readonly rounds: number;
  /** GFLOP/s of the NT-Xent that losses are held against. */
  readonly lossRate: number;
  readonly rows: readonly MethodRow[];
}

interface Candidate {
  readonly method: string;
  readonly trainer: Trainer;
  readonly bytes: number;
  readonly lossFlops: number;
  readonly netFlops: number;
  readonly seconds: number[];
}

async function prepare(
  device: Device,
  shape: StepShape,
  { method, options }: (typeof COMPARED)[number],
): Promise<Candidate> {
  const before = device.memory.currentBytes;
  const trainer = await noiseTrainer(device, shape, undefined, { method, options });
  await trainSteps(trainer, 2);
  const [program] = trainer.recorded.programs;
  const lossFlops = program.steps.reduce((sum, { launch }) => sum + (launch.scope === "loss" ? launch.flops : 0), 0);
  const bytes = device.memory.currentBytes - before;
  return { method, trainer, bytes, lossFlops, netFlops: program.flops - lossFlops, seconds: [] };
}

/** NT-Xent with its gradient, of random rows. */
async function lossProgram(device: Device): Promise<Program> {
  const { rows, dimension } = LOSS;
  const z = device.tensor(
    [rows, dimension],
    Float32Array.from({ length: rows * dimension }, (_, i) => Math.sin(i * i)),
  );
  const tape = new Tape(device);
  tape.watch(z);
  tape.backward(ntXent(tape, z, 0.5).loss);
  return tape.compile();
}

async function measureMethods(
  device: Device,
  origin: Origin,
  shape: StepShape,
  rounds: number,
  progress: (line: string) => void,
): Promise<MethodsResult> {
  const candidates: Candidate[] = [];
  for (const compared of COMPARED) {
    progress(`compiling ${compared.method}`);
    candidates.push(await prepare(device, shape, compared));
  }
  const loss = await lossProgram(device);
  const rates: number[] = [];
  for (let round = 0; round < rounds; round++) {
    progress(`round ${round + 1} of ${rounds}`);
    for (const { trainer, seconds } of candidates) seconds.push(median((await trainSteps(trainer, STEPS)).slice(1)));
    const [milliseconds] = await timePasses(device, [loss.steps]);
    rates.push(loss.flops / (milliseconds / 1000));
  }
  const [simclr] = candidates;
  const rows = candidates.map(({ method, trainer, bytes, lossFlops, netFlops, seconds }): MethodRow => {
    const ratios = seconds.map((time, round) => {
      const netRate = simclr.netFlops / (simclr.seconds[round] - simclr.lossFlops / rates[round]);
      return time / (netFlops / netRate + lossFlops / rates[round]);
    });
    const { steps } = trainer.recorded.programs[0];
    const milliseconds = 1000 * median(seconds);
    return { method, milliseconds, lossFlops, netFlops, dispatches: steps.length, bytes, ofRates: median(ratios) };
  });
  loss.dispose();
  for (const { trainer } of candidates) trainer.dispose();
  return { ...origin, ...shape, rounds, lossRate: median(rates) / 1e9, rows };
}

function table({ rows }: MethodsResult): Rows {
  return [
    ["method", "time a step", "GFLOP, net", "loss", "of these rates", "dispatches", "device memory"],
    ...rows.map(({ method, milliseconds, netFlops, lossFlops, ofRates, dispatches, bytes }) => [
      method,
      `${digits(milliseconds)} ms`,
      digits(netFlops / 1e9),
      digits(lossFlops / 1e9),
      `${ofRates.toFixed(2)} x`,
      String(dispatches),
      mebibytes(bytes),
    ]),
  ];
}

export const methods: Benchmark = {
  name: "methods",
  description:
    "training steps of SimCLR, BYOL, MoCo (a queue of 65,536), SimSiam, Barlow Twins, VICReg and LeJEPA in turn, and what their operations take at the rates of SimCLR's step and of NT-Xent",
  arguments: [
    { name: "encoder", description: "convnet, resnet18, resnet34 or resnet50", standard: "convnet" },
    { name: "batch", description: "images a step", standard: "128" },
    { name: "size", description: "pixels of an image's side", standard: "32" },
  ],
  options: [ROUNDS],
  run(settings, progress) {
    const shape = stepShape({ precision: "f32", ...settings });
    const rounds = wholeNumber(settings, "rounds");
    return onDevice(async (device, origin) => {
      const data = await measureMethods(device, origin, shape, rounds, progress);
      const heading = `${shape.encoder}, batch ${shape.batch}, ${shape.imageSize} x ${shape.imageSize}; NT-Xent with its gradient, 2N = 4,096, D = 128: ${digits(data.lossRate)} GFLOP/s`;
      return { data, text: resultText(origin, heading, table(data)) };
    });
  },
};
