import { suite } from "uvu";
import * as assert from "uvu/assert";
import { relativeError } from "../../src/doctor/rounding.js";
import { type Described, findDuplicates } from "../../src/embeddings/duplicates.js";
import { LOOKS_BYTES } from "../../src/embeddings/looks.js";
import { neighbourGraph } from "../../src/embeddings/neighbour-graph.js";
import { pairModel, thresholdAt, thresholdOf } from "../../src/embeddings/threshold.js";
import { ConfigError } from "../../src/errors.js";
import { rejects, throws } from "../data/expect.js";
import { testDevice } from "../lib/device.js";
import { cosine, randomFeatures } from "./plain.js";

const duplicates = suite("duplicates");

duplicates("neighbours, in panels that do not divide the rows", async () => {
  const device = await testDevice();
  for (const [rows, dimension, k, panel] of [
    [300, 7, 5, 113],
    [11, 3, 15, 4],
    [2, 1, 1, 9],
  ]) {
    const features = randomFeatures(rows, dimension, rows);
    const graph = await neighbourGraph(device, features, { k, panel });
    const used = Math.min(k, rows - 1);
    assert.is(graph.k, used);
    const tolerance = relativeError(3 * dimension + 40);
    for (let row = 0; row < rows; row++) {
      const all = Array.from({ length: rows }, (_, other) => cosine(features, row, other));
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
    if (rows === 300) {
      const alone = await neighbourGraph(device, features, { k });
      assert.equal(alone.indices, graph.indices);
    }
  }
  assert.is((await neighbourGraph(device, randomFeatures(1, 4, 1))).k, 0);
  await rejects(neighbourGraph(device, randomFeatures(3, 4, 1), { k: 0 }), ConfigError, /k is 0/);
});

duplicates("the law of pairs finds the power that pairs were made with, and a distance above chance", () => {
  // 3,000 pairs as x^4 says.
  const rows = 1000;
  const chance = Array.from({ length: 3000 }, (_, i) => ((i + 1) / 3000) ** (1 / 4));
  const none = pairModel(chance, rows);
  assert.ok(none && Math.abs(none.exponent - 4) < 1e-9);
  none.distances.forEach((distance, i) => {
    assert.ok(Math.abs(none.expected[i] - 3000 * distance ** 4) < 1e-6);
    assert.is(none.observed[i], chance.filter((x) => x <= distance).length);
  });
  // Without others, nothing is more than chance.
  assert.is(thresholdOf(none, 0.05), null);
  // And 40 that are very close: they shift the law by little.
  const model = pairModel([...chance, ...Array<number>(40).fill(0.01)], rows);
  assert.ok(model && Math.abs(model.exponent - 4) < 0.2);
  const threshold = thresholdOf(model, 0.05);
  assert.ok(threshold && threshold.observed !== null && threshold.expected !== null);
  assert.ok(threshold.expected <= 0.05 * threshold.observed && threshold.observed >= 40);
  // 40 and what the law says are 20 times what it says where 3000 x^4 = 40 / 19.
  const exact = (40 / 19 / 3000) ** (1 / 4);
  assert.ok(Math.abs(Math.log2(threshold.distance / exact)) < 0.25, `${threshold.distance}, not ${exact}`);
  assert.equal(thresholdAt(null, 0.3), { distance: 0.3, observed: null, expected: null });
  assert.is(thresholdAt(model, 0.02).observed, 40);
  throws(() => thresholdOf(model, 1), ConfigError, /rate of false ones is 1/);
  assert.is(pairModel([0.1, 0.2], 2), null);
  assert.is(pairModel(Array<number>(100).fill(0), 30), null);
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

  const strict = await findDuplicates(device, features, images, looks, { distance: 1e-6 });
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
    findDuplicates(device, features, images, looks, { distance: 2 }),
    ConfigError,
    /distance of look-alikes is 2/,
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
