import { suite } from "uvu";
import * as assert from "uvu/assert";
import { NO_LABEL, propagate } from "../../src/embeddings/propagate.js";
import { selectDiverse, selectOutliers, selectToLabel } from "../../src/embeddings/select.js";
import { ConfigError } from "../../src/errors.js";
import type { Features } from "../../src/evaluation/embed.js";
import { rejects } from "../data/expect.js";
import { testDevice } from "../lib/device.js";
import { cosine, groupedFeatures, randomFeatures } from "./plain.js";

const labels = suite("labels from a few, and what to choose");

/** Solves a x = b for several columns of b by Gauss and Jordan's elimination. */
function solve(a: number[][], b: number[][]): number[][] {
  const rows = a.map((row, i) => [...row, ...b[i]]);
  for (let i = 0; i < rows.length; i++) {
    const pivot = rows.findIndex((row, j) => j >= i && Math.abs(row[i]) > 1e-9);
    [rows[i], rows[pivot]] = [rows[pivot], rows[i]];
    rows[i] = rows[i].map((value) => value / rows[i][i]);
    for (let j = 0; j < rows.length; j++)
      if (j !== i) rows[j] = rows[j].map((value, c) => value - rows[j][i] * rows[i][c]);
  }
  return rows.map((row) => row.slice(a.length));
}

/** Label spreading with matrices as the articles write them. */
function plainSpread(features: Features, known: Uint32Array, classes: number, k: number, alpha: number): number[][] {
  const { rows } = features;
  const all = Array.from({ length: rows }, (_, i) =>
    Array.from({ length: rows }, (_, j) => 1 - cosine(features, i, j)),
  );
  const near = all.map((row, i) =>
    [...row.keys()]
      .filter((j) => j !== i)
      .sort((a, b) => row[a] - row[b])
      .slice(0, k),
  );
  const scale = near.map((own, i) => all[i][own[Math.min(6, k - 1)]]);
  const weights = all.map((row, i) =>
    row.map((x, j) => (near[i].includes(j) || near[j].includes(i) ? Math.exp(-x / Math.sqrt(scale[i] * scale[j])) : 0)),
  );
  const sums = weights.map((row) => row.reduce((a, b) => a + b, 0));
  const system = weights.map((row, i) =>
    row.map((weight, j) => (i === j ? 1 : 0) - (alpha * weight) / Math.sqrt(sums[i] * sums[j])),
  );
  const counts = Array.from({ length: classes }, (_, c) => known.filter((label) => label === c).length);
  const given = Array.from(known, (label) => counts.map((count, c) => (label === c ? (1 - alpha) / count : 0)));
  return solve(system, given);
}

labels("spread over the graph as the linear system says", async () => {
  const features = randomFeatures(61, 5, 8);
  const known = new Uint32Array(61).fill(NO_LABEL);
  for (const [row, label] of [
    [3, 0],
    [17, 1],
    [44, 2],
    [58, 1],
  ])
    known[row] = label;
  const found = await propagate(await testDevice(), features, known, 3, { k: 9 });
  const scores = plainSpread(features, known, 3, 9, 0.9);
  scores.forEach((own, row) => {
    if (known[row] !== NO_LABEL) {
      assert.equal([found.predictions[row], found.confidences[row], found.margins[row]], [known[row], 1, 1]);
      return;
    }
    const sum = own.reduce((a, b) => a + b, 0);
    const [first, second] = own.toSorted((a, b) => b - a);
    // It stops where a round changes a millionth of the largest score, and nine times that may be left; small sums magnify it.
    const tolerance = (2e-5 * Math.max(...scores.flat())) / sum;
    assert.ok(Math.abs(found.confidences[row] - first / sum) <= tolerance, `row ${row}`);
    assert.ok(Math.abs(found.margins[row] - (first - second) / sum) <= 2 * tolerance);
    if (first - second > tolerance * sum) assert.is(found.predictions[row], own.indexOf(first));
  });
});

labels("go from one to its whole group, by either method, and a wrong one is found", async () => {
  const device = await testDevice();
  const features = groupedFeatures(90, 12, 3, 0.2, 4);
  const known = new Uint32Array(90).fill(NO_LABEL);
  for (const row of [0, 1, 2, 30, 31, 32]) known[row] = row % 3;
  for (const method of ["graph", "regression"] as const) {
    const { predictions, contradicted } = await propagate(device, features, known, 3, { method });
    assert.equal(
      [...predictions],
      Array.from({ length: 90 }, (_, row) => row % 3),
    );
    assert.equal(contradicted, []);
  }
  known[3] = 1;
  const { contradicted } = await propagate(device, features, known, 3);
  assert.equal(contradicted, [{ row: 3, prediction: 0 }]);

  // A group without a label that has no neighbours in the others.
  const some = known.map((label) => (label === 2 ? NO_LABEL : label));
  const { predictions, confidences } = await propagate(device, features, some, 2, { k: 5 });
  assert.equal([predictions[5], confidences[5]], [NO_LABEL, 0]);

  await rejects(propagate(device, features, known.subarray(1), 3), ConfigError, /89 labels for 90/);
  await rejects(propagate(device, features, known, 2), ConfigError, /label 2, of 2 classes/);
  await rejects(
    propagate(device, features, new Uint32Array(90).fill(NO_LABEL), 2),
    ConfigError,
    /no photograph has a label/,
  );
  await rejects(propagate(device, features, known, 3, { alpha: 1 }), ConfigError, /alpha is 1/);
});

labels("the most diverse are each the farthest from those before", async () => {
  const device = await testDevice();
  const features = randomFeatures(97, 5, 6);
  const found = await selectDiverse(device, features, 20);
  assert.is(found.length, 20);
  for (let i = 1; i < found.length; i++) {
    const before = found.slice(0, i).map(({ row }) => row);
    const distances = Array.from(
      { length: 97 },
      (_, row) => 1 - Math.max(...before.map((other) => cosine(features, row, other))),
    );
    const most = Math.max(...distances);
    assert.ok(distances[found[i].row] >= most - 2e-6);
    assert.ok(Math.abs(found[i].score - most) <= 2e-6);
  }
  // The first is the nearest to the mean direction.
  const mean = new Float32Array(5);
  for (let row = 0; row < 97; row++) {
    const own = features.values.subarray(row * 5, (row + 1) * 5);
    own.forEach((value, d) => {
      mean[d] += value / Math.hypot(...own);
    });
  }
  const withMean = { values: Float32Array.of(...features.values, ...mean), rows: 98, dimension: 5 };
  const typical = Array.from({ length: 97 }, (_, row) => cosine(withMean, row, 97));
  assert.is(found[0].row, typical.indexOf(Math.max(...typical)));

  const equal = {
    values: Float32Array.from({ length: 30 }, (_, i) => (i % 6 < 3 ? 1 : (i % 3) - 1)),
    rows: 10,
    dimension: 3,
  };
  // There are two kinds of them.
  assert.is((await selectDiverse(device, equal, 7)).length, 2);
  await rejects(selectDiverse(device, equal, 0), ConfigError, /number to select is 0/);
});

labels("an outlier is found, and one of each group to label", async () => {
  const device = await testDevice();
  const features = groupedFeatures(120, 12, 4, 0.2, 9);
  for (let d = 0; d < 12; d++) features.values[77 * 12 + d] = d % 2 === 0 ? 3 : -3;
  const [outlier] = await selectOutliers(device, features, 5);
  const distances = Array.from({ length: 120 }, (_, row) => 1 - cosine(features, 77, row)).sort((a, b) => a - b);
  assert.is(outlier.row, 77);
  // Itself comes first.
  assert.ok(Math.abs(outlier.score - distances.slice(1, 11).reduce((a, b) => a + b, 0) / 10) < 1e-5);

  const groups = (await selectToLabel(device, features, 4)).map(({ row }) => row % 4);
  assert.equal(groups.sort(), [0, 1, 2, 3]);
  // Of those with a label there is no more need of one.
  const others = (await selectToLabel(device, features, 2, [0, 2])).map(({ row }) => row % 4);
  assert.equal(others.sort(), [1, 3]);
});

labels.run();
