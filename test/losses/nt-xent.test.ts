import { suite } from "uvu";
import * as assert from "uvu/assert";
import { evaluate, gradientOf, passes } from "../../src/doctor/check.js";
import { checkNtXent, ntXentSubject } from "../../src/doctor/loss-checks.js";
import { randomInputs } from "../../src/doctor/random-inputs.js";
import { Tape } from "../../src/engine/tape.js";
import { ConfigError, ShapeError } from "../../src/errors.js";
import { ntXent } from "../../src/losses/nt-xent.js";
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

contrast.run();
