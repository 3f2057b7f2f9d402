import { suite } from "uvu";
import * as assert from "uvu/assert";
import { evaluate, gradientOf } from "../../src/doctor/check.js";
import { ntXentInputs } from "../../src/doctor/loss-checks.js";
import { randomInputs } from "../../src/doctor/random-inputs.js";
import { relativeError } from "../../src/doctor/rounding.js";
import { planMemory } from "../../src/engine/planner.js";
import { Tape } from "../../src/engine/tape.js";
import { Tensor } from "../../src/engine/tensor.js";
import { ConfigError, ShapeError } from "../../src/errors.js";
import { decodeSafetensors } from "../../src/io/safetensors.js";
import { contrast } from "../../src/losses/contrast.js";
import { contrastiveLoss } from "../../src/losses/contrastive.js";
import { debiased } from "../../src/losses/debiased.js";
import { weightedDecoupled } from "../../src/losses/decoupled.js";
import { negativeLogSumExpInPanels } from "../../src/losses/log-sum-exp.js";
import type { NtXent } from "../../src/losses/nt-xent.js";
import { pairLogits } from "../../src/losses/pair-logits.js";
import { viewGroups } from "../../src/losses/view-groups.js";
import { mean } from "../../src/ops/elementwise.js";
import { matmul } from "../../src/ops/matmul.js";
import { throws } from "../data/expect.js";
import { testDevice } from "../lib/device.js";
import { loadGoldenBytes } from "../lib/golden.js";
import { type GoldenCase, loadCase } from "../reference/goldens.js";

const negatives = suite("losses that choose or weigh negatives");

/** How often the largest of the 64 deviations that PyTorch's own float32 showed may be exceeded: see test/training/trajectory.node.test.ts. */
const SPREAD = 4;

/**
 * Roundoffs that WGSL's exp(x) may be off by beside PyTorch's, 6 + 4 |x|, as the mean over probabilities exp(x) of so many candidates:
 * the mean of |x| is their entropy, and at most the logarithm of their number.
 */
const exponentials = (candidates: number) => relativeError(6 + 4 * Math.log(candidates));

type Loss = (tape: Tape, z: Tensor, images: number, golden: Pick<GoldenCase, "number">) => Record<string, Tensor>;

/** The losses of `negatives.safetensors`. */
const LOSSES: Readonly<Record<string, Loss>> = {
  decoupled(tape, z, images, golden) {
    const anchors = { z, groups: viewGroups(tape, images, z.shape[0] / images) };
    const keys = { ...anchors, same: "attracted", other: "negative" } as const;
    const { loss, accuracy } = contrast(tape, anchors, [keys], { temperature: golden.number("temperature") });
    return { value: loss, accuracy };
  },
  "decoupled-weighted"(tape, z, images, golden) {
    const options = { temperature: golden.number("temperature"), sigma: golden.number("sigma") };
    const { loss, accuracy } = weightedDecoupled(tape, z, images, options);
    return { value: loss, accuracy };
  },
  debiased(tape, z, images, golden) {
    const options = { temperature: golden.number("temperature"), classPrior: golden.number("prior") };
    const { loss, accuracy, clamped } = debiased(tape, z, images, options);
    return { value: loss, accuracy, clamped };
  },
  hard: (tape, z, images, golden) => hard(tape, z, images, golden),
  harder: (tape, z, images, golden) => hard(tape, z, images, golden),
};

const hard: Loss = (tape, z, images, golden) => {
  const options = { temperature: golden.number("temperature"), classPrior: golden.number("prior") };
  const { loss, accuracy, clamped } = debiased(tape, z, images, { ...options, hardness: golden.number("beta") });
  return { value: loss, accuracy, clamped };
};

const SIZES = [
  "2 views of 4 images, temperature 0.5",
  "2 views of 7 images, temperature 0.05",
  "3 views of 5 images, temperature 0.5",
  "3 views of 5 images, temperature 0.05",
  "2 views of 5 images, temperature 0.5, ties and zeros",
];
const CASES = Object.keys(LOSSES).flatMap((loss) => SIZES.map((sizes) => `${loss}, ${sizes}`));

for (const name of CASES) {
  negatives(`PyTorch's ${name}`, async () => {
    const golden = await loadCase("negatives", name);
    const [rows, dimension] = golden.shape("z");
    const actual = await evaluate(await testDevice(), (tape, input) => {
      const z = input(golden.floats("z"), [rows, dimension]);
      tape.watch(z);
      const found = LOSSES[golden.text("loss")](tape, z, golden.number("images"), golden);
      tape.backward(found["value"]);
      return { ...found, gradient: gradientOf(tape, z) };
    });
    for (const [output, found] of Object.entries(actual)) {
      const expected = golden.floats(output);
      const deviation = golden.under("deviation").get(output);
      const deviations = deviation ? golden.floats(deviation) : Float64Array.of(0);
      assert.is(found.length, expected.length, output);
      expected.forEach((value, i) => {
        const row = Math.floor((i * deviations.length) / expected.length);
        const size = output === "gradient" ? golden.floats("size")[row] : Math.abs(value);
        const tolerance = SPREAD * deviations[row] + exponentials(rows) * size;
        const close = Math.abs(found[i] - value) <= tolerance;
        assert.ok(close, `${output}[${i}] is ${found[i]}, PyTorch's is ${value} +- ${tolerance}`);
      });
    }
  });
}

negatives("no golden case is left out", async () => {
  const { metadata } = decodeSafetensors(await loadGoldenBytes("negatives.safetensors"));
  assert.equal(JSON.parse(metadata["cases"]), CASES);
});

/** Loss, accuracy and gradient of what some embeddings are multiplied to. */
async function computed(
  rows: number,
  dimension: number,
  z: Float64Array,
  loss: (tape: Tape, z: Tensor) => Record<string, Tensor>,
) {
  const weights = randomInputs(3).normal(dimension * dimension);
  return evaluate(await testDevice(), (tape, input) => {
    const x = input(z, [rows, dimension]);
    tape.watch(x);
    const found = loss(tape, matmul(tape, x, input(weights, [dimension, dimension])));
    tape.backward(found["loss"]);
    return { ...found, gradient: gradientOf(tape, x) };
  });
}

function expectNear(actual: Float64Array, expected: Float64Array, share: number, what: string): void {
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  actual.forEach((value, i) => {
    const close = Math.abs(value - expected[i]) <= share * largest;
    assert.ok(close, `${what}[${i}] is ${value}, not ${expected[i]}, of up to ${largest}`);
  });
}

for (const views of [2, 3]) {
  negatives(
    `without a prior and hardness, ${views} views of many images have NT-Xent, above 128 dimensions too`,
    async () => {
      for (const [images, dimension] of [
        [37, 20],
        [9, 132],
      ]) {
        const rows = views * images;
        const { z } = ntXentInputs(4 * Math.ceil(rows / 4), dimension, 0.1);
        const own = z.subarray(0, rows * dimension);
        const plain = await computed(rows, dimension, own, (tape, y) => {
          const { loss, accuracy, spread } = debiased(tape, y, images, { temperature: 0.1, classPrior: 0 });
          return { loss, accuracy, spread };
        });
        const expected = await computed(rows, dimension, own, (tape, y) => {
          const anchors = { z: y, groups: viewGroups(tape, images, views) };
          const keys = { ...anchors, same: "positive", other: "negative" } as const;
          const { loss, accuracy, spread } = contrast(tape, anchors, [keys], { temperature: 0.1 });
          return { loss, accuracy, spread };
        });
        assert.equal(plain["accuracy"], expected["accuracy"]);
        for (const output of ["loss", "spread", "gradient"]) expectNear(plain[output], expected[output], 1e-5, output);
      }
    },
  );
}

negatives("log-sum-exps come in panels, and gradients of any sign go back", async () => {
  const [rows, dimension, images] = [26, 9, 13];
  const { z } = ntXentInputs(rows, dimension, 0.5);
  const inPanels = (columns: number) =>
    computed(rows, dimension, z, (tape, y) => {
      const { lse, largest } = negativeLogSumExpInPanels(tape, y, viewGroups(tape, images), 0.5, columns);
      const weights = tape.device.tensor(
        [rows, 1],
        Float32Array.from({ length: rows }, (_, row) => (row % 5) - 2),
      );
      return { loss: mean(tape, matmul(tape, lse.view([1, rows]), weights)), lse, largest };
    });
  const [whole, parts] = [await inPanels(64), await inPanels(7)];
  for (const output of ["lse", "largest", "gradient"]) expectNear(parts[output], whole[output], 1e-5, output);
});

negatives("whatever the negatives, memory does not grow with the square of the batch", async () => {
  const device = await testDevice();
  const semiHard = { loss: "nt-xent", mining: "semi-hard", margin: 0.4, temperature: 0.5, normalize: true } as const;
  const settings = { temperature: 0.5, classPrior: 0.1, hardness: 1 };
  const memory: Readonly<Record<string, (tape: Tape, z: Tensor, images: number) => NtXent>> = {
    "decoupled-weighted": (tape, z, images) => weightedDecoupled(tape, z, images, { temperature: 0.1, sigma: 0.5 }),
    hard: (tape, z, images) => debiased(tape, z, images, settings),
    "semi-hard": (tape, z) => contrastiveLoss(tape, z, semiHard),
  };
  for (const [name, loss] of Object.entries(memory)) {
    const bytes = (rows: number) => {
      const tape = new Tape(device);
      const z = new Tensor([rows, 64], "f32", "z");
      // Somewhere: nothing is run.
      z.place = device.placeOf(device.one);
      tape.watch(z);
      tape.backward(loss(tape, z, rows / 2).loss);
      const { slots } = planMemory(tape.launches, new Set([tape.gradientOf(z)]));
      return slots.reduce((sum, slot) => sum + slot.bytes, 0);
    };
    const [less, more] = [bytes(8192), bytes(16384)];
    assert.ok(more < 2.2 * less && more < 64 * 2 ** 20, `${name}: ${less} bytes, then ${more}`);
  }
});

negatives("collapsed embeddings hit nothing", async () => {
  const row = randomInputs(31).normal(13, 1000);
  const z = Float64Array.from({ length: 70 * 13 }, (_, i) => row[i % 13]);
  const { accuracy, spread } = await evaluate(await testDevice(), (tape, input) => {
    const found = debiased(tape, input(z, [70, 13]), 35, { temperature: 0.05, classPrior: 0.1, hardness: 0.7 });
    return { accuracy: found.accuracy, spread: found.spread };
  });
  assert.is(accuracy[0], 0);
  assert.ok(spread[0] < 1e-6);
});

negatives("an embedding that is not a number makes the loss none", async () => {
  const { z } = ntXentInputs(12, 5, 0.5);
  z[17] = Number.NaN;
  const { loss } = await evaluate(await testDevice(), (tape, input) => ({
    loss: debiased(tape, input(z, [12, 5]), 6, { temperature: 0.5, classPrior: 0.1, hardness: 1 }).loss,
  }));
  assert.ok(Number.isNaN(loss[0]), String(loss[0]));
});

negatives("what cannot be is refused", async () => {
  const device = await testDevice();
  const tape = new Tape(device);
  const z = device.tensor([6, 4], undefined, "z");
  const settings = { temperature: 0.5, classPrior: 0.1 };
  throws(() => debiased(tape, z, 3, { ...settings, temperature: 0 }), ConfigError, "temperature 0 must be");
  throws(() => debiased(tape, z, 3, { ...settings, classPrior: 1 }), ConfigError, "classPrior is 1; it must be");
  throws(() => debiased(tape, z, 3, { ...settings, hardness: -1 }), ConfigError, "hardness is -1; it must be");
  throws(() => debiased(tape, z, 4, settings), ShapeError, "z [6, 4] must hold two views or more of each of 4 images");
  throws(() => debiased(tape, z, 1, settings), ShapeError, "z [6, 4] must hold views of at least two images");
  throws(() => pairLogits(tape, z, 6, 0.5), ShapeError, "two views or more of each of 6 images");
  throws(() => weightedDecoupled(tape, z, 3, { temperature: 0.1, sigma: 0 }), ConfigError, "sigma is 0; it must be");
  device.free(z);
});

negatives.run();
