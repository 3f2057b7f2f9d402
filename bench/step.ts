/**
 * Where the time of a training step goes: `node dist/bench/step.js [encoder] [batch] [image size]`, with `--json` for a
 * machine. Times whole steps first, as they run in training, then every launch by itself. The images are noise: their
 * content does not change what is computed.
 */
import { datasetFromPixels, ENCODERS, openDevice, sampleOrder, Trainer } from "../src/index.js";

const words = process.argv.slice(2).filter((word) => !word.startsWith("--"));
const json = process.argv.includes("--json");
const encoder = ENCODERS.find((name) => name === words[0]) ?? "convnet";
const batch = Number(words[1] ?? 128);
const imageSize = Number(words[2] ?? 32);
const STEPS = 7;

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}

const device = await openDevice();
const noise = new Uint8Array(batch * imageSize * imageSize * 4);
for (let i = 0; i < noise.length; i += 65536) {
  noise.set(new Uint8Array(sampleOrder(Math.min(16384, (noise.length - i) / 4), 1, i).buffer), i);
}
const dataset = datasetFromPixels({ pixels: noise, channels: 4, width: imageSize, height: imageSize });
const started = performance.now();
const trainer = await Trainer.create(device, dataset, { encoder, batch, epochs: STEPS + 2 });
const seconds: number[] = [];
await trainer.train({ onStep: ({ imagesPerSecond }) => void seconds.push(batch / imagesPerSecond) });
const { program } = trainer.recorded;
const kernels = await program.profile();
const step = median(seconds.slice(2));
const result = {
  adapter: device.adapter.name,
  encoder,
  batch,
  imageSize,
  millisecondsPerStep: 1000 * step,
  imagesPerSecond: batch / step,
  firstStepSeconds: seconds[0],
  totalSeconds: (performance.now() - started) / 1000,
  dispatches: program.steps.length,
  pipelines: device.pipelines.size,
  gigaflops: program.flops / 1e9 / step,
  peakBytes: device.memory.peakBytes,
  kernels,
};
trainer.dispose();
device.close();

if (json) {
  console.log(JSON.stringify(result, null, 2));
} else {
  const { adapter, millisecondsPerStep, imagesPerSecond, gigaflops, dispatches, firstStepSeconds, peakBytes } = result;
  console.log(`${adapter}\n${encoder}, batch ${batch}, ${imageSize} x ${imageSize} pixels`);
  console.log(
    `${millisecondsPerStep.toFixed(0)} ms a step (median of ${STEPS}), ${imagesPerSecond.toFixed(0)} images/s, ${gigaflops.toFixed(1)} GFLOP/s, ` +
      `${dispatches} dispatches, first step after ${firstStepSeconds.toFixed(1)} s, peak ${(peakBytes / 2 ** 20).toFixed(0)} MiB`,
  );
  for (const row of kernels) {
    const rates = `${(row.flops / row.milliseconds / 1e6).toFixed(1).padStart(8)} GFLOP/s ${(row.bytes / row.milliseconds / 1e6).toFixed(1).padStart(7)} GB/s`;
    console.log(
      `${row.kernel.padEnd(30)} ${String(row.launches).padStart(3)} x ${row.milliseconds.toFixed(2).padStart(9)} ms ${rates}`,
    );
  }
}
