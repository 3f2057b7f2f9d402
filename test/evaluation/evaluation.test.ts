import { suite } from "uvu";
import * as assert from "uvu/assert";
import { datasetFromPixels } from "../../src/data/pixels.js";
import { subset } from "../../src/data/views.js";
import { randomInputs } from "../../src/doctor/random-inputs.js";
import { relativeError } from "../../src/doctor/rounding.js";
import { openDevice } from "../../src/engine/device.js";
import { ConfigError, DataError, DeviceLostError, ShapeError, UsageError } from "../../src/errors.js";
import { Embedder, type Features, imagesAtOnce, reserveEmbedding } from "../../src/evaluation/embed.js";
import { Evaluator, evenly, labelled, withTestSet } from "../../src/evaluation/evaluation.js";
import { accuracy, knn, nearest, voteOfNearest } from "../../src/evaluation/knn.js";
import { linearProbe } from "../../src/evaluation/linear-probe.js";
import { decodeNpy, encodeNpy } from "../../src/io/npy.js";
import type { Model } from "../../src/nn/model.js";
import { knnClassify } from "../../src/reference/knn.js";
import { DEFAULT_CONFIG } from "../../src/training/config.js";
import { createModel } from "../../src/training/model.js";
import { rejects } from "../data/expect.js";
import { lowerLimits } from "../engine/observe.js";
import { testDevice } from "../lib/device.js";
import { SMALL_CONFIG, stripes } from "../training/small-set.js";

const evaluation = suite("evaluation");

function features(values: Float64Array, dimension: number): Features {
  return { values: Float32Array.from(values), rows: values.length / dimension, dimension };
}

/** Compares neighbours, similarities and predictions with the reference. */
async function compareKnn(bank: Features, labels: Uint32Array, queries: Features, k: number): Promise<void> {
  const { dimension } = bank;
  const found = await knn(await testDevice(), bank, labels, 3, queries, { k, temperature: 0.2 });
  const used = Math.min(k, bank.rows);
  assert.is(found.k, used);
  const options = { dimension, classes: 3, k: used, temperature: 0.2 };
  const expected = knnClassify(Float64Array.from(queries.values), Float64Array.from(bank.values), labels, options);
  for (let query = 0; query < queries.rows; query++) {
    const row = (values: Uint32Array) => values.slice(query * used, (query + 1) * used);
    // Of nearly equal ones, roundings may put the other one first.
    assert.equal(row(found.neighbours).sort(), row(expected.neighbors).sort(), `neighbours of query ${query}`);
    const similarities = found.similarities.slice(query * used, (query + 1) * used);
    similarities.forEach((similarity, i) => {
      const before = i === 0 ? 2 : similarities[i - 1];
      const ordered =
        before > similarity || (before === similarity && row(found.neighbours)[i - 1] < row(found.neighbours)[i]);
      assert.ok(ordered, `neighbour ${i} of query ${query} has its place`);
    });
    row(found.neighbours).forEach((neighbour, i) => {
      let [product, left, right] = [0, 0, 0];
      for (let c = 0; c < dimension; c++) {
        const [a, b] = [queries.values[query * dimension + c], bank.values[neighbour * dimension + c]];
        product += a * b;
        left += a * a;
        right += b * b;
      }
      const similarity = product / Math.sqrt(left * right);
      // A dot product of unit vectors, each of which was divided by the root of another one.
      const tolerance = relativeError(3 * dimension + 40);
      const difference = Math.abs(found.similarities[query * used + i] - similarity);
      assert.ok(difference <= tolerance, `similarity of query ${query} to ${neighbour} is off by ${difference}`);
    });
  }
  assert.equal(found.predictions, expected.predictions);
}

evaluation("kNN of more queries than go at once, with equal candidates", async () => {
  const random = randomInputs(4);
  const some = random.normal(20 * 5);
  // Every candidate is there twice, with another label: of equal ones the first counts.
  const bank = features(Float64Array.of(...some, ...some), 5);
  const queries = features(random.normal(300 * 5), 5);
  for (const k of [1, 7]) await compareKnn(bank, random.below(40, 3), queries, k);
});

evaluation("kNN of fewer candidates than neighbours asked for takes all", async () => {
  const random = randomInputs(6);
  await compareKnn(features(random.normal(9 * 4), 4), random.below(9, 3), features(random.normal(3 * 4), 4), 200);
});

evaluation("a vote of some of the neighbours is that of a search for so many", async () => {
  const random = randomInputs(8);
  const device = await testDevice();
  const [bank, labels] = [features(random.normal(60 * 4), 4), random.below(60, 3)];
  const queries = features(random.normal(50 * 4), 4);
  const found = await knn(device, bank, labels, 3, queries, { k: 40 });
  for (const [k, temperature] of [
    [40, 0.1],
    [20, 0.07],
    [1, 0.001],
    [90, 0.5],
  ]) {
    const { predictions } = await knn(device, bank, labels, 3, queries, { k: Math.min(k, 40), temperature });
    assert.equal(voteOfNearest(found, labels, 3, { k, temperature }), predictions);
  }
});

evaluation("kNN without labels predicts nothing", async () => {
  const random = randomInputs(7);
  const bank = features(random.normal(6 * 4), 4);
  const { predictions, neighbours } = await knn(await testDevice(), bank, null, 1, bank, { k: 1 });
  assert.is(predictions.length, 0);
  assert.equal(neighbours, Uint32Array.of(0, 1, 2, 3, 4, 5), "everything is its own nearest neighbour");
});

evaluation("kNN refuses settings and dimensions that cannot be", async () => {
  const device = await testDevice();
  const bank = features(new Float64Array(8).fill(1), 4);
  const other = features(new Float64Array(9).fill(1), 3);
  for (const temperature of [0, -1]) {
    const options = { temperature };
    await rejects(knn(device, bank, null, 1, bank, options), ConfigError, new RegExp(`temperature ${temperature} `));
  }
  await rejects(knn(device, bank, null, 1, other), ConfigError, /4 dimensions and queries 3/);
  for (const k of [0, 1.5, Number.NaN])
    await rejects(knn(device, bank, null, 1, bank, { k }), ConfigError, `k is ${k}; it must be a whole number`);
  await rejects(knn(device, bank, null, 1, { ...bank, rows: 3 }), ShapeError, "3 x 4 embeddings have 12 values, not 8");
});

evaluation("the nearest of stored embeddings are found by their cosine, the most similar first", async () => {
  const device = await testDevice();
  // Angles of 0, 90, 180, 60 and 30 degrees to the first axis, of any length.
  const root = Math.sqrt(3);
  const rows = [2, 0, 0, 5, -1, 0, 1, root, 3 * root, 3];
  const stored = decodeNpy(encodeNpy([5, 2], Float32Array.from(rows)));
  assert.equal(stored.shape, [5, 2]);
  // Any Float32Array will do, whatever its buffer is.
  const values: Float32Array = stored.data;
  const embeddings = { values, rows: 5, dimension: 2 };
  const cosines = [1, root / 2, 1 / 2, 0, -1];
  const near = (found: Float32Array, expected: readonly number[]) =>
    expected.forEach((value, i) => {
      assert.ok(Math.abs(found[i] - value) <= relativeError(46), `${found[i]} is not ${value}`);
    });

  const one = await nearest(device, embeddings, Float32Array.of(7, 0));
  assert.equal([one.k, one.indices], [5, Uint32Array.of(0, 4, 3, 1, 2)]);
  near(one.similarities, cosines);

  const two = { values: Float32Array.of(7, 0, 0, 1), rows: 2, dimension: 2 };
  const tensor = device.tensor([5, 2], rows, "stored");
  const query = device.tensor([2, 2], two.values, "queries");
  const before = device.memory.currentBytes;
  for (const [bank, queries] of [
    [embeddings, two],
    [tensor, two],
    [embeddings, query],
    [tensor, query],
  ] as const) {
    const { k, indices, similarities } = await nearest(device, bank, queries, 2);
    assert.equal([k, indices], [2, Uint32Array.of(0, 4, 1, 3)]);
    near(similarities, [1, root / 2, 1, root / 2]);
  }
  assert.ok(device.memory.currentBytes - before <= 256 * 4, "but for staging buffers, nothing is left");
  await rejects(nearest(device, embeddings, Float32Array.of(1, 2, 3)), ConfigError, "2 dimensions and queries 3");
  await rejects(nearest(device, embeddings, two, 0), ConfigError, "k is 0");
  for (const made of [tensor, query]) device.free(made);
});

evaluation("accuracy is the share that is right", () => {
  assert.is(accuracy(Uint32Array.of(1, 2, 0, 1), Uint32Array.of(1, 0, 0, 2)), 0.5);
});

/** Three clouds of points in six dimensions. */
function clouds(seed: number, perClass: number, distance: number): { features: Features; labels: Uint32Array } {
  const random = randomInputs(seed);
  const labels = Uint32Array.from({ length: 3 * perClass }, (_, i) => i % 3);
  const values = random.normal(labels.length * 6).map((value, i) => {
    const center = i % 6 === labels[Math.floor(i / 6)] ? distance : 0;
    // Another scale and centre for every column: the probe has to be indifferent to them.
    return (value + center) * 10 ** ((i % 6) - 2) + 50 * (i % 6);
  });
  return { features: features(values, 6), labels };
}

evaluation("the linear probe tells apart what a plane can, and nothing else", async () => {
  const device = await testDevice();
  const separable = await linearProbe(device, clouds(1, 40, 12), clouds(2, 20, 12), 3);
  assert.equal(separable, { trainAccuracy: 1, testAccuracy: 1 });
  const random = await linearProbe(device, clouds(3, 40, 0), clouds(4, 100, 0), 3, { epochs: 20 });
  // Guessing 300 labels of three is right in a third, and within five standard deviations but once in two million times.
  const allowed = 5 * Math.sqrt((1 / 3) * (2 / 3) * (1 / 300));
  assert.ok(Math.abs(random.testAccuracy - 1 / 3) < allowed, `${random.testAccuracy} on random labels`);
  assert.ok(random.trainAccuracy > random.testAccuracy && random.trainAccuracy < 0.8, `${random.trainAccuracy}`);
});

evaluation("the linear probe standardises test rows as the training rows, not by their own statistics", async () => {
  const device = await testDevice();
  const [train, all] = [clouds(1, 40, 12), clouds(2, 40, 12)];
  // A single class: around its own mean, its rows would be anywhere.
  const rows = Array.from(all.labels.keys()).filter((row) => all.labels[row] === 2);
  const values = Float64Array.from(rows.flatMap((row) => [...all.features.values.subarray(6 * row, 6 * row + 6)]));
  const test = { features: features(values, 6), labels: Uint32Array.from(rows, () => 2) };
  assert.is((await linearProbe(device, train, test, 3)).testAccuracy, 1);
});

evaluation("the linear probe decays its weights, by the number of rows unless it is told", async () => {
  const device = await testDevice();
  const [train, test] = [clouds(7, 20, 1), clouds(8, 200, 1)];
  const accuracyOf = async (weightDecay?: number) =>
    (await linearProbe(device, train, test, 3, { weightDecay })).trainAccuracy;
  const [own, same, none] = [await accuracyOf(), await accuracyOf(50 / 60), await accuracyOf(0)];
  assert.is(own, same);
  assert.ok(none > own, `${none} without decay, ${own} with it`);
});

evaluation("the linear probe is the same again with the same seed, and drops ragged batches", async () => {
  const device = await testDevice();
  const probe = (seed: number) =>
    linearProbe(device, clouds(5, 15, 1.5), clouds(6, 40, 1.5), 3, { epochs: 3, batch: 20, seed });
  const [first, again] = [await probe(1), await probe(1)];
  assert.equal(again, first);
  assert.ok(first.testAccuracy > 0.4 && first.testAccuracy < 1, `${first.testAccuracy}`);
});

evaluation("the linear probe needs two images and two classes", async () => {
  const device = await testDevice();
  const test = clouds(1, 1, 1);
  const one = { features: features(new Float64Array(6), 6), labels: Uint32Array.of(0) };
  await rejects(linearProbe(device, one, test, 3), ConfigError, /not 1 and 3/);
  await rejects(linearProbe(device, test, test, 1), ConfigError, /not 3 and 1/);
});

evaluation("labels that are no classes are refused, and so are too few", async () => {
  const device = await testDevice();
  const train = clouds(1, 2, 1);
  const wrong = { ...train, labels: train.labels.with(4, 3) };
  const few = { ...train, labels: train.labels.subarray(1) };
  await rejects(linearProbe(device, wrong, train, 3), ConfigError, "a training image has the label 3, of 3 classes");
  await rejects(linearProbe(device, train, few, 3), ConfigError, "5 labels for 6 test images; give one for each");
  const search = knn(device, wrong.features, wrong.labels, 3, train.features);
  await rejects(search, ConfigError, "a candidate image has the label 3, of 3 classes");
});

const config = { ...DEFAULT_CONFIG, ...SMALL_CONFIG };

evaluation("embeddings of a ragged last batch are those of one image after the other", async () => {
  const device = await testDevice();
  const model = createModel(device, config, 16);
  const images = stripes(11);
  const progress: [number, number][] = [];
  const [batched, single] = [
    await Embedder.create(device, model, { batch: 4 }),
    await Embedder.create(device, model, { batch: 1 }),
  ];
  const all = await batched.embed(images, (done, total) => progress.push([done, total]));
  assert.equal([all.rows, all.dimension, all.values.length], [11, 64, 11 * 64]);
  assert.equal(progress, [
    [4, 11],
    [8, 11],
    [11, 11],
  ]);
  for (let i = 0; i < 11; i++) {
    const { values } = await single.embed(subset(images, [i]));
    assert.equal(all.values.slice(i * 64, (i + 1) * 64), values, `image ${i}`);
  }
  assert.ok(new Set(all.values).size > 11 * 16, "the embeddings differ");

  await rejects(batched.embed(stripes(3, { width: 20 })), ConfigError, /20 x 16 pixels/, /takes 16 x 16/);
  for (const embedder of [batched, single]) embedder.dispose();
  model.tensors.dispose();
});

evaluation("ends by a signal, gives back what it took, and may be disposed of twice", async () => {
  const device = await testDevice();
  const model = createModel(device, config, 16);
  const set = stripes(30);
  const before = device.memory.currentBytes;
  const evaluator = await Evaluator.create(device, model, { train: set, test: set }, { batch: 4 });
  const own = device.memory.currentBytes;
  await rejects(evaluator.accuracies(AbortSignal.abort(new UsageError("enough"))), UsageError, "enough");
  // In the middle of each of its parts.
  for (const after of [1, 9, 20]) {
    const controller = new AbortController();
    let fetches = 0;
    const counting = {
      ...set,
      fetch(indices: ArrayLike<number>, out: Uint8Array) {
        fetches += 1;
        if (fetches === after) controller.abort(new UsageError("enough"));
        return set.fetch(indices, out);
      },
    };
    if (after === 20) setTimeout(() => controller.abort(new UsageError("enough")), 30);
    const sets = { train: counting, test: counting };
    const another = await Evaluator.create(device, model, sets, { batch: 4 });
    await another.accuracies(controller.signal).then(
      () => assert.is(after, 20, "only the last one may be too fast"),
      (error: unknown) => assert.instance(error, UsageError),
    );
    another.dispose();
  }
  assert.is(device.memory.currentBytes, own);
  evaluator.dispose();
  evaluator.dispose();
  model.tensors.dispose();
  model.tensors.dispose();
  assert.ok(device.memory.currentBytes < before);
});

evaluation("as many images go through at once as limits and memory allow", async () => {
  const device = await openDevice();
  const MEBIBYTE = 2 ** 20;
  const peak = (model: Model, batch: number) =>
    device.memory.rehearse(() => reserveEmbedding(device, model, batch)).peakBytes / MEBIBYTE;

  const small = createModel(device, config, 16);
  assert.is(imagesAtOnce(device, small, 2048), 128, "never more than 128");
  assert.is(imagesAtOnce(device, small, peak(small, 16)), 16, "what the budget allows");
  const training = device.tensor([2 ** 18]);
  const there = device.memory.currentBytes / MEBIBYTE;
  const beside = imagesAtOnce(device, small, 0.5);
  assert.ok(beside > 1 && peak(small, beside) <= (9 / 8) * there, "an eighth more than what is there");
  assert.ok(peak(small, 2 * beside) > (9 / 8) * there);
  device.free(training);

  // WebGPU's default limits, at the size of ImageNet's images.
  lowerLimits(device.gpu, { maxStorageBufferBindingSize: 128 * MEBIBYTE, maxBufferSize: 256 * MEBIBYTE });
  const large = createModel(device, { ...DEFAULT_CONFIG, encoder: "resnet18" }, 224);
  const most = imagesAtOnce(device, large, 2048);
  assert.ok(most > 1 && most < 128, String(most));
  peak(large, most);
  assert.throws(() => peak(large, 2 * most), /this adapter allows 134217728/);
  device.close();
});

evaluation("an image that cannot be read ends the embedding", async () => {
  const device = await testDevice();
  const model = createModel(device, config, 16);
  const embedder = await Embedder.create(device, model, { batch: 4 });
  const images = stripes(11);
  let calls = 0;
  const fetch = async (indices: ArrayLike<number>, out: Uint8Array) => {
    if (++calls === 3) throw new DataError("the disk is gone");
    await images.fetch(indices, out);
  };
  await rejects(embedder.embed({ ...images, fetch }), DataError, /the disk is gone/);
  embedder.dispose();
  model.tensors.dispose();
});

evaluation("a device lost while images are read ends the embedding, and no error is left unheard", async () => {
  const device = await openDevice();
  const embedder = await Embedder.create(device, createModel(device, config, 16), { batch: 4 });
  const images = stripes(11);
  let calls = 0;
  const fetch = async (indices: ArrayLike<number>, out: Uint8Array) => {
    await images.fetch(indices, out);
    if (++calls !== 2) return;
    // The first batch is on the device; a runtime would end the process over its error if nobody had asked to hear it.
    device.gpu.destroy();
    await new Promise((resolve) => setTimeout(resolve, 100));
  };
  await rejects(embedder.embed({ ...images, fetch }), DeviceLostError, /was lost|did not finish/);
  device.close();
});

evaluation("a labelled set without a test part gives a tenth of each class to one", () => {
  const images = stripes(60);
  const { train, test } = withTestSet({ train: images, test: null });
  assert.equal([train.length, test?.length], [54, 6]);
  assert.equal([...(test?.labels ?? [])].sort(), [0, 0, 1, 1, 2, 2]);
  const names = (set: typeof train) => Array.from({ length: set.length }, (_, i) => set.nameOf(i));
  assert.is(new Set([...names(train), ...(test ? names(test) : [])]).size, 60);

  const both = { train: images, test: subset(images, [0, 1, 2]) };
  assert.is(withTestSet(both), both);
  const unlabelled = { train: { ...images, labels: null, classes: [] }, test: null };
  assert.is(withTestSet(unlabelled), unlabelled);
});

evaluation("only sets with labels in both parts and two classes are evaluated", () => {
  const images = stripes(12);
  const test = subset(images, [0, 1, 2]);
  assert.equal(labelled({ train: images, test })?.train, images);
  assert.is(labelled({ train: images, test: null }), null);
  assert.is(labelled({ train: { ...images, labels: null }, test }), null);
  assert.is(labelled({ train: images, test: { ...test, labels: null } }), null);
  assert.is(labelled({ train: { ...images, classes: ["all"] }, test }), null);
});

evaluation("one set in place of two is refused, and two in place of one", async () => {
  const device = await testDevice();
  const images = stripes(12);
  const model = createModel(device, config, 16);
  // As plain JavaScript calls them, which no compiler checks.
  for (const call of [
    async () => Reflect.apply(labelled, undefined, [images]),
    async () => Reflect.apply(withTestSet, undefined, [images]),
    async () => Reflect.apply(Evaluator.create, Evaluator, [device, model, images]),
  ])
    await rejects(call(), UsageError, "this is a Dataset: pass { train: images, test: null }");
  const embedder = await Embedder.create(device, model, { batch: 4 });
  const embed = async (given: unknown) => Reflect.apply(embedder.embed, embedder, [given]);
  await rejects(embed({ train: images, test: null }), UsageError, "pass images.train");
  embedder.dispose();
  model.tensors.dispose();
});

evaluation("a part of a set is evenly spread over it", () => {
  const images = stripes(30);
  assert.is(evenly(images, 30), images);
  const part = evenly(images, 4);
  assert.equal(
    Array.from({ length: 4 }, (_, i) => part.nameOf(i)),
    [0, 7, 15, 22].map((i) => images.nameOf(i)),
  );
});

evaluation("an evaluator measures a model as its weights are", async () => {
  const device = await testDevice();
  const model = createModel(device, config, 16);
  // Images of one colour each, by which even random weights can tell the classes.
  const length = 60;
  const labels = Uint32Array.from({ length }, (_, i) => i % 3);
  const pixels = new Uint8Array(length * 16 * 16 * 3).map((_, i) => {
    const image = Math.floor(i / (16 * 16 * 3));
    return i % 3 === labels[image] ? 200 + (image % 7) : 30;
  });
  const set = labelled(
    withTestSet({ train: datasetFromPixels({ pixels, channels: 3, width: 16, height: 16, labels }), test: null }),
  );
  if (!set) throw new RangeError("the set has labels");
  const evaluator = await Evaluator.create(device, model, set);
  const { knn: right, probe, train, test, neighbours } = await evaluator.accuracies();
  assert.equal([right, probe], [1, 1]);
  assert.equal([train.rows, test.rows, neighbours.k], [54, 6, 54]);

  // Weights of zero give every image the same representation.
  model.tensors.write(
    new Map(model.tensors.specs.map(({ name, shape }) => [name, new Float32Array(shape.reduce((a, b) => a * b, 1))])),
  );
  assert.ok((await evaluator.accuracies()).probe < 0.5);
  evaluator.dispose();
  model.tensors.dispose();
});

evaluation.run();
