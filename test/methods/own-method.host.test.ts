import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  datasetFromPixels,
  decodeCheckpoint,
  openDevice,
  planTraining,
  Trainer,
  type TrainingConfig,
} from "webgpu-simclr";
import { repository } from "../lib/repository.js";
import { learnedTemperature } from "./learned-temperature.js";

const own = suite("a method of one's own");

const SIZE = 16;

/** Stripes of three widths, in colours of their own. */
function stripes(length: number) {
  const pixels = Uint8Array.from({ length: length * SIZE * SIZE * 3 }, (_, at) => {
    const image = Math.floor(at / (SIZE * SIZE * 3));
    const row = Math.floor(at / (SIZE * 3)) % SIZE;
    const wave = Math.sin((2 * Math.PI * (row + image)) / [2, 5, 11][image % 3]);
    return 128 + 60 * wave + ((image * 37 + (at % 3) * 71) % 60);
  });
  return datasetFromPixels({ name: "stripes", pixels, channels: 3, width: SIZE, height: SIZE });
}

const CONFIG: Partial<TrainingConfig> = {
  ...{ encoder: "convnet", width: 0.25, batch: 8, epochs: 8, learningRate: 3e-3, warmupEpochs: 0, checkpointEvery: 12 },
  options: { headOutput: 32, temperature: 0.4 },
};

/** Trains to the end: what each step measured, and the checkpoints. */
async function train(trainer: Trainer) {
  const steps: Record<string, number>[] = [];
  const checkpoints = new Map<number, Uint8Array<ArrayBuffer>>();
  await trainer.train({
    onStep: ({ imagesPerSecond: _, ...numbers }) => void steps.push(numbers),
    onCheckpoint: (bytes, step) => void checkpoints.set(step, bytes),
  });
  return { steps, checkpoints };
}

own("in one file trains, learns its temperature, and is resumed to the bit, also in micro-batches", async () => {
  const device = await openDevice();
  const images = stripes(24);
  for (const microBatch of [8, 3]) {
    const make = () => Trainer.create(device, images, { ...CONFIG, microBatch }, { method: learnedTemperature });
    const whole = await make();
    assert.is(whole.config.method, "learned-temperature");
    const { steps, checkpoints } = await train(whole);
    const mean = (part: typeof steps) => part.reduce((sum, { loss }) => sum + loss, 0) / part.length;
    const [first, last] = [mean(steps.slice(0, 6)), mean(steps.slice(-6))];
    assert.ok(last < first - 0.1, `from ${first} to ${last}`);
    const temperatures = steps.map(({ inverseTemperature }) => 1 / inverseTemperature);
    assert.ok(Math.abs(temperatures[0] - 0.4) < 1e-6);
    assert.ok(Math.abs(temperatures[23] - 0.4) > 0.001, `the temperature is ${temperatures[23]} in the end`);
    assert.ok(steps.every(({ outputStd }) => outputStd > 0));

    const resumed = await make();
    const middle = decodeCheckpoint(checkpoints.get(12) ?? new Uint8Array());
    assert.ok(middle.tensors.has("model.sharpness"));
    resumed.restore(middle);
    const rest = await train(resumed);
    assert.equal(rest.steps, steps.slice(12));
    assert.equal(rest.checkpoints, new Map([[24, checkpoints.get(24)]]));
    for (const trainer of [whole, resumed]) trainer.dispose();
  }
  device.close();
});

own("is planned, and its temperature has the gradient of the undivided batch in micro-batches", async () => {
  const device = await openDevice();
  const options = { method: learnedTemperature };
  const { layers, bytes } = planTraining(device, CONFIG, SIZE, null, options);
  assert.ok(layers.some(({ name }) => name === "loss") && bytes.peak > bytes.model);
  // Group norm: images do not depend on each other, and the gradient is the same but for roundings.
  const gradients: number[] = [];
  for (const microBatch of [8, 3]) {
    const config = { ...CONFIG, norm: "group", microBatch, epochs: 1, optimizer: "sgd", learningRate: 1e-9 } as const;
    const trainer = await Trainer.create(device, stripes(8), config, options);
    await trainer.train();
    const sharpness = trainer.model.tensors.parameters.find(({ spec }) => spec.name === "sharpness");
    assert.ok(sharpness);
    gradients.push((await device.read(sharpness.gradient))[0]);
    trainer.dispose();
  }
  const [whole, divided] = gradients;
  assert.ok(Math.abs(whole) > 1e-3, `${whole}`);
  // Sums over 16 rows of 16 logits of what four layers give, each off by about a thousand roundings.
  assert.ok(Math.abs(divided - whole) < 1e-4 * Math.max(1, Math.abs(whole)), `${divided} and ${whole}`);
  device.close();
});

own("is the one that the documents show", async () => {
  const { readFile } = await import("node:fs/promises");
  const [document, file] = await Promise.all(
    ["src/README.md", "test/methods/learned-temperature.ts"].map((path) => readFile(repository + path, "utf8")),
  );
  assert.ok(document.includes(`\`\`\`ts\n${file}\`\`\``));
});

own.run();
