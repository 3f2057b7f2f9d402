import { datasetFromPixels } from "../data/pixels.js";
import type { Device } from "../engine/device.js";
import { OutOfMemoryError } from "../errors.js";
import { linearProbe } from "../evaluation/linear-probe.js";
import { DEFAULT_CONFIG, type TrainingConfig } from "../training/config.js";
import { stepFlops } from "../training/plan.js";
import { Trainer } from "../training/trainer.js";
import type { Effort } from "./experiment.js";
import type { Setting } from "./setting.js";

/** How fast an adapter works, as far as plans need to know. */
export interface Pace {
  /** Floating-point operations a second in training steps. */
  readonly flops: number;
  /** Seconds a step of a linear classifier, most of which is not arithmetic. */
  readonly probeStep: number;
}

/** What a run takes; operations are null where a tensor is larger than the adapter allows. */
export interface Cost {
  readonly flops: number | null;
  readonly probeSteps: number;
}

/** Pixels, and images of the first batch that is tried. */
const SIZE = 32;
const FIRST_BATCH = 64;
/** The batch grows until a step takes this long, for on a fast adapter small batches leave most of it idle. */
const SECONDS_A_STEP = 0.05;
const LARGEST_BATCH = 4096;
const STEPS = 4;

/**
 * Measures the pace: a few training steps of the small net on noise, and of a linear classifier. One to two seconds, and
 * the compilation of the net's kernels, which runs of the same net then find done. Other nets differ in how much of the
 * adapter they use: ResNets were up to a quarter faster on a software adapter.
 */
export async function measurePace(device: Device): Promise<Pace> {
  let batch = FIRST_BATCH;
  let step = await secondsPerStep(device, batch);
  while (step < SECONDS_A_STEP && batch < LARGEST_BATCH) {
    batch *= 4;
    step = await secondsPerStep(device, batch);
  }
  const rows = 256;
  const features = { values: new Float32Array(rows * 256), rows, dimension: 256 };
  const part = { features, labels: new Uint32Array(rows) };
  const epochs = 50;
  await linearProbe(device, part, part, 10, { epochs: 1 });
  const start = performance.now();
  await linearProbe(device, part, part, 10, { epochs });
  const probeStep = (performance.now() - start) / 1000 / epochs;
  return { flops: stepFlops(device, { ...DEFAULT_CONFIG, batch }, SIZE) / step, probeStep };
}

/** Seconds of a step of the default net, the fastest of a few. */
async function secondsPerStep(device: Device, batch: number): Promise<number> {
  const pixels = new Uint8Array(batch * STEPS * SIZE * SIZE * 3).map((_, i) => (i * 2654435761) >>> 24);
  const dataset = datasetFromPixels({ name: "noise", pixels, channels: 3, width: SIZE, height: SIZE });
  const trainer = await Trainer.create(device, dataset, { batch, epochs: 1, warmupEpochs: 0 });
  let fastest = Number.POSITIVE_INFINITY;
  try {
    await trainer.train({
      onStep({ imagesPerSecond }) {
        fastest = Math.min(fastest, batch / imagesPerSecond);
      },
    });
  } finally {
    trainer.dispose();
  }
  return fastest;
}

/** Passes of an image through the net in a training step: of each view one forward and, at twice the cost, one backward. A teacher's
 * passes count as if they were more of these, so that what is embedded then comes out a little dearer than it is. */
function passesOf({ method }: TrainingConfig): number {
  return method === "supervised" ? 3 : 2 * 3;
}

/** Gives the costs of efforts on images of a size. */
export function costEstimator(device: Device, setting: Setting): (effort: Effort) => Cost {
  const known = new Map<string, number | null>();
  const stepOf = (config: TrainingConfig): number | null => {
    // What a step takes depends on neither.
    const key = JSON.stringify({ ...config, epochs: 0, seed: 0 });
    const found = known.get(key);
    if (found !== undefined) return found;
    const flops = flopsOrNull(device, config, setting);
    known.set(key, flops);
    return flops;
  };
  return ({ config, steps, embedded, probeSteps }) => {
    if (!config) return { flops: 0, probeSteps };
    const step = stepOf(config);
    return { flops: step && step * steps + (step / config.batch / passesOf(config)) * embedded, probeSteps };
  };
}

function flopsOrNull(device: Device, config: TrainingConfig, setting: Setting): number | null {
  const { imageSize, classes, trainImages } = setting;
  try {
    return stepFlops(device, config, imageSize, classes, trainImages);
  } catch (error) {
    if (error instanceof OutOfMemoryError) return null;
    throw error;
  }
}

/** What every run takes besides: compiling, and reading and writing files. */
const OVERHEAD_SECONDS = 1;

/** The time that a cost takes; null where its operations are not known. */
export function secondsFor({ flops, probeSteps }: Cost, pace: Pace): number | null {
  return flops === null ? null : flops / pace.flops + probeSteps * pace.probeStep + OVERHEAD_SECONDS;
}
