import { mebibytes, percentage } from "../../src/cli/table.js";
import type { Device } from "../../src/engine/device.js";
import { tuneFor } from "../../src/training/tune.js";
import { type Benchmark, type Origin, onDevice, ROUNDS, TUNE, wholeNumber } from "./benchmark.js";
import { Roofline, type RooflineRates, rooflineText } from "./roofline.js";
import { median } from "./statistics.js";
import { digits, type Rows, resultText, share } from "./text.js";
import { noiseTrainer, type StepShape, stepShape, trainSteps } from "./training.js";

/** Steps of a round. */
const STEPS = 3;
/** The kernels that make views of images. */
const AUGMENTATION = ["augmentParameters", "augment", "sobel", "gaussianNoise", "gaussianBlur"];

/** One kernel's part of a step; medians over the rounds. */
export interface StepRow {
  readonly kernel: string;
  readonly launches: number;
  readonly milliseconds: number;
  /** Of the time of all kernels. */
  readonly shareOfTime: number;
  readonly gigaflops: number;
  readonly gigabytes: number;
  /**
   * Of what the adapter allows: the time that its arithmetic or its memory takes at least for the kernel's operations and
   * the bytes that it names, whichever is longer, over the kernel's time. Above 1 where caches help.
   */
  readonly shareOfRoofline: number;
}

/** What `bench/step` gives. */
export interface StepResult extends Origin, StepShape {
  readonly rounds: number;
  readonly roofline: RooflineRates;
  readonly millisecondsPerStep: number;
  readonly imagesPerSecond: number;
  readonly gigaflops: number;
  /** Operations of a step over its time, of the roofline of the same round. */
  readonly shareOfRoofline: number;
  /** From making the model to the end of the first step; and to the end of recording and making the pipelines, which some
   * drivers compile only when they first run. */
  readonly firstStepSeconds: number;
  readonly compileSeconds: number;
  readonly dispatches: number;
  readonly pipelines: number;
  /** Of all tensors that the launches of a step name. */
  readonly bytesPerStep: number;
  readonly peakBytes: number;
  /** The augmentations' share of the time of all kernels. */
  readonly augmentationShare: number;
  readonly kernels: readonly StepRow[];
}

/** Measures whole training steps as they run in training, then every launch by itself, round by round beside the roofline. */
export async function measureStep(
  device: Device,
  origin: Origin,
  shape: StepShape,
  rounds: number,
  progress: (line: string) => void,
): Promise<StepResult> {
  const started = performance.now();
  const since = () => (performance.now() - started) / 1000;
  const trainer = await noiseTrainer(device, shape, (compiled, total) =>
    progress(`compiling: ${compiled} of ${total} pipelines`),
  );
  const compileSeconds = since();
  progress("first steps");
  const [, ...after] = await trainSteps(trainer, 2);
  const firstStepSeconds = since() - after[0];
  const pipelines = device.pipelines.size;
  const peakBytes = device.memory.peakBytes;

  const [program] = trainer.recorded.programs;
  progress("roofline");
  const roofline = await Roofline.open(device);
  const seconds: number[] = [];
  const shares: number[] = [];
  const times = new Map<string, number[]>();
  for (let round = 0; round < rounds; round++) {
    progress(`round ${round + 1} of ${rounds}`);
    const fma = await roofline.sample("fma");
    await roofline.sample("copy");
    const step = median(await trainSteps(trainer, STEPS));
    seconds.push(step);
    shares.push(program.flops / 1e9 / step / fma);
    for (const { kernel, milliseconds } of await program.profile()) {
      times.set(kernel, [...(times.get(kernel) ?? []), milliseconds]);
    }
  }
  const rates = roofline.rates();
  const kernels = (await program.profile()).map((row) => ({
    ...row,
    milliseconds: median(times.get(row.kernel) ?? []),
  }));
  const total = kernels.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  const rows = kernels
    .map(({ kernel, launches, milliseconds, flops, bytes }) => {
      const [gigaflops, gigabytes] = [flops / milliseconds / 1e6, bytes / milliseconds / 1e6];
      const shareOfRoofline = Math.max(gigaflops / rates.fma, gigabytes / rates.copy);
      return {
        kernel,
        launches,
        milliseconds,
        shareOfTime: milliseconds / total,
        gigaflops,
        gigabytes,
        shareOfRoofline,
      };
    })
    .sort((a, b) => b.milliseconds - a.milliseconds);
  const step = median(seconds);
  const result: StepResult = {
    ...origin,
    ...shape,
    rounds,
    roofline: rates,
    millisecondsPerStep: 1000 * step,
    imagesPerSecond: shape.batch / step,
    gigaflops: program.flops / 1e9 / step,
    shareOfRoofline: median(shares),
    firstStepSeconds,
    compileSeconds,
    dispatches: program.steps.length,
    pipelines,
    bytesPerStep: program.bytes,
    peakBytes,
    augmentationShare: rows
      .filter(({ kernel }) => AUGMENTATION.includes(kernel))
      .reduce((sum, { shareOfTime }) => sum + shareOfTime, 0),
    kernels: rows,
  };
  roofline.dispose(device);
  trainer.dispose();
  return result;
}

/** The kernels of a step, the longest first. */
export function profileTable(kernels: readonly StepRow[]): Rows {
  return [
    ["kernel", "launches", "ms", "of the time", "GFLOP/s", "GB/s", "of the roofline"],
    ...kernels.map((row) => [
      row.kernel,
      String(row.launches),
      digits(row.milliseconds),
      percentage(row.shareOfTime),
      digits(row.gigaflops),
      digits(row.gigabytes),
      share(row.shareOfRoofline),
    ]),
  ];
}

/** The figures of a step, name and value. */
export function stepFigures(result: StepResult): Rows {
  return [
    [`${result.encoder}, batch ${result.batch}, ${result.imageSize} x ${result.imageSize}, ${result.precision}`, ""],
    ["time a step", `${digits(result.millisecondsPerStep)} ms`],
    ["images/s", digits(result.imagesPerSecond)],
    ["GFLOP/s", digits(result.gigaflops)],
    ["share of the roofline", share(result.shareOfRoofline)],
    ["first step", `${result.firstStepSeconds.toFixed(1)} s`],
    ["of it, until the pipelines are made", `${result.compileSeconds.toFixed(1)} s`],
    ["dispatches", String(result.dispatches)],
    ["pipelines", String(result.pipelines)],
    ["bytes named by the launches", mebibytes(result.bytesPerStep)],
    ["device memory at most", mebibytes(result.peakBytes)],
    ["augmentation's share of the time", percentage(result.augmentationShare)],
  ];
}

export const step: Benchmark = {
  name: "step",
  description:
    "a training step as a whole and kernel by kernel. The first step's time is that of a cold start only where the driver keeps no shaders: with Mesa, set MESA_SHADER_CACHE_DISABLE=true",
  arguments: [
    { name: "encoder", description: "convnet, resnet18, resnet34 or resnet50", standard: "convnet" },
    { name: "batch", description: "images a step", standard: "128" },
    { name: "size", description: "pixels of an image's side", standard: "32" },
  ],
  options: [
    ROUNDS,
    TUNE,
    { name: "precision", description: "f32, or mixed: activations in f16", standard: "f32" },
    { name: "originals", description: "pixels of the originals that views are cut from (default: the images')" },
  ],
  run(settings, progress) {
    const shape = stepShape(settings);
    const rounds = wholeNumber(settings, "rounds");
    const budgetSeconds = wholeNumber(settings, "tune", 0);
    return onDevice(async (device, origin) => {
      if (budgetSeconds > 0) {
        progress("timing variants of kernels");
        const { encoder, batch, precision, imageSize } = shape;
        await tuneFor(device, { encoder, batch, precision }, imageSize, { budgetSeconds });
      }
      const data = await measureStep(device, origin, shape, rounds, progress);
      return {
        data,
        text: resultText(origin, rooflineText(data.roofline), stepFigures(data), profileTable(data.kernels)),
      };
    });
  },
};
