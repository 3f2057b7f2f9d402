import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Device } from "../../src/engine/device.js";
import { ConfigError, OutOfMemoryError } from "../../src/errors.js";
import type { TrainingConfig } from "../../src/training/config.js";
import { planTraining } from "../../src/training/plan.js";
import { Trainer } from "../../src/training/trainer.js";
import { throws } from "../data/expect.js";
import { testDevice } from "../lib/device.js";
import { IMAGE_SIZE, SMALL_CONFIG, stripes, withOriginals } from "./small-set.js";

const planning = suite("plan");

/** A device with memory figures of its own. */
async function freshDevice(): Promise<Device> {
  const { gpu, adapter } = await testDevice();
  const device = new Device(gpu, adapter);
  // What stays on a device once it was used.
  assert.is(device.one.size, 1);
  return device;
}

const configs: Readonly<Record<string, Partial<TrainingConfig>>> = {
  "a whole batch": { batch: 24 },
  "micro-batches": { batch: 24, microBatch: 8 },
  "ragged micro-batches, recomputed": { batch: 24, microBatch: 7, recompute: true },
  "LARS, with a deep head": {
    batch: 24,
    optimizer: "lars",
    options: { headLayers: 3, headOutput: 64, headBatchNorm: true },
  },
};

/** Sets of 24 images, and what their plan is told of them. */
const sets = {
  "": { dataset: stripes(24), images: null },
  ", of views from originals": {
    dataset: withOriginals(stripes(24), 40, 30),
    images: { train: 24, originalPixels: 1200 },
  },
};

const cases = Object.entries(configs).flatMap(([name, changes], i) =>
  Object.entries(sets)
    .slice(0, i < 2 ? 2 : 1)
    .map(([what, set]) => ({ name: name + what, changes, ...set })),
);

for (const { name, changes, dataset, images } of cases) {
  planning(`of ${name} is within 5 % of what training takes`, async () => {
    const config = { ...SMALL_CONFIG, ...changes, epochs: 1 };
    const device = await freshDevice();
    const { bytes, flops, layers, parameters } = planTraining(device, config, IMAGE_SIZE, images);
    assert.is(device.memory.currentBytes, device.one.bytes * 4);
    assert.is(bytes.peak, bytes.model + bytes.inputs + bytes.activations);

    const trainer = await Trainer.create(device, dataset, config);
    await trainer.train({ onCheckpoint: () => {} });
    const measured = device.memory.peakBytes;
    assert.ok(Math.abs(bytes.peak / measured - 1) < 0.05, `${bytes.peak} planned, ${measured} measured`);
    assert.is(parameters, trainer.model.tensors.parameterCount);

    const { feeds, programs } = trainer.recorded;
    if (feeds.length === 1) assert.is(flops, programs[0].flops);
    else assert.ok(flops > programs.reduce((sum, program) => sum + program.flops, 0));
    const names = layers.map((layer) => layer.name);
    for (const part of ["views", "layers.0", "layers.3", "pool", "head", "loss", "optimizer"])
      assert.ok(names.includes(part), part);
    assert.is(names.length, 9);
    assert.ok(Math.abs(layers.reduce((sum, layer) => sum + layer.flops, 0) - flops) < 1);
    trainer.dispose();
  });
}

planning("a batch that nobody asked for is no larger than the set", async () => {
  const device = await freshDevice();
  const { batch: _, ...config } = SMALL_CONFIG;
  const batchOf = (train: number) => planTraining(device, config, IMAGE_SIZE, { train }).config.batch;
  assert.equal([2000, 128, 37].map(batchOf), [128, 128, 37]);
  throws(() => batchOf(1), ConfigError, /there is 1 image to train on, and at least 2 are needed/);
  throws(
    () => planTraining(device, { ...config, batch: 128 }, IMAGE_SIZE, { train: 37 }),
    ConfigError,
    /batch of 128 is larger/,
  );
  const images = stripes(37);
  const trainer = await Trainer.create(device, images, config);
  assert.is(trainer.config.batch, 37);
  trainer.dispose();
});

planning("chooses the largest micro-batch that fits the budget", async () => {
  const device = await freshDevice();
  const config = { ...SMALL_CONFIG, encoder: "convnet", width: 1, batch: 96 } as const;
  const whole = planTraining(device, { ...config, memoryBudget: 1000 }, 32);
  assert.is(whole.config.microBatch, 96);
  const peak = (microBatch: number) => whole.alternatives.find((row) => row.microBatch === microBatch)?.peak ?? 0;
  assert.equal(
    whole.alternatives.map(({ microBatch }) => microBatch),
    [96, 64, 32, 16, 8, 4, 2, 1],
  );
  assert.is(peak(96), whole.bytes.peak);
  const memoryBudget = Math.ceil(peak(32) / 2 ** 20);
  assert.ok(peak(64) > memoryBudget * 2 ** 20);
  const cut = planTraining(device, { ...config, memoryBudget }, 32);
  assert.is(cut.config.microBatch, 32);
  assert.is(cut.bytes.peak, peak(32));
  throws(
    () => planTraining(device, { ...config, memoryBudget: 1 }, 32),
    OutOfMemoryError,
    /^a micro-batch of one image needs \d+ MiB, and the memory budget is 1 MiB/,
  );
  assert.is(device.memory.currentBytes, device.one.bytes * 4);
});

planning("names the tensor that is too large, and the micro-batch that fits", async () => {
  const device = await testDevice();
  const { maxBufferSize, maxStorageBufferBindingSize } = device.gpu.limits;
  const limit = Math.min(maxBufferSize, maxStorageBufferBindingSize);
  // The first map of the convnet has 32 channels of 16 x 16 for each of two views.
  const batch = Math.floor(limit / (2 * 16 * 16 * 32 * 4)) + 1;
  const config = { batch, microBatch: batch } as const;
  throws(
    () => planTraining(device, config, 32),
    OutOfMemoryError,
    new RegExp(
      `^\\S.* needs \\d+ bytes, and this adapter allows ${limit} in one buffer .*; a micro-batch of \\d+ images fits$`,
    ),
  );
  assert.ok(planTraining(device, { ...config, microBatch: "auto" }, 32).config.microBatch < batch);
});

planning("refuses micro-batches that are none", async () => {
  const device = await testDevice();
  for (const microBatch of [0, 1.5, 9]) {
    throws(
      () => planTraining(device, { ...SMALL_CONFIG, batch: 8, microBatch }, IMAGE_SIZE),
      ConfigError,
      new RegExp(`^microBatch is ${microBatch}; it must be a whole number from 1 to 8`),
    );
  }
});

planning.run();
