import type { Device } from "../../src/engine/device.js";
import { countCalls } from "../../test/engine/observe.js";
import { type Benchmark, type Origin, onDevice, ROUNDS, wholeNumber } from "./benchmark.js";
import { median } from "./statistics.js";
import { digits, type Rows, resultText } from "./text.js";
import { noiseTrainer, type StepShape, trainSteps } from "./training.js";

/** Runs of a round. */
const RUNS = 10;
/** Steps before the ones whose GPU objects are counted, and those. */
const STEPS_BEFORE = 3;
const STEPS_COUNTED = 5;

/** Methods that make a GPU object; command encoders, of which every submit needs one, are left out. */
const MAKERS = [
  "createBuffer",
  "createTexture",
  "createBindGroup",
  "createBindGroupLayout",
  "createPipelineLayout",
  "createShaderModule",
  "createComputePipeline",
  "createComputePipelineAsync",
  "createQuerySet",
] as const;

/** Nets whose steps are encoded, at a size at which the GPU has little to do. */
const SHAPES: readonly StepShape[] = [
  { encoder: "convnet", batch: 2, imageSize: 16 },
  { encoder: "resnet18", batch: 2, imageSize: 16 },
];

/** The host's part of a step; medians over the rounds. */
export interface HostRow extends StepShape {
  readonly dispatches: number;
  /** From the call of `run` until it returns, the GPU idle before: encoding and submitting. */
  readonly microsecondsPerStep: number;
  readonly microsecondsPerDispatch: number;
  /** GPU objects made in the training steps after the third. */
  readonly objects: number;
}

/** What `bench/host` gives. */
export interface HostResult extends Origin {
  readonly rounds: number;
  readonly rows: readonly HostRow[];
}

async function measureShape(device: Device, shape: StepShape, rounds: number): Promise<HostRow> {
  const trainer = await noiseTrainer(device, shape);
  await trainSteps(trainer, STEPS_BEFORE);
  const made = countCalls(device.gpu, MAKERS);
  await trainSteps(trainer, STEPS_COUNTED);
  const objects = [...made.values()].reduce((sum, count) => sum + count, 0);

  const [program] = trainer.recorded.programs;
  const medians: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const times: number[] = [];
    for (let run = 0; run < RUNS; run++) {
      await device.idle();
      const start = performance.now();
      program.run();
      times.push(1000 * (performance.now() - start));
    }
    medians.push(median(times));
  }
  await device.idle();
  trainer.dispose();
  const microsecondsPerStep = median(medians);
  const dispatches = program.steps.length;
  return {
    ...shape,
    dispatches,
    microsecondsPerStep,
    microsecondsPerDispatch: microsecondsPerStep / dispatches,
    objects,
  };
}

/** The host's part of replayed steps. Each net has a device of its own, so that nothing is there from the one before. */
export async function measureHost(rounds: number, progress: (line: string) => void): Promise<HostResult> {
  const rows: HostRow[] = [];
  for (const shape of SHAPES) {
    progress(`${shape.encoder}, batch ${shape.batch}, ${shape.imageSize} x ${shape.imageSize}`);
    rows.push(await onDevice((device) => measureShape(device, shape, rounds)));
  }
  const origin = await onDevice(async (_, found) => found);
  return { ...origin, rounds, rows };
}

/** One net a row. */
export function hostTable(rows: readonly HostRow[]): Rows {
  return [
    ["step", "dispatches", "us a step", "us a dispatch", "GPU objects made after step 3"],
    ...rows.map((row) => [
      row.encoder,
      String(row.dispatches),
      digits(row.microsecondsPerStep),
      digits(row.microsecondsPerDispatch),
      String(row.objects),
    ]),
  ];
}

/** What the columns mean. */
const NOTE = `us a step: from the call of a replayed step until it returns, encoded and submitted, with the GPU idle before (in a browser
only what its page does of that). Wanted: 3 us a dispatch, 1.5 to reach for, and no GPU object after the third step.`;

export const host: Benchmark = {
  name: "host",
  description: "what the host does for a replayed training step: microseconds a dispatch, GPU objects made",
  arguments: [],
  options: [ROUNDS],
  async run(settings, progress) {
    const data = await measureHost(wholeNumber(settings, "rounds"), progress);
    return { data, text: resultText(data, hostTable(data.rows), NOTE) };
  },
};
