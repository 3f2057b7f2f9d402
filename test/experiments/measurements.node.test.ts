import { suite } from "uvu";
import * as assert from "uvu/assert";
import { VIEW_FIELD } from "../../src/augment/augment.js";
import { type AugmentationPolicy, noAugmentation, paperPolicy } from "../../src/augment/policy.js";
import { datasetFromPixels } from "../../src/data/pixels.js";
import { randomInputs } from "../../src/doctor/random-inputs.js";
import { relativeError } from "../../src/doctor/rounding.js";
import { Embedder } from "../../src/evaluation/embed.js";
import { linearProbe } from "../../src/evaluation/linear-probe.js";
import { contrastOf } from "../../src/experiments/contrast.js";
import { histogram, histogramShortcut } from "../../src/experiments/histograms.js";
import { embedViews, pixelsOfViews } from "../../src/experiments/views.js";
import { DEFAULT_CONFIG, type TrainingConfig } from "../../src/training/config.js";
import { createModel } from "../../src/training/model.js";
import { testDevice } from "../lib/device.js";
import { IMAGE_SIZE, SMALL_CONFIG, stripes } from "../training/small-set.js";

const measurements = suite("measurements of experiments");

const CONFIG: TrainingConfig = { ...DEFAULT_CONFIG, ...SMALL_CONFIG };

measurements("embeds views row by row, whatever the number of images", async () => {
  const device = await testDevice();
  const model = createModel(device, CONFIG, IMAGE_SIZE);
  // More than go at once, and no multiple of that.
  const images = stripes(70);
  const embedder = await Embedder.create(device, model);
  const expected = await embedder.embed(images);
  embedder.dispose();
  const { h, z, table } = await embedViews(device, model, images, { policies: noAugmentation, views: 2, seed: 3 });
  assert.equal([h.rows, z.rows, table.rows], [140, 140, 140]);
  assert.equal([h.dimension, z.dimension], [expected.dimension, 128]);
  // Views that are the image itself: both of an image are alike, and have its representation.
  for (const view of [0, 1]) {
    const part = h.values.subarray(view * 70 * h.dimension, (view + 1) * 70 * h.dimension);
    part.forEach((value, i) => {
      const difference = Math.abs(value - expected.values[i]);
      assert.ok(difference <= 1e-5 * Math.max(1, Math.abs(value)), `view ${view}, element ${i}: ${difference}`);
    });
  }
  assert.equal(z.values.subarray(0, z.values.length / 2), z.values.subarray(z.values.length / 2));
  model.tensors.dispose();
});

measurements("says what was done to each view", async () => {
  const device = await testDevice();
  const cases: [keyof typeof VIEW_FIELD, Partial<AugmentationPolicy>, (value: number) => boolean][] = [
    ["grayscale", { grayscaleProbability: 1 }, (value) => value === 1],
    ["sobel", { sobelProbability: 1 }, (value) => value === 1],
    ["noise", { noiseProbability: 1 }, (value) => value >= 0.01 && value <= 0.2],
    ["turns", { rotationProbability: 1 }, (value) => [1, 2, 3].includes(value)],
  ];
  const model = createModel(device, CONFIG, IMAGE_SIZE);
  for (const [field, policy, done] of cases) {
    const policies = { ...noAugmentation, ...policy };
    const { table } = await embedViews(device, model, stripes(6), { policies, views: 1, seed: 1 });
    for (let row = 0; row < table.rows; row++) {
      for (const [name, at] of Object.entries(VIEW_FIELD)) {
        const value = table.values[row * table.dimension + at];
        assert.ok(name === field ? done(value) : value === 0, `${field}: ${name} is ${value}`);
      }
    }
  }
  model.tensors.dispose();
});

measurements("contrastive distributions have the entropy and accuracy of a plain softmax", async () => {
  const device = await testDevice();
  const [images, dimension] = [7, 5];
  const values = Float32Array.from(randomInputs(3).normal(2 * images * dimension));
  const row = (i: number) => [...values.subarray(i * dimension, (i + 1) * dimension)];
  const dot = (a: number[], b: number[]) => a.reduce((sum, value, i) => sum + value * b[i], 0);
  for (const [temperature, normalize] of [
    [0.1, true],
    [2, false],
  ] as const) {
    let [entropy, right] = [0, 0];
    for (let i = 0; i < images; i++) {
      const logits = Array.from({ length: images }, (_, j) => {
        const [a, b] = [row(i), row(images + j)];
        const length = normalize ? Math.sqrt(dot(a, a) * dot(b, b)) : 1;
        return dot(a, b) / length / temperature;
      });
      const sum = logits.reduce((total, logit) => total + Math.exp(logit), 0);
      for (const logit of logits) entropy -= ((Math.exp(logit) / sum) * Math.log(Math.exp(logit) / sum)) / images;
      if (Math.max(...logits) === logits[i]) right += 1;
    }
    const features = { values, rows: 2 * images, dimension };
    const found = await contrastOf(device, features, temperature, normalize);
    // Logits of up to 20 are off by as many roundings of themselves as a product has.
    assert.ok(
      Math.abs(found.entropy - entropy) < 20 * relativeError(2 * dimension + 8),
      `${found.entropy}, ${entropy}`,
    );
    assert.is(found.accuracy, right / images);
  }
});

measurements("histograms count intensities of one channel or of all", () => {
  const pixels = Float32Array.of(0, 0.5, 1, 0.1, 0.6, 0.99);
  assert.equal(histogram(pixels, 2, null), [2, 4]);
  assert.equal(histogram(pixels, 2, 0), [2, 0]);
  assert.equal(histogram(pixels, 4, 2), [0, 0, 0, 2]);
});

/** Images of one colour each: different ones, or all the same. */
function plain(length: number, different: boolean) {
  const colors = randomInputs(9).uniform(3 * length, 40, 215);
  const size = 8;
  const pixels = Uint8Array.from({ length: length * size * size * 3 }, (_, i) => {
    const image = Math.floor(i / (size * size * 3));
    return different ? colors[3 * image + (i % 3)] : 100;
  });
  return datasetFromPixels({ name: "plain", pixels, channels: 3, width: size, height: size });
}

measurements("histograms tell crops of plain images apart, unless their colours are equal or distorted", async () => {
  const device = await testDevice();
  const crops = { ...paperPolicy(1, 0), jitterProbability: 0, grayscaleProbability: 0 };
  const sets = (different: boolean) => ({ train: plain(150, different), test: plain(60, different) });
  const clear = await histogramShortcut(device, sets(true), crops, 1);
  assert.ok(clear.matchAccuracy > 0.85, `${clear.matchAccuracy}`);
  assert.ok(clear.pairAccuracy > 0.95, `${clear.pairAccuracy}`);
  const distorted = await histogramShortcut(device, sets(true), paperPolicy(1, 0), 1);
  assert.ok(distorted.matchAccuracy < clear.matchAccuracy / 2, `${distorted.matchAccuracy}`);
  assert.ok(distorted.pairAccuracy < clear.pairAccuracy - 0.2, `${distorted.pairAccuracy}`);
  const same = await histogramShortcut(device, sets(false), crops, 1);
  assert.is(same.pairAccuracy, 0.5);
  assert.ok(same.matchAccuracy < 0.1, `${same.matchAccuracy}`);
});

measurements("views depend on the seed, and on nothing else", async () => {
  const device = await testDevice();
  const pixels = async (seed: number) =>
    (await pixelsOfViews(device, stripes(5), { policies: paperPolicy(1, 0.5), views: 2, seed })).values;
  const first = await pixels(1);
  assert.equal(await pixels(1), first);
  assert.not.equal(await pixels(2), first);
});

measurements("a hidden layer tells apart what no line does", async () => {
  const device = await testDevice();
  const rows = 400;
  const values = Float32Array.from(randomInputs(2).uniform(2 * rows, -1, 1));
  // The classes of opposite quadrants are equal.
  const labels = Uint32Array.from({ length: rows }, (_, i) => (values[2 * i] * values[2 * i + 1] > 0 ? 1 : 0));
  const part = { features: { values, rows, dimension: 2 }, labels };
  const linear = await linearProbe(device, part, part, 2, { epochs: 60 });
  const perceptron = await linearProbe(device, part, part, 2, { epochs: 60, hidden: 32 });
  assert.ok(linear.testAccuracy < 0.7, `${linear.testAccuracy}`);
  assert.ok(perceptron.testAccuracy > 0.9, `${perceptron.testAccuracy}`);
});

measurements.run();
