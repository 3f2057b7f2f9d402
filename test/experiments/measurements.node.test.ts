import { suite } from "uvu";
import * as assert from "uvu/assert";
import { VIEW_FIELD } from "../../src/augment/augment.js";
import { type AugmentationPolicy, noAugmentation, paperPolicy } from "../../src/augment/policy.js";
import { datasetFromPixels } from "../../src/data/pixels.js";
import { randomInputs } from "../../src/doctor/random-inputs.js";
import { relativeError } from "../../src/doctor/rounding.js";
import { Embedder } from "../../src/evaluation/embed.js";
import { linearProbe } from "../../src/evaluation/linear-probe.js";
import { alignment } from "../../src/experiments/alignment.js";
import { contrastOf } from "../../src/experiments/contrast.js";
import { falseNegatives } from "../../src/experiments/false-negatives.js";
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

measurements("false negatives are counted among all, among the nearest, and by the pull that they get", () => {
  // An anchor of class 0 whose negatives are 2 of its class, at 0.5 and 0.1, and 12 others, at 0.6, 0.2 and ten times -0.5.
  const of = [0.9, 0.5, 0.1, 0.6, 0.2, ...Array.from({ length: 10 }, () => -0.5)];
  const images = of.length;
  const labels = Uint32Array.from(of, (_, i) => (i < 3 ? 0 : i));
  const similarities = new Float32Array(images * images);
  // All other anchors are alike: each has its own class but those of class 0, which have the same row.
  for (let row = 0; row < images; row++) {
    for (let column = 0; column < images; column++) similarities[row * images + column] = row < 3 ? of[column] : 0;
  }
  for (const row of [0, 1, 2]) similarities[row * images + row] = 0.9;
  for (const row of [1, 2]) similarities[row * images] = of[row];
  const weights = { temperature: 0.5, hardness: 1, margin: 0.35 };
  const measure = (negatives: "all" | "hard" | "semi-hard") =>
    falseNegatives(similarities, labels, { ...weights, negatives });
  // The negatives of the three anchors with false ones; the twelve others have none.
  const rows = [
    { same: [0.5, 0.1], others: of.slice(3) },
    { same: [0.5, 0.1], others: of.slice(3) },
    { same: [0.1, 0.5], others: of.slice(3) },
  ];
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const expected = (weight: (cosine: number) => number) =>
    sum(
      rows.map(({ same, others }) => {
        const [mine, theirs] = [sum(same.map(weight)), sum(others.map(weight))];
        return mine / (mine + theirs);
      }),
    );
  const near = (found: number, wanted: number) => assert.ok(Math.abs(found - wanted) < 1e-6, `${found}, ${wanted}`);
  near(measure("all").falseShare, (3 * 2) / 14 / images);
  near(measure("all").falseNearest, (3 * 2) / 10 / images);
  near(measure("all").falsePull, expected((cosine) => Math.exp(cosine / 0.5)) / images);
  near(measure("hard").falsePull, expected((cosine) => Math.exp((2 * cosine) / 0.5)) / images);
  // Of 0.55 to 0.9, which only the other of 0.6 is in; anchors whose positive is as unlike as all else have no semi-hard one.
  near(measure("semi-hard").falsePull, 0);
  near(
    falseNegatives(similarities, labels, { ...weights, negatives: "semi-hard", margin: 0.45 }).falsePull,
    Math.exp(0.5 / 0.5) / (Math.exp(0.5 / 0.5) + Math.exp(0.6 / 0.5)),
  );
});

measurements("alignment errors are distances in time to the nearest frame", async () => {
  const device = await testDevice();
  // Two clips on a quarter of a circle: of three frames and of five, and images in any order.
  const angles = [0, 45, 90, 0, 22.5, 45, 67.5, 90];
  const order = [4, 0, 6, 2, 7, 1, 3, 5];
  const rows = angles.length;
  const values = new Float32Array(2 * rows);
  for (const [i, angle] of angles.entries()) {
    values.set([Math.cos((angle * Math.PI) / 180), Math.sin((angle * Math.PI) / 180)], 2 * order[i]);
  }
  const features = { values, rows, dimension: 2 };
  const clips = [order.slice(0, 3), order.slice(3)];
  const forwards = await alignment(device, features, features, clips, "other clips");
  // From the short one to the long one it is exact; back, the frames between are a quarter off.
  assert.ok(Math.abs(forwards.error - (0 + (0.25 * 2) / 5) / 2) < 1e-6, `${forwards.error}`);
  const chance = (from: number, to: number) => {
    const moments = (length: number) => Array.from({ length }, (_, i) => i / (length - 1));
    const all = moments(from).flatMap((a) => moments(to).map((b) => Math.abs(a - b)));
    return all.reduce((sum, value) => sum + value, 0) / all.length;
  };
  assert.ok(Math.abs(forwards.chance - chance(3, 5)) < 1e-6, `${forwards.chance}`);
  const within = await alignment(device, features, features, clips, "the same clip");
  assert.is(within.error, 0);
  assert.ok(Math.abs(within.chance - (chance(3, 3) + chance(5, 5)) / 2) < 1e-6, `${within.chance}`);
  // Backwards in time, the three frames are 1, 0 and 1 off; of the five, those between have two that are as near.
  const backwards = await alignment(device, features, features, [clips[0], clips[1].toReversed()], "other clips");
  const [least, most] = [0.25, 0.75].map((between) => (2 / 3 + (2 + 2 * between) / 5) / 2);
  assert.ok(backwards.error > least - 1e-6 && backwards.error < most + 1e-6, `${backwards.error}`);
});

measurements.run();
