import { suite } from "uvu";
import * as assert from "uvu/assert";
import { evaluate, gradientOf, passes } from "../../src/doctor/check.js";
import { checkNtXent, ntXentSubject } from "../../src/doctor/loss-checks.js";
import { randomInputs } from "../../src/doctor/random-inputs.js";
import { Tape } from "../../src/engine/tape.js";
import type { Tensor } from "../../src/engine/tensor.js";
import { ConfigError, ShapeError } from "../../src/errors.js";
import { ntXent, ntXentInPanels } from "../../src/losses/nt-xent.js";
import { throws } from "../data/expect.js";
import { testDevice } from "../lib/device.js";

const contrast = suite("NT-Xent");

// A row more or less than a tile, many tiles, and the 2N at which others' similarity matrices get too large.
for (const [rows, dimension, temperature, scale] of [
  [62, 5, 0.5, 1],
  [64, 128, 0.1, 1],
  [130, 131, 0.05, 1],
  [258, 7, 0.05, 1000],
  [514, 9, 0.5, 1],
  [4096, 8, 0.05, 1],
]) {
  const check = checkNtXent(rows, dimension, temperature, scale);
  contrast(check.shape, async () => {
    const deviation = await check.run(await testDevice());
    assert.ok(passes(deviation), `off by ${deviation.error}, and rounding allows ${deviation.tolerance}`);
  });
}

// Blocks of two rows, blocks as wide as a panel, panels that end in a block's middle, panels of two columns; one block in several
// panels; with and without vectors of four; both ways to the gradient.
for (const [dimension, blocks, panel] of [
  [12, [130], 64],
  [12, [2, 2, 66], 64],
  [13, [64, 6, 60], 60],
  [128, [66, 64], 26],
  [20, [14, 4], 2],
  [132, [70], 22],
  [132, [8, 2, 60], 24],
  [133, [2, 2, 2, 18], 5],
] as const) {
  for (const temperature of [0.5, 0.05]) {
    const rows = blocks.reduce((sum, count) => sum + count, 0);
    const check = checkNtXent(rows, dimension, temperature, 1, { blocks, panel });
    contrast(check.shape, async () => {
      const deviation = await check.run(await testDevice());
      assert.ok(passes(deviation), `off by ${deviation.error}, and rounding allows ${deviation.tolerance}`);
    });
  }
}

contrast("blocks that are not watched get no gradient, and the others the same to the bit", async () => {
  const device = await testDevice();
  for (const dimension of [9, 130]) {
    const data = [8, 2, 12].map((rows) => ({ rows, values: randomInputs(rows).normal(rows * dimension) }));
    const gradients = async (watched: readonly number[]) => {
      const found: (readonly number[] | null)[] = [];
      const results = await evaluate(device, (tape, input) => {
        const blocks = data.map(({ rows, values }) => input(values, [rows, dimension]));
        tape.watch(...watched.map((i) => blocks[i]));
        const { loss } = ntXentInPanels(tape, blocks, 0.1, 4);
        tape.backward(loss);
        for (const [i, block] of blocks.entries()) assert.is(tape.gradient(block) !== null, watched.includes(i));
        return Object.fromEntries(watched.map((i) => [`${i}`, gradientOf(tape, blocks[i])]));
      });
      for (const i of data.keys()) found.push(`${i}` in results ? Array.from(results[`${i}`]) : null);
      return found;
    };
    const all = await gradients([0, 1, 2]);
    assert.equal(await gradients([0, 1, 2]), all);
    assert.equal(await gradients([1]), [null, all[1], null]);
    assert.equal(await gradients([0, 2]), [all[0], null, all[2]]);
  }
});

contrast("positives in pieces: equal embeddings in different blocks and panels tie", async () => {
  const device = await testDevice();
  for (const dimension of [13, 131]) {
    const row = randomInputs(33).normal(dimension, 1000);
    const z = Float64Array.from({ length: 24 * dimension }, (_, i) => row[i % dimension]);
    const cut = { blocks: [2, 14, 8], panel: 5 };
    const inputs = { rows: 24, dimension, temperature: 0.05, z, cut };
    const { loss, accuracy, spread, dz } = await ntXentSubject.compute(device, inputs);
    assert.ok(Math.abs(loss[0] - Math.log(23)) <= ntXentSubject.tolerance(inputs).loss[0], `the loss is ${loss[0]}`);
    assert.is(accuracy[0], 0);
    assert.ok(spread[0] < 1e-6, `the spread is ${spread[0]}`);
    assert.ok(dz.every(Number.isFinite));
  }
});

for (const temperature of [0.5, 0.05]) {
  contrast(
    `collapsed embeddings at temperature ${temperature}: finite, at chance level, none of the pairs found`,
    async () => {
      const row = randomInputs(31).normal(13, 1000);
      const z = Float64Array.from({ length: 70 * 13 }, (_, i) => row[i % 13]);
      const inputs = { rows: 70, dimension: 13, temperature, z };
      const { loss, accuracy, dz } = await ntXentSubject.compute(await testDevice(), inputs);
      const { loss: allowed } = ntXentSubject.tolerance(inputs);
      assert.ok(Math.abs(loss[0] - Math.log(69)) <= allowed[0], `the loss is ${loss[0]}, log 69 ${Math.log(69)}`);
      assert.is(accuracy[0], 0);
      assert.ok(dz.every(Number.isFinite));
    },
  );
}

contrast("embeddings of zeros: finite, at chance level", async () => {
  const inputs = { rows: 6, dimension: 5, temperature: 0.05, z: new Float64Array(30) };
  const { loss, dz } = await ntXentSubject.compute(await testDevice(), inputs);
  assert.ok(Math.abs(loss[0] - Math.log(5)) <= ntXentSubject.tolerance(inputs).loss[0], `the loss is ${loss[0]}`);
  assert.ok(dz.every(Number.isFinite));
});

contrast("the gradient is scaled by that of the loss, and the same to the bit from run to run", async () => {
  const device = await testDevice();
  const data = randomInputs(32).normal(10 * 7);
  const gradientWith = (seed: number) =>
    evaluate(device, (tape, input) => {
      const z = input(data, [10, 7]);
      tape.watch(z);
      tape.backward(ntXent(tape, z, 0.5).loss, input(Float64Array.of(seed), [1]));
      return { dz: gradientOf(tape, z) };
    });
  const { dz } = await gradientWith(1);
  assert.equal(await gradientWith(1), { dz });
  // A power of two scales without rounding.
  assert.equal(await gradientWith(4), { dz: dz.map((value) => 4 * value) });
});

contrast("a temperature that is not above 0 is refused", async () => {
  const device = await testDevice();
  const z = device.tensor([4, 3]);
  for (const temperature of [0, -0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
    assert.throws(
      () => ntXent(new Tape(device), z, temperature),
      (error: unknown) =>
        error instanceof ConfigError && error.message.startsWith(`temperature ${temperature} must be a number above 0`),
    );
  }
  device.free(z);
});

contrast("an odd number of rows is refused", async () => {
  const device = await testDevice();
  const z = device.tensor([5, 3], undefined, "embeddings");
  assert.throws(
    () => ntXent(new Tape(device), z, 0.5),
    (error: unknown) =>
      error instanceof ShapeError &&
      /embeddings \[5, 3\] must hold two views .* an even number of rows/.test(error.message),
  );
  device.free(z);
});

contrast("blocks that do not belong together are refused", async () => {
  const device = await testDevice();
  const tensors = [
    [2, 3],
    [3, 3],
    [4, 5],
    [2, 3],
  ].map((shape) => device.tensor(shape, undefined, "block"));
  const [pair, odd, wide, other] = tensors;
  const refused = (blocks: readonly Tensor[], message: RegExp) =>
    throws(() => ntXent(new Tape(device), blocks, 0.5), ShapeError, message);
  refused([], /there is no block/);
  refused([pair, odd], /block \[3, 3\] must hold two views of each image: an even number of rows/);
  refused([pair, wide], /block \[4, 5\] must have as many dimensions as block \[2, 3\]/);
  refused([pair], /at least two images/);
  // Two images are enough, wherever they are.
  ntXent(new Tape(device), [pair, other], 0.5);
  for (const tensor of tensors) device.free(tensor);
});

contrast.run();
