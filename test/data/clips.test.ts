import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ClipSampler } from "../../src/data/clip-order.js";
import { type Clips, checkClips, clipsOfPaths } from "../../src/data/clips.js";
import { subset } from "../../src/data/views.js";
import { ConfigError, DataError } from "../../src/errors.js";
import { Trainer } from "../../src/training/trainer.js";
import { rejects, throws } from "../data/expect.js";
import { testDevice } from "../lib/device.js";
import { SMALL_CONFIG, stripes } from "../training/small-set.js";

const clips = suite("clips");

/** Clips of so many frames each, whose images are one after the other. */
function clipsOf(...lengths: readonly number[]): Clips {
  return {
    clip: Uint32Array.from(lengths.flatMap((length, number) => Array.from({ length }, () => number))),
    time: Uint32Array.from(lengths.flatMap((length) => Array.from({ length }, (_, place) => place))),
  };
}

clips("are folders, with times in the natural order of names", () => {
  const paths = ["walk/10.png", "walk/2.png", "run/a/1.png", "walk/1.png", "run/b/01.png", "run/a/0.png", "lone.png"];
  const { clip, time } = clipsOfPaths(paths);
  assert.equal([...time], [2, 1, 1, 0, 0, 0, 0]);
  assert.equal([...clip], [0, 0, 1, 0, 2, 1, 3]);
});

clips("stay with their images in a subset, and must be as many", () => {
  const images = { ...stripes(6), clips: clipsOf(4, 2) };
  const part = subset(images, [5, 0, 3]);
  assert.equal(part.clips, { clip: Uint32Array.of(1, 0, 0), time: Uint32Array.of(1, 0, 3) });
  throws(() => checkClips(clipsOf(4), "set", 6), DataError, /set has 6 images, and its clips have 4 numbers/);
});

for (const [lengths, batch, clipsPerBatch, near] of [
  [[30, 30, 30, 30, 30], 24, 3, 4],
  [[7, 40, 3, 1, 12], 15, 4, 2],
  [[9], 9, 4, 6],
  [[2, 2, 1, 1, 1], 6, 2, 1],
] as const) {
  clips(`of ${lengths.join(", ")} frames come to batches of ${batch} in pairs of neighbours`, () => {
    const all = clipsOf(...lengths);
    const sampler = new ClipSampler(all, { batch, clipsPerBatch, near });
    const order = sampler.epoch(3, 5);
    const steps = Math.floor(all.clip.length / batch);
    assert.is(order.length, steps * batch);
    assert.equal(sampler.epoch(3, 5), order);
    assert.not.equal(sampler.epoch(4, 5), order);
    assert.not.equal(sampler.epoch(3, 6), order);
    for (let step = 0; step < steps; step++) {
      const images = [...order.subarray(step * batch, (step + 1) * batch)];
      for (let i = 0; i + 1 < batch; i += 2) {
        const [a, b] = images.slice(i, i + 2);
        assert.is(all.clip[a], all.clip[b]);
        const apart = Math.abs(all.time[a] - all.time[b]);
        assert.ok(apart > 0 && apart <= near, `${apart}`);
      }
      if (lengths.length === 5 && lengths[0] === 30) {
        assert.is(new Set(images).size, batch, "no frame comes twice");
        assert.is(new Set(images.map((image) => all.clip[image])).size, clipsPerBatch);
      }
    }
  });
}

clips("without neighbours are refused", () => {
  const far = { clip: Uint32Array.of(0, 0, 1), time: Uint32Array.of(0, 10, 0) };
  const order = { batch: 2, clipsPerBatch: 1, near: 9 };
  throws(() => new ClipSampler(far, order), ConfigError, /of 2 clips, none has two frames that are at most 9 apart/);
});

clips("are what tcn asks for", async () => {
  const device = await testDevice();
  const config = { ...SMALL_CONFIG, method: "tcn" };
  await rejects(Trainer.create(device, stripes(24), config), ConfigError, /stripes has no clips, and tcn learns from/);
  const set = { ...stripes(24), clips: clipsOf(4) };
  await rejects(Trainer.create(device, set, config), DataError, /its clips have 4 numbers and 4 times/);
});

clips.run();
