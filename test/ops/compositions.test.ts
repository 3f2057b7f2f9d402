import { suite } from "uvu";
import * as assert from "uvu/assert";
import { evaluate, gradientOf, type Outputs, passes, worstDeviation } from "../../src/doctor/check.js";
import { ntXentSubject } from "../../src/doctor/loss-checks.js";
import { randomInputs } from "../../src/doctor/random-inputs.js";
import { relativeError, UNIT } from "../../src/doctor/rounding.js";
import { Tape } from "../../src/engine/tape.js";
import type { Tensor } from "../../src/engine/tensor.js";
import { ConfigError } from "../../src/errors.js";
import { ntXent } from "../../src/losses/nt-xent.js";
import { columnStatistics } from "../../src/ops/batch-norm.js";
import { multiply, subtract } from "../../src/ops/binary.js";
import { columnSums } from "../../src/ops/column-sums.js";
import { type DropoutOptions, dropout } from "../../src/ops/dropout.js";
import { add, mean } from "../../src/ops/elementwise.js";
import { matmul } from "../../src/ops/matmul.js";
import { normalizeRows } from "../../src/ops/normalize-rows.js";
import { rowLogSumExp, rowSums, sum } from "../../src/ops/reductions.js";
import { concatenate, reshape, slice } from "../../src/ops/shape.js";
import { clamp, elementwise, scale } from "../../src/ops/unary.js";
import { columnStatisticsForward } from "../../src/reference/column-statistics.js";
import { throws } from "../data/expect.js";
import { testDevice } from "../lib/device.js";

const losses = suite("losses composed of small operations");

/** InfoNCE of z [2N, dimension] (van den Oord et al. 2018), rows i and i + N a pair, without the similarity of a row to itself. */
function infoNce(tape: Tape, z: Tensor, diagonal: Tensor, temperature: number): Tensor {
  const [rows] = z.shape;
  const unit = normalizeRows(tape, z);
  const partners = concatenate(tape, [slice(tape, unit, 0, rows / 2), slice(tape, unit, 0, 0, rows / 2)], 0);
  const logits = scale(tape, matmul(tape, unit, unit, { transposeB: true }), 1 / temperature);
  const positives = scale(tape, rowSums(tape, multiply(tape, unit, partners)), 1 / temperature);
  return mean(tape, subtract(tape, rowLogSumExp(tape, add(tape, logits, diagonal)), positives));
}

for (const [rows, dimension, temperature] of [
  [14, 5, 0.5],
  [38, 16, 0.1],
  [4, 3, 0.2],
]) {
  losses(`InfoNCE of ${rows} rows of ${dimension} is what ntXent is, with its gradient`, async () => {
    const data = randomInputs(51).normal(rows * dimension);
    const diagonal = Float64Array.from({ length: rows ** 2 }, (_, i) => (i % (rows + 1) === 0 ? -1e9 : 0));
    const compute = async (record: (tape: Tape, z: Tensor, mask: Tensor) => Tensor): Promise<Outputs> =>
      evaluate(await testDevice(), (tape, input) => {
        const z = input(data, [rows, dimension]);
        tape.watch(z);
        const loss = record(tape, z, input(diagonal, [rows, rows]));
        tape.backward(loss);
        return { loss, dz: gradientOf(tape, z) };
      });
    const composed = await compute((tape, z, mask) => infoNce(tape, z, mask, temperature));
    const fused = await compute((tape, z) => ntXent(tape, z, temperature).loss);
    const { loss, dz } = ntXentSubject.tolerance({ rows, dimension, temperature, z: data });
    // Either may be off by as much from the exact values; the composed one has a few roundings more.
    const tolerance = { loss: loss.map((error) => 3 * error), dz: dz.map((error) => 4 * error) };
    const worst = worstDeviation(composed, fused, tolerance);
    assert.ok(passes(worst), `off by ${worst.error}, and rounding allows ${worst.tolerance}`);
    const exact = ntXentSubject.reference({ rows, dimension, temperature, z: data }, {});
    const off = worstDeviation(composed, { loss: exact.loss, dz: exact.dz }, tolerance);
    assert.ok(passes(off), `off by ${off.error} from the reference, and rounding allows ${off.tolerance}`);
  });
}

/** VICReg's variance term (Bardes et al. 2022, equation 1): mean over the columns of max(0, 1 - sqrt(unbiased variance + 1e-4)). */
function varianceTerm(tape: Tape, z: Tensor): Tensor {
  const [rows] = z.shape;
  const variances = slice(tape, columnStatistics(tape, z), 0, 1);
  const unbiased = rows / (rows - 1);
  return mean(tape, elementwise(tape, variances, [["scale", unbiased, 1e-4], "sqrt", ["scale", -1, 1], "relu"]));
}

losses("VICReg's variance term, and its gradient", async () => {
  const [rows, columns] = [37, 11];
  const random = randomInputs(52);
  const spreads = random.uniform(columns, 0.2, 1.8);
  const data = random.normal(rows * columns).map((value, i) => Math.fround(value * spreads[i % columns]));
  const found = await evaluate(await testDevice(), (tape, input) => {
    const z = input(data, [rows, columns]);
    tape.watch(z);
    const loss = varianceTerm(tape, z);
    tape.backward(loss);
    return { loss, dz: gradientOf(tape, z) };
  });
  const statistics = columnStatisticsForward(data, rows, columns);
  const deviations = statistics.subarray(columns).map((value) => Math.sqrt((value * rows) / (rows - 1) + 1e-4));
  assert.ok(deviations.some((value) => value < 0.9) && deviations.some((value) => value > 1.1));
  const expected = {
    loss: Float64Array.of(deviations.reduce((total, value) => total + Math.max(0, 1 - value), 0) / columns),
    dz: data.map((value, i) => {
      const c = i % columns;
      const centered = value - statistics[c];
      return deviations[c] < 1 ? -centered / ((rows - 1) * deviations[c] * columns) : 0;
    }),
  };
  // Of the variances, sums of 37 and a few more; then some functions, and what is left of 1 minus a deviation.
  const share = relativeError(4 * rows + 40);
  const tolerance = {
    loss: Float64Array.of(share),
    dz: data.map((value, i) => (share * (Math.abs(value) + 1)) / ((rows - 1) * deviations[i % columns] * columns)),
  };
  const worst = worstDeviation(found, expected, tolerance);
  assert.ok(passes(worst), `off by ${worst.error}, and rounding allows ${worst.tolerance}`);
});

losses("take few launches: chains of functions are one, and so are their gradients", async () => {
  const device = await testDevice();
  const count = (record: (tape: Tape, x: Tensor) => Tensor) => {
    const tape = new Tape(device);
    const x = tape.tensor([6, 4], "x");
    tape.watch(x);
    const y = record(tape, x);
    const forward = tape.launches.length;
    tape.backward(y, y.size === 1 ? undefined : tape.tensor(y.shape, "gradient"));
    return [forward, tape.launches.length - forward];
  };
  assert.equal(
    count((tape, x) => elementwise(tape, x, ["square", "exp", "log", "tanh"])),
    [1, 1],
  );
  assert.equal(
    count((tape, x) => elementwise(tape, x, ["square", "exp", "log", "tanh", "relu"])),
    [2, 2],
  );
  assert.equal(
    count((_, x) => x),
    [0, 0],
  );
  assert.equal(
    count((tape, x) => elementwise(tape, x, [])),
    [0, 0],
  );
  assert.equal(
    count((tape, x) => reshape(tape, reshape(tape, x, [24]), [2, 12])),
    [0, 0],
  );
  assert.equal(
    count((tape, x) => add(tape, x, x)),
    [1, 1],
  );
  assert.equal(
    count((tape, x) => mean(tape, x)),
    [1, 1],
  );
  assert.equal(count(sum), [1, 1]);
  assert.equal(count(columnSums), [2, 1]);
  // The statistics in two passes, a row of them, the chain and the mean.
  assert.equal(count(varianceTerm), [5, 4]);
  assert.equal(
    count((tape, x) => dropout(tape, x, { probability: 0, counter: tape.tensor([2], "counter", "u32"), site: 0 })),
    [0, 0],
  );
});

losses("limits of clamp the wrong way round are refused", async () => {
  const device = await testDevice();
  assert.throws(
    () => {
      const tape = new Tape(device);
      clamp(tape, tape.tensor([2], "x"), 2, 1);
    },
    (error: unknown) => error instanceof ConfigError && /lower limit 2 is above the upper one, 1/.test(error.message),
  );
});

losses("functions that are none, and those without their numbers, are refused", async () => {
  const tape = new Tape(await testDevice());
  const x = tape.tensor([2], "x");
  // As plain JavaScript calls it, which no compiler checks.
  const apply = (functions: unknown) => Reflect.apply(elementwise, undefined, [tape, x, functions]);
  throws(() => apply("relu"), ConfigError, 'elementwise takes a list of functions, such as ["relu"], not "relu"');
  throws(() => apply(undefined), ConfigError, "not undefined");
  throws(() => apply(["nope"]), ConfigError, 'there is no function "nope": choose ', "relu", "sigmoid");
  throws(() => apply(["exp", ["power", 2]]), ConfigError, 'there is no function "power"');
  throws(() => apply([["scale"]]), ConfigError, "scale needs a factor");
  throws(() => apply([["clamp", 1]]), ConfigError, "clamp needs two limits");
  assert.is(tape.launches.length, 0);
});

losses.run();

const dropouts = suite("dropout");

const COUNT = 4099;

/** Ones, dropped by each of these options. */
async function draw(each: readonly (Omit<DropoutOptions, "counter"> & { readonly seeds: readonly number[] })[]) {
  const outputs = await evaluate(await testDevice(), (tape, input) => {
    const x = input(new Float64Array(COUNT).fill(1), [COUNT]);
    return Object.fromEntries(
      each.map(({ seeds, ...options }, i) => {
        const counter = input(Uint32Array.from(seeds), [2]);
        return [i, dropout(tape, x, { ...options, counter })];
      }),
    );
  });
  return Object.values(outputs);
}

dropouts("keeps the share that it is told to, and the mean", async () => {
  for (const probability of [0.1, 0.5, 0.9]) {
    const [y] = await draw([{ probability, seeds: [1, 2], site: 0 }]);
    const kept = y.filter((value) => value > 0);
    // Five standard deviations of a share of so many.
    const spread = 5 * Math.sqrt((probability * (1 - probability)) / COUNT);
    assert.ok(Math.abs(kept.length / COUNT - (1 - probability)) < spread, `${kept.length} of ${COUNT}`);
    const factor = 1 / (1 - probability);
    assert.ok(kept.every((value) => Math.abs(value - factor) <= 2 * UNIT * factor));
  }
});

dropouts("draws the same by the same numbers, and independently by others", async () => {
  const options = { probability: 0.5, site: 3 };
  const [first, again, otherSite, otherSeed, otherStep] = await draw([
    { ...options, seeds: [1, 2] },
    { ...options, seeds: [1, 2] },
    { ...options, seeds: [1, 2], site: 4 },
    { ...options, seeds: [2, 2] },
    { ...options, seeds: [1, 3] },
  ]);
  assert.equal(again, first);
  for (const other of [otherSite, otherSeed, otherStep]) {
    const same = other.filter((value, i) => value === first[i]).length;
    // Half of them, but for five standard deviations.
    assert.ok(Math.abs(same / COUNT - 0.5) < 2.5 / Math.sqrt(COUNT), `${same} of ${COUNT} are the same`);
  }
});

dropouts("is refused where it cannot be", async () => {
  const device = await testDevice();
  const attempt = (options: Omit<DropoutOptions, "counter">) => () => {
    const tape = new Tape(device);
    dropout(tape, tape.tensor([2], "x"), { ...options, counter: tape.tensor([2], "counter", "u32") });
  };
  for (const [options, message] of [
    [{ probability: 1, site: 0 }, /probability of a dropout is 1:/],
    [{ probability: -0.1, site: 0 }, /is -0.1:/],
    [{ probability: Number.NaN, site: 0 }, /is NaN:/],
    [{ probability: 0.5, site: -1 }, /site of a dropout is -1:/],
    [{ probability: 0.5, site: 2 ** 31 }, /site of a dropout is 2147483648:/],
    [{ probability: 0.5, site: 0.5 }, /site of a dropout is 0.5:/],
  ] as const) {
    assert.throws(attempt(options), (error: unknown) => error instanceof ConfigError && message.test(error.message));
  }
});

dropouts.run();
