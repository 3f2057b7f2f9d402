import { suite } from "uvu";
import * as assert from "uvu/assert";
import { randomInputs } from "../../src/doctor/random-inputs.js";
import { expRoundings, ROUNDINGS, relativeError, UNIT } from "../../src/doctor/rounding.js";
import { ConfigError, ShapeError } from "../../src/errors.js";
import type { Features } from "../../src/evaluation/embed.js";
import {
  alignment,
  effectiveRank,
  qualityIndicators,
  standardDeviation,
  uniformity,
} from "../../src/evaluation/indicators.js";
import * as reference from "../../src/reference/indicators.js";
import { rejects } from "../data/expect.js";
import { testDevice } from "../lib/device.js";
import { loadCase } from "../reference/goldens.js";

const indicators = suite("quality indicators");

function features(values: Float64Array, dimension: number): Features {
  return { values: Float32Array.from(values), rows: values.length / dimension, dimension };
}

function assertNear(found: number, expected: number, allowed: number, what: string): void {
  assert.ok(Math.abs(found - expected) <= allowed, `${what} is ${found}, not ${expected} +- ${allowed}`);
}

/** Relative error of a row of length 1: half a sum of squares, a root and a division. */
function unitError(dimension: number): number {
  return relativeError((dimension + 1) / 2 + ROUNDINGS.sqrt + ROUNDINGS.division);
}

function alignmentError(value: number, rows: number, dimension: number): number {
  // Each distance is off by the errors of two rows; the mean distance is at most the root of the mean square.
  const error = 2 * unitError(dimension);
  return 2 * Math.sqrt(value) * error + error * error + value * relativeError(dimension + rows + 10);
}

function uniformityError(rows: number, dimension: number): number {
  // The exponent is 4 similarities of two rows less 4, from -8 to 0; its error and that of the sum are the logarithm's.
  const similarity = relativeError(dimension + 1) + 2 * unitError(dimension);
  return 4 * similarity + relativeError(expRoundings(8) + 3 * 8 + rows);
}

function deviationError(rows: number, dimension: number): number {
  // Of values up to 1: what they are off by themselves, and by the sums of their means and squares.
  return unitError(dimension) + relativeError(rows + 30);
}

/** How far the effective rank may be off for rows with these singular values. */
function rankError(singularValues: Float64Array, values: Float32Array, dimension: number): number {
  const sum = singularValues.reduce((total, value) => total + value, 0);
  const variance = singularValues.reduce((total, value) => total + value * value, 0);
  // Of each product, at most 2^-7 of a column's largest value times another value is rounded, in sums of up to 512. The size
  // of that, over all pairs of columns, is at most (Cauchy and Schwarz):
  const rows = values.length / dimension;
  let reaches = 0;
  for (let c = 0; c < dimension; c++) {
    const column = Array.from({ length: rows }, (_, row) => values[row * dimension + c]);
    reaches += (Math.max(...column) - Math.min(...column)) ** 2;
  }
  const size = 2 * 2 ** -7 * Math.sqrt(rows * reaches * variance);
  // No eigenvalue moves further than the matrix (Weyl); what is below a share of 2^-28 counts as zero.
  const moved = relativeError(Math.min(rows, 512) + 4) * size + 2 ** -28 * variance;
  const errors = singularValues.map((value) => Math.min(Math.sqrt(moved), value > 0 ? moved / value : Infinity));
  const total = errors.reduce((all, error) => all + error, 0);
  const term = (share: number) => (share > 0 ? -share * Math.log(share) : 0);
  let entropy = 0;
  singularValues.forEach((value, i) => {
    const share = value / sum;
    const reach = (errors[i] + share * total) / sum;
    entropy += Math.max(
      Math.abs(term(share + reach) - term(share)),
      Math.abs(term(Math.max(0, share - reach)) - term(share)),
    );
  });
  return reference.effectiveRankOf(singularValues) * Math.expm1(entropy);
}

for (const name of [
  "random",
  "views alike",
  "two rows",
  "one column",
  "few directions",
  "collapsed",
  "wide and off centre",
]) {
  indicators(`PyTorch's values: ${name}`, async () => {
    const golden = await loadCase("indicators", name);
    const device = await testDevice();
    const dimension = golden.number("dimension");
    const first = features(golden.floats("first"), dimension);
    const second = features(golden.floats("second"), dimension);
    const { rows } = first;
    const [aligned] = golden.floats("alignment");
    assertNear(await alignment(device, first, second), aligned, alignmentError(aligned, rows, dimension), "alignment");
    for (const [i, view] of [first, second].entries()) {
      const expected = golden.floats("uniformity")[i];
      const allowed = uniformityError(rows, dimension) + UNIT * Math.abs(expected);
      assertNear(await uniformity(device, view), expected, allowed, `uniformity of view ${i}`);
    }
    const [deviation] = golden.floats("standardDeviation");
    assertNear(await standardDeviation(device, first), deviation, deviationError(rows, dimension), "deviation");
    const rank = await effectiveRank(device, first);
    if (name === "collapsed") assert.is(rank, 0);
    else {
      const allowed = rankError(golden.floats("singularValues"), first.values, dimension);
      assertNear(rank, golden.floats("effectiveRank")[0], allowed + UNIT * rank, "effective rank");
    }
  });
}

/** More rows than are compared or multiplied at once, in directions of very different extent, far from the origin. */
function manyRows(seed: number): Float64Array {
  const random = randomInputs(seed);
  return random.normal(600 * 20).map((value, i) => Math.fround(3 + value * 0.8 ** (i % 20)));
}

indicators("of more rows than go at once are the references'", async () => {
  const device = await testDevice();
  const [a, b] = [manyRows(30), manyRows(31)];
  const [first, second] = [features(a, 20), features(b, 20)];
  const found = await qualityIndicators(device, first, second);
  const aligned = reference.alignment(a, b, 20);
  assertNear(found.alignment, aligned, alignmentError(aligned, 600, 20), "alignment");
  const mean = (of: (x: Float64Array) => number) => (of(a) + of(b)) / 2;
  const uniform = mean((x) => reference.uniformity(x, 20));
  assertNear(found.uniformity, uniform, uniformityError(600, 20), "uniformity");
  const values = [a, b].map((x) => reference.centredSingularValues(x, 20));
  const rank = (reference.effectiveRankOf(values[0]) + reference.effectiveRankOf(values[1])) / 2;
  assertNear(found.effectiveRank, rank, rankError(values[0], first.values, 20), "effective rank");
});

indicators("of tensors are those of host memory, and nothing is left behind", async () => {
  const device = await testDevice();
  const [first, second] = [features(manyRows(30), 20), features(manyRows(31), 20)];
  const tensors = [first, second].map(({ values }) => device.tensor([600, 20], values));
  const expected = await qualityIndicators(device, first, second);
  assert.equal(await qualityIndicators(device, tensors[0], tensors[1]), expected);
  // The buffers that results are read through stay, for the next ones.
  const before = device.memory.currentBytes;
  assert.equal(await qualityIndicators(device, first, tensors[1]), expected);
  assert.is(device.memory.currentBytes, before);
  for (const tensor of tensors) device.free(tensor);
});

indicators("rounding adds no dimensions to rows that have few", async () => {
  const device = await testDevice();
  const random = randomInputs(32);
  for (const [rank, dimension] of [
    [1, 128],
    [3, 128],
    [2, 5],
  ]) {
    const directions = random.normal(rank * dimension);
    const values = new Float64Array(700 * dimension);
    for (let row = 0; row < 700; row++) {
      const shares = random.normal(rank);
      for (let i = 0; i < rank * dimension; i++) {
        values[row * dimension + (i % dimension)] += shares[Math.floor(i / dimension)] * directions[i];
      }
    }
    const found = await effectiveRank(device, features(values, dimension));
    // The entropy of so many shares is at most their number's logarithm; these differ little.
    assert.ok(found <= rank + 1e-9 && found > 0.9 * rank, `rank ${rank} of ${dimension}: ${found}`);
  }
});

indicators("of known points: one, two opposite ones, axes, and any scale", async () => {
  const device = await testDevice();
  const same = features(new Float64Array(12).fill(0.3), 4);
  const { alignment: aligned, uniformity: uniform, ...spread } = await qualityIndicators(device, same, same);
  assert.is(aligned, 0);
  assertNear(uniform, 0, uniformityError(3, 4), "uniformity of a point");
  assertNear(spread.standardDeviation, 0, deviationError(3, 4), "deviation of a point");
  assert.is(spread.effectiveRank, 0);

  const opposite = features(Float64Array.of(3, 0, -5, 0), 2);
  assertNear(await uniformity(device, opposite), -8, uniformityError(2, 2), "uniformity of opposite points");
  const swapped = features(Float64Array.of(-3, 0, 5, 0), 2);
  assertNear(await alignment(device, opposite, swapped), 4, alignmentError(4, 2, 2), "alignment of opposite points");

  // Both ends of four axes: mean zero, and all singular values are equal.
  const axes = Float64Array.from({ length: 8 * 4 }, (_, i) => {
    const [row, column] = [Math.floor(i / 4), i % 4];
    return row % 4 === column ? (row < 4 ? 1 : -1) : 0;
  });
  for (const scale of [1, 1e-25, 1e25]) {
    const found = await effectiveRank(
      device,
      features(
        axes.map((value) => value * scale),
        4,
      ),
    );
    assertNear(found, 4, 1e-9, `effective rank at scale ${scale}`);
  }
});

indicators("refuse rows without a pair, a single row, and tensors that are not there", async () => {
  const device = await testDevice();
  const [three, four] = [features(new Float64Array(12), 4), features(new Float64Array(16), 4)];
  await rejects(alignment(device, three, four), ConfigError, /3 x 4 and 4 x 4/);
  await rejects(alignment(device, three, features(new Float64Array(12), 3)), ConfigError, /3 x 4 and 4 x 3/);
  const one = features(new Float64Array(4), 4);
  for (const indicator of [uniformity, standardDeviation, effectiveRank]) {
    await rejects(indicator(device, one), ConfigError, /1 embeddings/);
  }
  const vector = device.tensor([4]);
  await rejects(uniformity(device, vector), ShapeError, /two dimensions/);
  device.free(vector);
});

indicators.run();
