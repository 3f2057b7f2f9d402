import { suite } from "uvu";
import * as assert from "uvu/assert";
import { relativeError } from "../../src/doctor/rounding.js";
import { cluster, clusterByRule, kneeOf, numbersOfClusters, sizesOf } from "../../src/embeddings/clusters.js";
import { ConfigError, ShapeError } from "../../src/errors.js";
import type { Features } from "../../src/evaluation/embed.js";
import { adjustedRandIndex } from "../../src/evaluation/rand-index.js";
import { rejects, throws } from "../data/expect.js";
import { testDevice } from "../lib/device.js";
import { groupedFeatures, randomFeatures } from "./plain.js";

const clusters = suite("clusters");

/** Cosine similarities of a row to centres of length 1, in float64. */
function similaritiesTo({ values, dimension }: Features, row: number, centres: Float32Array): number[] {
  const own = values.subarray(row * dimension, (row + 1) * dimension);
  const norm = Math.hypot(...own);
  return Array.from({ length: centres.length / dimension }, (_, c) =>
    own.reduce((sum, value, d) => sum + (value / norm) * centres[c * dimension + d], 0),
  );
}

clusters(
  "each embedding is with its nearest centre, and each centre is the direction of the mean of its own",
  async () => {
    const device = await testDevice();
    for (const [rows, dimension, k] of [
      [331, 7, 6],
      [5, 3, 5],
      [9, 2, 1],
    ]) {
      const features = randomFeatures(rows, dimension, rows);
      const found = await cluster(device, features, k);
      assert.ok(found.converged);
      assert.is(found.k, k);
      const sizes = sizesOf(found.assignments, k);
      assert.equal(
        [...sizes],
        [...sizes].sort((a, b) => b - a),
      );
      assert.ok(sizes.every((size) => size > 0));
      const tolerance = relativeError(4 * dimension + 40);
      const sums = new Float64Array(k * dimension);
      let total = 0;
      for (let row = 0; row < rows; row++) {
        const all = similaritiesTo(features, row, found.centres);
        const group = found.assignments[row];
        assert.ok(all[group] >= Math.max(...all) - 2 * tolerance);
        assert.ok(Math.abs(found.similarities[row] - all[group]) <= tolerance);
        total += all[group];
        const own = features.values.subarray(row * dimension, (row + 1) * dimension);
        own.forEach((value, d) => {
          sums[group * dimension + d] += value / Math.hypot(...own);
        });
      }
      assert.ok(Math.abs(found.objective - total / rows) <= tolerance);
      for (let c = 0; c < k; c++) {
        const sum = sums.subarray(c * dimension, (c + 1) * dimension);
        const norm = Math.hypot(...sum);
        // A sum of as many unit vectors, whose roundings weigh the more, the more of it cancels out.
        const error = (relativeError(sizes[c] + 3 * dimension + 40) * sizes[c]) / norm;
        sum.forEach((value, d) => {
          assert.ok(Math.abs(found.centres[c * dimension + d] - value / norm) <= error);
        });
      }
    }
  },
);

clusters("find groups that are there, and how many", async () => {
  const device = await testDevice();
  const features = groupedFeatures(300, 16, 6, 0.1, 3);
  const truth = Uint32Array.from({ length: 300 }, (_, row) => row % 6);
  const found = await clusterByRule(device, features, {}, [2, 3, 4, 6, 8, 11, 16]);
  assert.is(found.k, 6);
  assert.is(adjustedRandIndex(found.assignments, truth), 1);
  assert.equal(
    found.tried.map(({ k }) => k),
    [2, 3, 4, 6, 8, 11, 16],
  );
  // The same seed gives the same groups.
  assert.equal((await cluster(device, features, 6)).assignments, (await cluster(device, features, 6)).assignments);
  assert.equal(numbersOfClusters(1), [1]);
  assert.equal(numbersOfClusters(20), [2]);
  assert.equal(numbersOfClusters(100), [2, 3, 4, 6, 8, 11]);
  assert.is(numbersOfClusters(1e6).at(-1), 128);
  assert.is(
    kneeOf([
      { k: 2, distance: 1 },
      { k: 4, distance: 0.2 },
      { k: 8, distance: 0.1 },
    ]),
    1,
  );
});

clusters("of equal embeddings there is one, whatever was asked for; what cannot be is refused", async () => {
  const device = await testDevice();
  const equal = { values: new Float32Array(8 * 3).fill(2), rows: 8, dimension: 3 };
  const found = await cluster(device, equal, 3);
  assert.is(found.k, 1);
  assert.equal([...found.assignments], Array(8).fill(0));
  await rejects(cluster(device, equal, 9), ConfigError, /k is 9; .* from 1 to the 8 embeddings/);
  await rejects(cluster(device, equal, 2, { restarts: 0 }), ConfigError, /restarts are 0/);
  await rejects(clusterByRule(device, equal, {}, []), ConfigError, /no k to try/);
});

clusters("the adjusted Rand index is that of pairs counted one by one", () => {
  const a = Uint32Array.of(0, 0, 1, 1, 2, 2, 2, 0, 1, 3, 3);
  const b = Uint32Array.of(1, 1, 1, 0, 2, 2, 0, 1, 0, 0, 3);
  let [inBoth, inA, inB, all] = [0, 0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    for (let j = 0; j < i; j++) {
      const [sameA, sameB] = [Number(a[i] === a[j]), Number(b[i] === b[j])];
      inBoth += sameA * sameB;
      inA += sameA;
      inB += sameB;
      all += 1;
    }
  }
  const expected = (inBoth - (inA * inB) / all) / ((inA + inB) / 2 - (inA * inB) / all);
  assert.ok(Math.abs(adjustedRandIndex(a, b) - expected) < 1e-12);
  assert.is(
    adjustedRandIndex(
      a,
      a.map((part) => 3 - part),
    ),
    1,
  );
  assert.is(adjustedRandIndex(Uint32Array.of(0, 0), Uint32Array.of(5, 5)), 1);
  throws(() => adjustedRandIndex(a, b.subarray(1)), ShapeError, /partitions of 11 and of 10/);
});

clusters.run();
