import { suite } from "uvu";
import * as assert from "uvu/assert";
import { randomInputs } from "../../src/doctor/random-inputs.js";
import { expRoundings, relativeError } from "../../src/doctor/rounding.js";
import { ConfigError } from "../../src/errors.js";
import type { LabelledFeatures } from "../../src/evaluation/linear-probe.js";
import { L2_GRID, logisticRegression, searchLogisticRegression } from "../../src/evaluation/logistic-regression.js";
import { logisticRegression as reference, standardizeColumns } from "../../src/reference/logistic-regression.js";
import { rejects } from "../data/expect.js";
import { testDevice } from "../lib/device.js";
import { loadCase } from "../reference/goldens.js";

const regression = suite("logistic regression by L-BFGS");

function labelled(x: Float64Array, labels: Uint32Array): LabelledFeatures {
  const dimension = x.length / labels.length;
  return { features: { values: Float32Array.from(x), rows: labels.length, dimension }, labels };
}

/** How far an element of the device's gradient may be off from the reference's. */
function gradientError(x: Float64Array, raw: Float64Array, weight: Float64Array, bias: Float64Array): number {
  const dimension = weight.length / bias.length;
  const rows = x.length / dimension;
  const largest = (values: Float64Array) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  // A column's mean may be many standard deviations from zero: it is off by as many roundings as the sum has terms, of it.
  let centers = 0;
  for (let c = 0; c < dimension; c++) {
    const column = Float64Array.from({ length: rows }, (_, row) => raw[row * dimension + c]);
    const mean = column.reduce((sum, value) => sum + value / rows, 0);
    const deviation = Math.sqrt(column.reduce((sum, value) => sum + (value - mean) ** 2 / rows, 0));
    centers = Math.max(centers, largest(column) / deviation);
  }
  const value = largest(x);
  const valueError = relativeError(rows + 20) * (centers + value);
  let logit = 0;
  for (let c = 0; c < bias.length; c++) {
    let sum = Math.abs(bias[c]);
    for (let i = 0; i < dimension; i++) sum += Math.abs(weight[i * bias.length + c]);
    logit = Math.max(logit, sum * Math.max(value, 1));
  }
  const logitError = relativeError(dimension + 2) * logit + (valueError / Math.max(value, 1)) * logit;
  // A probability moves by at most half of what its logits do; then the mean of products with the values.
  const shareError = logitError + relativeError(expRoundings(2 * logit) + bias.length + 8);
  return Math.max(value, 1) * (shareError + relativeError(rows + 8)) + valueError;
}

for (const name of ["three classes", "two classes, one column", "separable", "strong penalty", "weak penalty"]) {
  regression(`PyTorch's minimum: ${name}`, async () => {
    const golden = await loadCase("logistic-regression", name);
    const [dimension, classes, l2] = ["dimension", "classes", "l2"].map((setting) => golden.number(setting));
    const raw = golden.floats("x");
    const labels = Uint32Array.from(golden.integers("labels"));
    const train = labelled(raw, labels);
    const tolerance = 1e-4;
    const found = await logisticRegression(await testDevice(), train, train, classes, { l2, tolerance });
    assert.ok(found.converged && found.gradientNorm <= tolerance, `${found.gradientNorm}, ${found.iterations}`);

    const x = standardizeColumns(raw, dimension);
    const [weight, bias] = [found.weight, found.bias].map((values) => Float64Array.from(values));
    const at = reference({ x, labels, dimension, classes, l2 }, weight, bias);
    const size = weight.length + bias.length;
    const error = gradientError(x, raw, weight, bias) * Math.sqrt(size);
    const slope = Math.hypot(...at.dWeight, ...at.dBias);
    assert.ok(slope <= tolerance + error, `the gradient is ${slope}, of which rounding explains ${error}`);
    // A convex function lies above its tangents: it is higher than its minimum by the slope times the distance at most.
    const [minimum] = golden.floats("minimum");
    const distance = Math.hypot(
      ...golden.floats("weight").map((value, i) => value - weight[i]),
      ...golden.floats("bias").map((value, i) => value - bias[i]),
    );
    const allowed = (tolerance + error) * distance + 2 ** -24 * minimum;
    assert.ok(Math.abs(at.objective - minimum) <= allowed, `${at.objective}, ${minimum} +- ${allowed}`);
    // What the penalty's curvature leaves of the distance of the weights, by the slope.
    const off = Math.hypot(...golden.floats("weight").map((value, i) => value - weight[i]));
    assert.ok(l2 * off * off <= (tolerance + error) * distance, `the weights are ${off} away`);
    // The device's value: the mean of losses whose logits may be off.
    assert.ok(Math.abs(found.objective - at.objective) <= 2 * error + 2 ** -20 * at.objective, `${found.objective}`);
    assert.is(found.trainAccuracy, found.testAccuracy);
    if (name === "separable") assert.is(found.trainAccuracy, 1);
  });
}

/** Three clouds in so many dimensions, of which the first three tell them apart. */
function clouds(seed: number, rows: number, dimension: number, distance: number): LabelledFeatures {
  const random = randomInputs(seed);
  const labels = Uint32Array.from({ length: rows }, (_, i) => i % 3);
  const x = random
    .normal(rows * dimension)
    .map((value, i) => value + (i % dimension === labels[Math.floor(i / dimension)] ? distance : 0));
  return labelled(x, labels);
}

regression("does the same again to the bit, and no worse for being cut short", async () => {
  const device = await testDevice();
  const [train, test] = [clouds(1, 90, 8, 1.5), clouds(2, 60, 8, 1.5)];
  const once = await logisticRegression(device, train, test, 3);
  assert.equal(await logisticRegression(device, train, test, 3), once);
  assert.ok(once.testAccuracy > 0.5 && once.converged);
  const short = await logisticRegression(device, train, test, 3, { maxIterations: 2 });
  assert.equal([short.converged, short.iterations], [false, 2]);
  assert.ok(short.objective > once.objective && short.objective < Math.log(3));
});

regression("a search finds the penalty that the validation rows like, and uses all rows for it", async () => {
  const device = await testDevice();
  // Many columns that mean nothing, and few rows: hardly any penalty learns the noise, and too much of it learns nothing.
  const [train, test] = [clouds(3, 90, 60, 1.5), clouds(4, 300, 60, 1.5)];
  const l2s = [1e-6, 1e-3, 3e-1, 1e5];
  const found = await searchLogisticRegression(device, train, test, 3, { l2s, validationShare: 0.3 });
  assert.equal(
    found.validation.map(({ l2 }) => l2),
    [1e5, 3e-1, 1e-3, 1e-6],
  );
  const best = found.validation.reduce((a, b) => (b.accuracy > a.accuracy ? b : a));
  assert.is(found.l2, best.l2);
  assert.is(found.l2, 3e-1);
  const alone = await logisticRegression(device, train, test, 3, { l2: found.l2 });
  assert.is(found.testAccuracy, alone.testAccuracy);
  // Two points with gradients g of a function whose curvature is l2 or more are at most 2 g / l2 apart.
  found.weight.forEach((value, i) => {
    assert.ok(
      Math.abs(value - alone.weight[i]) <= (2 * 1.1e-4) / found.l2,
      `weight ${i}: ${value}, ${alone.weight[i]}`,
    );
  });
});

regression("the penalties of the paper", () => {
  assert.is(L2_GRID.length, 45);
  assert.ok(Math.abs(L2_GRID[0] - 1e-6) < 1e-18 && Math.abs(L2_GRID[44] - 1e5) < 1e-7);
  L2_GRID.slice(1).forEach((l2, i) => {
    assert.ok(Math.abs(Math.log10(l2 / L2_GRID[i]) - 0.25) < 1e-12);
  });
});

regression("refuses what cannot be learned or does not fit together", async () => {
  const device = await testDevice();
  const before = device.memory.currentBytes;
  const good = clouds(5, 9, 4, 1);
  const { features } = good;
  const other = labelled(new Float64Array(6), Uint32Array.of(0, 1));
  const one = { features, labels: new Uint32Array(9).fill(1) };
  const broken = {
    ...good,
    features: { ...features, values: features.values.map((v, i) => (i === 7 ? Number.NaN : v)) },
  };
  const refused: [Promise<unknown>, ...RegExp[]][] = [
    [logisticRegression(device, good, good, 1), /two classes at least/],
    [logisticRegression(device, one, good, 3), /9 images of 1 of 3 classes/],
    [logisticRegression(device, good, good, 2), /label 2, of 2 classes/],
    [logisticRegression(device, good, other, 3), /4 dimensions and test images 3/],
    [logisticRegression(device, good, { features, labels: Uint32Array.of(1) }, 3), /1 labels for 9 test images/],
    [logisticRegression(device, broken, good, 3), /training images hold values that are not finite/],
    [logisticRegression(device, good, good, 3, { l2: -1 }), /l2 is -1/],
    [searchLogisticRegression(device, good, good, 3, { l2s: [] }), /no penalty/],
    [searchLogisticRegression(device, good, good, 3, { l2s: [1, Number.NaN] }), /l2 is NaN/],
    [searchLogisticRegression(device, good, good, 3, { validationShare: 0.01 }), /leaves none for validation/],
  ];
  for (const [promise, ...patterns] of refused) await rejects(promise, ConfigError, ...patterns);
  assert.is(device.memory.currentBytes, before, "nothing is left behind");
});

regression.run();
