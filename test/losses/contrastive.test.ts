import { suite } from "uvu";
import * as assert from "uvu/assert";
import { evaluate, gradientOf, passes, worstDeviation } from "../../src/doctor/check.js";
import { contrastSubject } from "../../src/doctor/contrast-checks.js";
import { ntXentInputs } from "../../src/doctor/loss-checks.js";
import { randomInputs } from "../../src/doctor/random-inputs.js";
import { relativeError } from "../../src/doctor/rounding.js";
import { Tape } from "../../src/engine/tape.js";
import type { Tensor } from "../../src/engine/tensor.js";
import { ConfigError, ShapeError } from "../../src/errors.js";
import { CONTRASTIVE_LOSSES, contrastOfRows, contrastRows, MININGS } from "../../src/losses/contrast-rows.js";
import {
  type ContrastiveLossOptions,
  contrastiveLoss,
  denseNtXent,
  marginTriplet,
  ntLogistic,
} from "../../src/losses/contrastive.js";
import { ntXent } from "../../src/losses/nt-xent.js";
import { contrastRows as contrastRowsReference } from "../../src/reference/contrast.js";
import { throws } from "../data/expect.js";
import { testDevice } from "../lib/device.js";

const contrast = suite("contrastive losses");

const settings = { temperature: 0.05, margin: 0.8, normalize: true };
const variants = CONTRASTIVE_LOSSES.flatMap((loss) =>
  MININGS.map((mining): ContrastiveLossOptions => ({ ...settings, loss, mining })),
);
const nameOf = ({ loss, mining }: ContrastiveLossOptions) => `${loss}, mining ${mining}`;

/** Loss, accuracy and gradient of these embeddings. */
async function computed(options: ContrastiveLossOptions, z: Float64Array, dimension: number) {
  const inputs = { rows: z.length / dimension, dimension, settings: options, z };
  const { loss, accuracy, dz } = await contrastSubject.compute(await testDevice(), inputs);
  return { loss: loss[0], accuracy: accuracy[0], dz };
}

for (const options of variants) {
  for (const [rows, dimension] of [
    [4, 3],
    [34, 13],
    [130, 21],
  ]) {
    contrast(`${nameOf(options)}: 2N = ${rows}, dimension ${dimension}`, async () => {
      const { z } = ntXentInputs(rows, dimension, settings.temperature);
      const inputs = { rows, dimension, settings: options, z };
      const actual = await contrastSubject.compute(await testDevice(), inputs);
      const worst = worstDeviation(
        actual,
        contrastSubject.reference(inputs, actual),
        contrastSubject.tolerance(inputs),
      );
      assert.ok(passes(worst), `off by ${worst.error}, and rounding allows ${worst.tolerance}`);
    });
  }
}

const softplus = (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

/** Losses where all similarities are 1, so that none is semi-hard. */
const collapsed: Readonly<Record<string, number>> = {
  "nt-xent, mining none": Math.log(69),
  "nt-xent, mining semi-hard": 0,
  "nt-logistic, mining none": softplus(20) + softplus(-20),
  "nt-logistic, mining semi-hard": softplus(-20),
  "margin-triplet, mining none": 0.8,
  "margin-triplet, mining semi-hard": 0,
};

for (const options of variants) {
  const name = nameOf(options);

  contrast(`${name}: collapsed embeddings give what equal similarities do, and no pair is found`, async () => {
    const row = randomInputs(31).normal(13, 1000);
    const { loss, accuracy, dz } = await computed(
      options,
      Float64Array.from({ length: 70 * 13 }, (_, i) => row[i % 13]),
      13,
    );
    // Cosines are off by some 30 roundings, and temperature 0.05 takes twenty times that.
    assert.ok(Math.abs(loss - collapsed[name]) <= 1e-4, `the loss is ${loss}, not ${collapsed[name]}`);
    assert.is(accuracy, 0);
    assert.ok(dz.every(Number.isFinite));
    if (options.mining === "semi-hard" && options.loss !== "nt-logistic") assert.ok(dz.every((value) => value === 0));
  });

  contrast(`${name}: dot products in the thousands, at temperature 0.05, are no overflow`, async () => {
    const { z } = ntXentInputs(14, 9, 0.05, 30);
    const { loss, accuracy, dz } = await computed({ ...options, normalize: false }, z, 9);
    assert.ok(Number.isFinite(loss) && loss >= 0, `the loss is ${loss}`);
    assert.ok(accuracy > 0 && accuracy <= 1);
    assert.ok(dz.every(Number.isFinite));
  });

  contrast(`${name}: an embedding that is not a number makes the loss none`, async () => {
    const { z } = ntXentInputs(10, 5, 0.5);
    const { loss } = await computed(options, z.with(7, Number.NaN), 5);
    assert.not(Number.isFinite(loss), `the loss is ${loss}`);
  });

  contrast(`${name}: the gradient is scaled by that of the loss, and the same to the bit from run to run`, async () => {
    const device = await testDevice();
    const { z: data } = ntXentInputs(10, 7, 0.5);
    const gradientWith = (seed: number) =>
      evaluate(device, (tape, input) => {
        const z = input(data, [10, 7]);
        tape.watch(z);
        tape.backward(contrastiveLoss(tape, z, options).loss, input(Float64Array.of(seed), [1]));
        return { dz: gradientOf(tape, z) };
      });
    const { dz } = await gradientWith(1);
    assert.equal(await gradientWith(1), { dz });
    // A power of two scales without rounding.
    assert.equal(await gradientWith(4), { dz: dz.map((value) => 4 * value) });
  });
}

contrast(
  "an anchor whose negatives are all nearer than the positive, or beyond the margin, has none that counts",
  async () => {
    // Anchors 0 and 2 have negatives that are nearer and ones that are too far; 1 and 3 one that counts.
    const data = Float64Array.of(1, 0.75, 0.5, -0.5, 0.75, 1, 0.125, 0.5, 0.5, 0.75, 1, -0.25, -0.5, 0.5, 0.25, 1);
    const device = await testDevice();
    for (const loss of CONTRASTIVE_LOSSES) {
      const options = { loss, temperature: 0.5, mining: "semi-hard", margin: 0.5 } as const;
      const { dSimilarities } = await evaluate(device, (tape, input) => {
        const similarities = input(data, [4, 4]);
        tape.watch(similarities);
        tape.backward(contrastRows(tape, similarities, options).loss);
        return { dSimilarities: gradientOf(tape, similarities) };
      });
      const counting = Array.from(dSimilarities.keys()).filter((i) => dSimilarities[i] > 0);
      assert.equal(counting, [1 * 4 + 2, 3 * 4 + 2], loss);
      const positives = [2, 7, 8, 13].map((i) => dSimilarities[i] < 0);
      assert.equal(positives, [loss === "nt-logistic", true, loss === "nt-logistic", true], loss);
      const { dSimilarities: expected } = contrastRowsReference(data, options);
      dSimilarities.forEach((value, i) => {
        assert.ok(Math.abs(value - expected[i]) <= 1e-6 * Math.abs(expected[i]), `${loss}, similarity ${i}`);
      });
    }
  },
);

/** Values of the losses that are recorded together. */
async function losses(record: (tape: Tape, z: Tensor) => Readonly<Record<string, Tensor>>) {
  const { z } = ntXentInputs(22, 6, 0.5);
  return evaluate(await testDevice(), (tape, input) => record(tape, input(z, [22, 6])));
}

contrast("the functions are what the configuration names, with their defaults", async () => {
  const options = { temperature: 0.2, mining: "semi-hard", margin: 0.3, normalize: true } as const;
  const { temperature, ...others } = options;
  const found = await losses((tape, z) => ({
    xent: denseNtXent(tape, z, options).loss,
    logistic: ntLogistic(tape, z, options).loss,
    triplet: marginTriplet(tape, z, others).loss,
    plain: marginTriplet(tape, z).loss,
    streamed: ntXent(tape, z, 0.2).loss,
  }));
  const expected = await losses((tape, z) => ({
    xent: contrastiveLoss(tape, z, { ...options, loss: "nt-xent" }).loss,
    logistic: contrastiveLoss(tape, z, { ...options, loss: "nt-logistic" }).loss,
    triplet: contrastiveLoss(tape, z, { ...options, loss: "margin-triplet", temperature: 0.5 }).loss,
    plain: contrastiveLoss(tape, z, { ...settings, loss: "margin-triplet", mining: "none", margin: 0.4 }).loss,
    streamed: contrastiveLoss(tape, z, { ...options, loss: "nt-xent", mining: "none" }).loss,
  }));
  assert.equal(found, expected);
  const { streamed, dense } = await losses((tape, z) => ({
    streamed: ntXent(tape, z, 0.2).loss,
    dense: denseNtXent(tape, z, { temperature: 0.2 }).loss,
  }));
  assert.ok(Math.abs(streamed[0] - dense[0]) < 1e-5);
});

contrast("plain NT-Xent is streamed, and all losses tell how the embeddings spread", async () => {
  const device = await testDevice();
  const z = device.tensor([8, 5]);
  const launched = (options: ContrastiveLossOptions) => {
    const tape = new Tape(device);
    assert.equal(contrastiveLoss(tape, z, options).spread.shape, [1]);
    return tape.launches.map(({ kernel }) => kernel.name);
  };
  const stores = (options: ContrastiveLossOptions) => launched(options).includes("contrastRows");
  assert.equal(variants.map(stores), [false, true, true, true, true, true]);
  assert.ok(stores({ ...variants[0], normalize: false }));
  device.free(z);
});

contrast("settings out of range are refused", async () => {
  const device = await testDevice();
  const z = device.tensor([4, 3]);
  const attempt = (changes: Partial<ContrastiveLossOptions>) => () =>
    contrastiveLoss(new Tape(device), z, { ...settings, loss: "nt-logistic", mining: "none", ...changes });
  for (const temperature of [0, -1, Number.NaN]) {
    throws(attempt({ temperature }), ConfigError, new RegExp(`temperature ${temperature} must be a number above 0`));
  }
  for (const margin of [-0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
    throws(attempt({ margin }), ConfigError, new RegExp(`margin ${margin} must be a number from 0 up`));
  }
  throws(attempt({ mining: "semi-hard", margin: 0 }), ConfigError, /margin 0 leaves no semi-hard negatives/);
  device.free(z);
});

contrast("rows without partners or negatives are refused", async () => {
  const device = await testDevice();
  for (const rows of [1, 2, 5]) {
    const z = device.tensor([rows, 3], undefined, "embeddings");
    throws(() => marginTriplet(new Tape(device), z), ShapeError, new RegExp(`embeddings \\[${rows}, 3\\] must hold`));
    device.free(z);
  }
  const pairs = device.tensor([4, 6], undefined, "pairs");
  const options = { ...settings, loss: "nt-xent", mining: "none" } as const;
  throws(() => contrastRows(new Tape(device), pairs, options), ShapeError, /pairs \[4, 6\] must compare all pairs/);
  device.free(pairs);
});

contrast("similarities are there for some anchors at a time, and come to the same", async () => {
  const device = await testDevice();
  const { z: data } = ntXentInputs(22, 6, 0.5);
  for (const options of variants) {
    const inRuns = (most?: number) =>
      evaluate(device, (tape, input) => {
        const z = input(data, [22, 6]);
        tape.watch(z);
        const { loss, accuracy } = contrastOfRows(tape, z, options, most);
        tape.backward(loss);
        return { loss, accuracy, dz: gradientOf(tape, z) };
      });
    const [whole, parts] = [await inRuns(), await inRuns(7)];
    assert.equal([parts["loss"], parts["accuracy"]], [whole["loss"], whole["accuracy"]]);
    const largest = Math.max(...whole["dz"].map(Math.abs));
    // Sums over 22 rows in another order.
    const close = (value: number, i: number) => Math.abs(value - whole["dz"][i]) <= 2 * relativeError(22) * largest;
    assert.ok(parts["dz"].every(close), nameOf(options));
  }
});

contrast.run();
