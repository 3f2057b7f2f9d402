import { suite } from "uvu";
import * as assert from "uvu/assert";
import { datasetFromPixels } from "../../src/data/pixels.js";
import { randomInputs } from "../../src/doctor/random-inputs.js";
import { ConfigError } from "../../src/errors.js";
import { Embedder } from "../../src/evaluation/embed.js";
import { completeConfig } from "../../src/training/config.js";
import { createParts } from "../../src/training/model.js";
import { Trainer } from "../../src/training/trainer.js";
import { throws } from "../data/expect.js";
import { testDevice } from "../lib/device.js";
import { IMAGE_SIZE, SMALL_CONFIG } from "../training/small-set.js";

const time = suite("pairs from time");

const FRAMES = 24;

/** Clips of a bright bar that goes once through a picture of noise, which with its colours is another one in each clip. */
function movingBars(clips: number) {
  const length = clips * FRAMES;
  const pixels = new Uint8Array(length * IMAGE_SIZE ** 2 * 3);
  const random = randomInputs(9);
  for (let clip = 0; clip < clips; clip++) {
    const scene = random.uniform(IMAGE_SIZE ** 2 * 3, 20, 120);
    const color = random.uniform(3, 150, 250);
    for (let frame = 0; frame < FRAMES; frame++) {
      const start = (clip * FRAMES + frame) * scene.length;
      const middle = (frame / (FRAMES - 1)) * (IMAGE_SIZE - 1);
      scene.forEach((value, at) => {
        const row = Math.floor(at / (3 * IMAGE_SIZE));
        pixels[start + at] = Math.abs(row - middle) < 1.5 ? color[at % 3] : value;
      });
    }
  }
  const numbers = Uint32Array.from({ length }, (_, i) => i);
  const set = datasetFromPixels({ name: "bars", pixels, channels: 3, width: IMAGE_SIZE, height: IMAGE_SIZE });
  return {
    ...set,
    clips: { clip: numbers.map((i) => Math.floor(i / FRAMES)), time: numbers.map((i) => i % FRAMES) },
  };
}

/** How far the nearest frame of the next clip is from the same moment, as a share of a clip: 1 / 3 by chance (Sermanet et al. 2018). */
async function alignmentError(trainer: Trainer): Promise<number> {
  const embedder = await Embedder.create(trainer.device, trainer.model);
  const { values, rows, dimension } = await embedder.embed(trainer.dataset);
  embedder.dispose();
  const row = (i: number) => Array.from(values.subarray(i * dimension, (i + 1) * dimension));
  const cosine = (a: number[], b: number[]) =>
    a.reduce((sum, value, i) => sum + value * b[i], 0) / Math.hypot(...a) / Math.hypot(...b);
  let sum = 0;
  for (let i = 0; i < rows; i++) {
    const first = ((Math.floor(i / FRAMES) + 1) * FRAMES) % rows;
    const similarities = Array.from({ length: FRAMES }, (_, frame) => cosine(row(i), row(first + frame)));
    sum += Math.abs(similarities.indexOf(Math.max(...similarities)) - (i % FRAMES)) / FRAMES;
  }
  return sum / rows;
}

for (const loss of ["info-nce", "triplet", "n-pairs"]) {
  time(`frames of other clips that show the same moment come near by ${loss}, though no pair says so`, async () => {
    const options = { loss, near: 2, far: 4, headOutput: 32 };
    const config = { ...SMALL_CONFIG, method: "tcn", options, batch: 48, epochs: 12 };
    const trainer = await Trainer.create(await testDevice(), movingBars(6), config);
    const before = await alignmentError(trainer);
    const losses: number[] = [];
    await trainer.train({ onStep: (event) => void losses.push(event.loss) });
    const after = await alignmentError(trainer);
    trainer.dispose();
    const [first, last] = [losses.slice(0, 5), losses.slice(-5)].map((part) => part.reduce((sum, x) => sum + x) / 5);
    assert.ok(last < first, `from ${first} to ${last}`);
    assert.ok(after < before / 2, `${after} of a clip, ${before} before`);
  });
}

time("options that exclude each other are refused", async () => {
  const device = await testDevice();
  const parts = (changes: object) =>
    createParts(device, completeConfig({ ...SMALL_CONFIG, method: "tcn", ...changes }), { imageSize: 16, classes: 0 });
  throws(() => parts({ options: { near: 5, far: 3 } }), ConfigError, /far is 3; it must be at least near, 5/);
  throws(() => parts({ options: { loss: "n-pairs" }, batch: 3 }), ConfigError, /the batch has 3 images: it needs 4/);
});

time.run();
