import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Device } from "../../src/engine/device.js";
import { DEFAULT_CONFIG, type TrainingConfig } from "../../src/training/config.js";
import { createParts, disposeParts } from "../../src/training/model.js";
import { divided, recordStep } from "../../src/training/step.js";
import { testDevice } from "../lib/device.js";

const training = suite("training with the kernels for GPUs");

const STEPS = 2;

/** The losses of the first steps on fixed images, and the kernels of a step. */
async function train(device: Device, config: TrainingConfig): Promise<{ losses: number[]; kernels: Set<string> }> {
  const parts = createParts(device, config, { imageSize: 16, classes: 0 });
  const { optimizer } = parts;
  const step = await recordStep(divided(parts, config.batch)).compile();
  const losses: number[] = [];
  for (let i = 0; i < STEPS; i++) {
    optimizer.setStep(i + 1, 0.001);
    const { metrics } = await step.submit(async ({ bytes, images, counter }) => {
      device.write(
        bytes,
        Uint32Array.from({ length: bytes.size }, (_, at) => (at * 2654435761) | 0xff000000),
      );
      const numbers = Uint32Array.from({ length: config.batch }, (_, at) => at);
      device.write(images, numbers);
      device.write(counter, Uint32Array.of(1, i));
      return { images: numbers, labels: null };
    });
    losses.push((await metrics).loss);
  }
  const [{ steps }] = step.programs;
  const kernels = new Set(steps.map(({ launch }) => launch.kernel.name));
  step.dispose();
  disposeParts(parts);
  return { losses, kernels };
}

training("gives the losses that it gives with those for software adapters", async () => {
  const { gpu, adapter } = await testDevice();
  const config: TrainingConfig = { ...DEFAULT_CONFIG, encoder: "convnet", batch: 6 };
  const onSoftware = await train(new Device(gpu, { ...adapter, software: true }), config);
  const onGpu = await train(new Device(gpu, { ...adapter, software: false }), config);
  for (const kernel of [
    "conv2dTiled",
    "conv2dWeightGradientTiled",
    "matmulTiled",
    "contrastPartialsTiled",
    "contrastGradientTiled",
  ]) {
    assert.ok(onGpu.kernels.has(kernel), `${kernel} is used`);
    assert.not.ok(onSoftware.kernels.has(kernel), `${kernel} is not used`);
  }
  // Losses of about log(11) = 2.4: sums of some thousand terms, added up in another order.
  onGpu.losses.forEach((loss, i) => {
    assert.ok(Math.abs(loss - onSoftware.losses[i]) < 1e-4, `step ${i}: ${loss} and ${onSoftware.losses[i]}`);
  });
});

training.run();
