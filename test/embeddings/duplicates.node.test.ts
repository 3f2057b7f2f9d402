import { suite } from "uvu";
import * as assert from "uvu/assert";
import { relativeError } from "../../src/doctor/rounding.js";
import { type Described, findDuplicates } from "../../src/embeddings/duplicates.js";
import { LOOKS_BYTES } from "../../src/embeddings/looks.js";
import { neighbourGraph, neighbourGraphAndHistogram } from "../../src/embeddings/neighbour-graph.js";
import { pairModel, thresholdAt, thresholdOf } from "../../src/embeddings/threshold.js";
import { ConfigError } from "../../src/errors.js";
import { binOf, binStart, HISTOGRAM_BINS } from "../../src/ops/similarity-histogram.js";
import { rejects, throws } from "../data/expect.js";
import { testDevice } from "../lib/device.js";
import { cosine, randomFeatures } from "./plain.js";

const duplicates = suite("duplicates");

duplicates("neighbours, and the histogram of all pairs, in panels that do not divide the rows", async () => {
  const device = await testDevice();
  for (const [rows, dimension, k, panel] of [
    [300, 7, 5, 113],
    [11, 3, 15, 4],
    [2, 1, 1, 9],
  ]) {
    const features = randomFeatures(rows, dimension, rows);
    const graph = await neighbourGraphAndHistogram(device, features, { k, panel });
    const used = Math.min(k, rows - 1);
    assert.is(graph.k, used);
    const tolerance = relativeError(3 * dimension + 40);
    const observed = new Float64Array(HISTOGRAM_BINS);
    for (let row = 0; row < rows; row++) {
      const all = Array.from({ length: rows }, (_, other) => cosine(features, row, other));
      for (let other = 0; other < row; other++) observed[binOf(all[other])] += 1;
      const best = all.filter((_, other) => other !== row).sort((a, b) => b - a);
      const found = graph.indices.subarray(row * used, (row + 1) * used);
      assert.is(new Set(found).size, used);
      assert.not.ok(found.includes(row));
      for (let i = 0; i < used; i++) {
        // Of nearly equal ones, roundings may put the other one first.
        assert.ok(Math.abs(all[found[i]] - best[i]) <= 2 * tolerance);
        assert.ok(Math.abs(graph.similarities[row * used + i] - all[found[i]]) <= tolerance);
      }
    }
    assert.is(
      graph.pairs.reduce((sum, count) => sum + count, 0),
      (rows * (rows - 1)) / 2,
    );
    // A distance that is rounded across the border of a bin is in the next one: what is below a border stays below the next.
    let [seen, before, after] = [0, 0, observed[0]];
    for (let bin = 0; bin < HISTOGRAM_BINS; bin++) {
      seen += graph.pairs[bin];
      before += bin > 0 ? observed[bin - 1] : 0;
      after += observed[bin + 1] ?? 0;
      assert.ok(seen >= before && seen <= after, `bin ${bin}: ${seen}, not between ${before} and ${after}`);
    }
    if (rows === 300) {
      const alone = await neighbourGraph(device, features, { k });
      assert.equal(alone.indices, graph.indices);
    }
  }
  assert.is((await neighbourGraph(device, randomFeatures(1, 4, 1))).k, 0);
  await rejects(neighbourGraph(device, randomFeatures(3, 4, 1), { k: 0 }), ConfigError, /k is 0/);
});

duplicates("the law of pairs finds the dimensions that pairs were made with, and a threshold above chance", () => {
  // As many pairs as x^3 says, and 40 more that are very close.
  const rows = 1000;
  const total = (rows * (rows - 1)) / 2;
  const pairs = new Float64Array(HISTOGRAM_BINS);
  for (let bin = 0; bin < HISTOGRAM_BINS; bin++)
    pairs[bin] = total * (Math.min(1, binStart(bin + 1) ** 3) - Math.min(1, binStart(bin) ** 3));
  assert.ok(Math.abs((pairModel(pairs, rows)?.dimensions ?? 0) - 6) < 0.02);
  // Without them, nothing is more than chance.
  const none = pairModel(pairs, rows);
  assert.ok(none);
  assert.is(thresholdOf(none, 0.05), null);
  pairs[binOf(1 - 2 ** -14)] += 40;
  const model = pairModel(pairs, rows);
  assert.ok(model);
  const threshold = thresholdOf(model, 0.05);
  assert.ok(threshold && threshold.observed !== null && threshold.expected !== null);
  const distance = 1 - threshold.similarity;
  // There, 40 and what the law says are 20 times what it says: total x^3 = 40 / 19, but for the width of a bin.
  const exact = (40 / 19 / total) ** (1 / 3);
  assert.ok(distance <= exact * 1.001 && distance >= exact * (16 / 17.1), `${distance}, not ${exact}`);
  assert.is(thresholdAt(null, 0.9).observed, null);
  assert.ok((thresholdAt(model, 0.9).observed ?? 0) > 40);
  throws(() => thresholdOf(model, 1), ConfigError, /rate of false ones is 1/);
  assert.is(pairModel(new Float64Array(HISTOGRAM_BINS), 2), null);
});

/** Photographs whose embeddings and looks have nothing in common, and some that are alike. */
function planted() {
  const rows = 240;
  const { values, dimension } = randomFeatures(rows, 12, 5);
  const looks = Uint8Array.from({ length: rows * LOOKS_BYTES }, (_, i) => (i * 7919 + (i >> 8) * 104729) % 251);
  const images: Described[] = Array.from({ length: rows }, (_, row) => ({
    ...{
      name: `${String(row).padStart(3, "0")}.jpg`,
      bytes: 1000 + row,
      width: 64,
      height: 48,
      digest: `digest ${row}`,
    },
  }));
  const alike = (to: number, from: number, change: Partial<Described>, noise: number, look: boolean) => {
    for (let c = 0; c < dimension; c++)
      values[to * dimension + c] = values[from * dimension + c] * (1 + noise * (c % 2 === 0 ? 1 : -1));
    if (look)
      for (let i = 0; i < LOOKS_BYTES; i++)
        looks[to * LOOKS_BYTES + i] = Math.min(255, looks[from * LOOKS_BYTES + i] + (i % 2));
    images[to] = { ...images[to], ...change };
  };
  return { features: { values, rows, dimension }, images, looks, alike };
}

duplicates("copies, the same picture and look-alikes are kept apart, and the best one is kept", async () => {
  const device = await testDevice();
  const { features, images, looks, alike } = planted();
  // Row 20 is larger than row 10, whose picture it shows, and row 30 is a copy of row 10.
  alike(20, 10, { width: 128, height: 96 }, 1e-3, true);
  alike(30, 10, { digest: "digest 10", bytes: 1010 }, 0, true);
  // Row 41 looks like row 20, but is another picture; row 50 has the looks of row 40 in another shape.
  alike(41, 20, {}, 4e-3, false);
  alike(50, 40, { width: 64, height: 64 }, 4e-3, true);
  const { groups, threshold, model } = await findDuplicates(device, features, images, looks);
  assert.ok(model && threshold);
  const brief = groups.map(({ keep, reason, others }) => ({
    keep,
    reason,
    others: others.map(({ row, likeness, of }) => [row, likeness, of]),
  }));
  assert.equal(brief, [
    {
      keep: 20,
      reason: "most pixels",
      others: [
        [30, "copy", 10],
        [10, "same picture", 20],
        [41, "look-alike", 20],
      ],
    },
    { keep: 50, reason: "most pixels", others: [[40, "look-alike", 50]] },
  ]);
  for (const { others } of groups)
    for (const { row, of, similarity } of others) assert.ok(Math.abs(similarity - cosine(features, row, of)) < 1e-5);

  const strict = await findDuplicates(device, features, images, looks, { similarity: 0.999999 });
  assert.equal(
    strict.groups.map(({ others }) => others.map(({ row }) => row)),
    [[30, 10]],
  );
  await rejects(
    findDuplicates(device, features, images.slice(1), looks),
    ConfigError,
    /239 photographs and 240 looks for 240/,
  );
  await rejects(
    findDuplicates(device, features, images, looks, { similarity: 2 }),
    ConfigError,
    /similarity of look-alikes is 2/,
  );
});

duplicates("of one photograph, and of many that are all the same", async () => {
  const device = await testDevice();
  const { features, images, looks } = planted();
  const some = (rows: number) => ({ values: features.values.slice(0, rows * 12), rows, dimension: 12 });
  const one = await findDuplicates(device, some(1), images.slice(0, 1), looks.slice(0, LOOKS_BYTES));
  assert.equal([one.groups, one.threshold, one.model], [[], null, null]);
  const rows = 40;
  const equal = {
    values: Float32Array.from({ length: rows * 12 }, (_, i) => features.values[i % 12]),
    rows,
    dimension: 12,
  };
  const looksOfAll = Uint8Array.from({ length: rows * LOOKS_BYTES }, (_, i) => looks[i % LOOKS_BYTES]);
  // Of other bytes each, so that only their looks tell, and of more than a photograph has neighbours.
  const all = await findDuplicates(device, equal, images.slice(0, rows), looksOfAll);
  assert.is(all.groups.length, 1);
  assert.is(all.groups[0].keep, rows - 1);
  assert.is(all.groups[0].others.length, rows - 1);
  assert.ok(all.groups[0].others.every(({ likeness }) => likeness === "same picture"));
});

duplicates.run();
