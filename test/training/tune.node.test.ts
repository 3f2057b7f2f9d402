import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openDevice } from "../../src/engine/device.js";
import { ConfigError } from "../../src/errors.js";
import { decodeCheckpoint } from "../../src/training/checkpoint.js";
import { Trainer } from "../../src/training/trainer.js";
import { tuneFor } from "../../src/training/tune.js";
import { rejects } from "../data/expect.js";
import { testDevice } from "../lib/device.js";
import { IMAGE_SIZE, SMALL_CONFIG, stripes } from "./small-set.js";

const tuning = suite("tuning for a training");

tuning("times the operations of its step, and leaves nothing else on the device", async () => {
  await testDevice();
  const device = await openDevice();
  const before = device.memory.currentBytes;
  const shapes: string[] = [];
  // A budget that the first kernel spends.
  const timings = await tuneFor(device, SMALL_CONFIG, IMAGE_SIZE, {
    budgetSeconds: 0.001,
    onProgress: ({ operation, shape, total }) => void shapes.push(`${operation} ${shape} of ${total}`),
  });
  // Four convolutions, their weight gradients and all but the first one's input gradients; two linear layers with both
  // gradients; two passes of the loss.
  assert.ok(shapes.length <= 1);
  for (const text of shapes) assert.match(text, / of 19$/);
  assert.is(device.choices.untuned.length + shapes.length, 19);
  assert.is(timings.filter(({ chosen }) => chosen).length, shapes.length);
  // A staging buffer of 256 bytes, and the number 1, stay.
  assert.ok(device.memory.currentBytes - before <= 256 + 16, `${device.memory.currentBytes - before} bytes stay`);
  device.close();
});

tuning("refuses what no training could have", async () => {
  const device = await testDevice();
  await rejects(tuneFor(device, { batch: 1 }, IMAGE_SIZE), ConfigError, /batch is 1/);
  await rejects(tuneFor(device, { encoder: JSON.parse('"vgg"') }, IMAGE_SIZE), ConfigError, /encoder is "vgg"/);
});

tuning("a trainer keeps the choices it was made with, and resumes with them to the same bits", async () => {
  await testDevice();
  const device = await openDevice();
  const images = stripes(24);
  const lastOf = async (trainer: Trainer) => {
    let last = new Uint8Array();
    let early = new Uint8Array();
    assert.ok(
      await trainer.train({
        onCheckpoint(bytes, step) {
          if (step === 2) early = bytes;
          last = bytes;
        },
      }),
    );
    trainer.dispose();
    return { early, last };
  };
  const create = () => Trainer.create(device, images, { ...SMALL_CONFIG, checkpointEvery: 2 });
  const usual = await lastOf(await create());
  assert.equal(decodeCheckpoint(usual.last).choices, {});

  // Other tiles split the weight gradients' sums at other places.
  for (const { site } of device.choices.untuned) {
    const { operation, shape, candidates } = site;
    device.choices.set(operation, shape, candidates[candidates.length - 1].name);
  }
  device.choices.force("contrast", "lanes8-4x8");
  const { table } = device.choices;
  const trainer = await create();
  device.choices.use({});
  const forced = await lastOf(trainer);
  assert.equal(decodeCheckpoint(forced.last).choices, table);
  assert.not.equal(decodeCheckpoint(forced.last).tensors, decodeCheckpoint(usual.last).tensors);

  const checkpoint = decodeCheckpoint(forced.early);
  assert.is(checkpoint.step, 2);
  device.choices.use(checkpoint.choices);
  const resumed = await create();
  resumed.restore(checkpoint);
  assert.equal((await lastOf(resumed)).last, forced.last);
  device.close();
});

tuning.run();
