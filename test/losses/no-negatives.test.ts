import { suite } from "uvu";
import * as assert from "uvu/assert";
import { randomInputs } from "../../src/doctor/random-inputs.js";
import { relativeError } from "../../src/doctor/rounding.js";
import { Tape } from "../../src/engine/tape.js";
import type { Tensor } from "../../src/engine/tensor.js";
import { ConfigError, ShapeError } from "../../src/errors.js";
import { barlowTwins } from "../../src/losses/barlow-twins.js";
import { eppsPulley, randomDirections } from "../../src/losses/epps-pulley.js";
import { lejepaLoss } from "../../src/losses/lejepa.js";
import { momentSquares, participationRatio } from "../../src/losses/moments.js";
import { vicregLoss } from "../../src/losses/vicreg.js";

import { throws } from "../data/expect.js";
import { testDevice } from "../lib/device.js";
import { type GoldenCase, loadCase } from "../reference/goldens.js";

const losses = suite("losses without negatives");
const device = await testDevice();

/** Of means, squares and sums of up to 37 rows or so, in units of the largest result. */
const ROUNDINGS = 32;
/** How many times larger the terms are that results are differences of. */
const CANCELLING: Readonly<Record<string, { values?: number; gradients?: number }>> = {
  // Two standardised rows are 1 and -1 whatever they were: what is left of a gradient are 1e-5 of the variance of 0.01 to 2.
  "barlow, two images": { gradients: 1e3 },
  // Among variances of 1, one is 900: its square is in the sum of all squares, and is taken out again.
  "vicreg, uneven": { values: 900 ** 2 / 51e3, gradients: 4 },
};

type Found = Readonly<Record<string, Tensor>> & { readonly loss: Tensor };

/** Fails where what is measured, or the gradient of the loss, is not PyTorch's. */
async function expectGolden(golden: GoldenCase, measure: (tape: Tape, z: Tensor) => Found): Promise<void> {
  const tape = new Tape(device);
  const z = device.tensor(golden.shape("z"), Float32Array.from(golden.floats("z")), "z");
  tape.watch(z);
  const measured = measure(tape, z);
  tape.backward(measured.loss);
  const gradient = tape.gradientOf(z);
  const program = await tape.compile({ keep: [...Object.values(measured), gradient] });
  program.run();
  const expectNear = (name: string, found: Float32Array, roundings: number) => {
    const expected = golden.floats(name);
    const [largest, worst] = [expected, expected.map((value, i) => value - found[i])].map((values) =>
      values.reduce((most, value) => Math.max(most, Math.abs(value)), 0),
    );
    assert.ok(worst <= relativeError(roundings) * largest, `${name} is off by ${worst}, and the largest is ${largest}`);
  };
  const { values = 1, gradients = 1 } = CANCELLING[golden.name] ?? {};
  for (const [name, tensor] of Object.entries(measured))
    expectNear(name, await device.read(tensor), ROUNDINGS * values);
  expectNear("dz", await device.read(gradient), ROUNDINGS * gradients);
  program.dispose();
  device.free(z);
}

const SIZES = ["fewer rows", "fewer columns", "square", "two images", "uneven"];

for (const size of SIZES) {
  losses(`Barlow Twins', ${size}`, async () => {
    const golden = await loadCase("no-negatives", `barlow, ${size}`);
    const options = { lambda: golden.number("lambda"), scale: golden.number("scale") };
    await expectGolden(golden, (tape, z) => ({ loss: barlowTwins(tape, z, options) }));
  });

  losses(`VICReg's, ${size}`, async () => {
    const golden = await loadCase("no-negatives", `vicreg, ${size}`);
    const [invariance, variance, covariance] = ["invariance", "variance", "covariance"].map((name) =>
      Number(golden.text(name)),
    );
    await expectGolden(golden, (tape, z) => ({ ...vicregLoss(tape, z, { invariance, variance, covariance }) }));
  });
}
for (const name of ["two views", "one slice", "wide", "small views"])
  losses(`LeJEPA's, ${name}`, async () => {
    const golden = await loadCase("no-negatives", `lejepa, ${name}`);
    const directions = device.tensor(golden.shape("directions"), Float32Array.from(golden.floats("directions")));
    const [views, fullViews, lambda] = ["views", "fullViews", "lambda"].map((setting) => golden.number(setting));
    await expectGolden(golden, (tape, z) => ({ ...lejepaLoss(tape, z, directions, { views, fullViews, lambda }) }));
    device.free(directions);
  });

losses("the sums of squares by rows and by columns are the same, and so are their gradients", async () => {
  const [rows, cols] = [5, 9];
  const random = randomInputs(4);
  const data = [0, 1].map(() => Float32Array.from(random.normal(rows * cols)));
  const squares = async (padding: number, same: boolean) => {
    // Rows of zeros change nothing but which way is taken.
    const all = data.map((values) => Float32Array.from([...values, ...new Float32Array(padding * cols)]));
    const [a, b] = all.map((values) => device.tensor([rows + padding, cols], values));
    const tape = new Tape(device);
    tape.watch(a, b);
    const y = momentSquares(tape, a, same ? a : b);
    tape.backward(y);
    const results = [y, tape.gradientOf(a), ...(same ? [] : [tape.gradientOf(b)])];
    const program = await tape.compile({ keep: results });
    program.run();
    const read = [];
    for (const tensor of results) read.push((await device.read(tensor)).slice(0, rows * cols));
    program.dispose();
    for (const tensor of [a, b]) device.free(tensor);
    return read;
  };
  for (const same of [false, true]) {
    const [byRows, byColumns] = [await squares(0, same), await squares(4, same)];
    byRows.forEach((values, i) => {
      const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      const worst = values.reduce((most, value, at) => Math.max(most, Math.abs(value - byColumns[i][at])), 0);
      assert.ok(worst <= relativeError(2 * (rows + cols)) * largest, `${i} is off by ${worst} of ${largest}`);
    });
  }
});

losses("rows vary along no direction, one, or as many as they have", async () => {
  const ratio = async (values: readonly number[], cols: number) => {
    const tape = new Tape(device);
    const x = device.tensor([values.length / cols, cols], values);
    const y = participationRatio(tape, x);
    const program = await tape.compile({ keep: [y] });
    program.run();
    const [found] = await device.read(y);
    program.dispose();
    device.free(x);
    return found;
  };
  assert.is(await ratio([0, 0, 0, 0, 0, 0], 3), 0);
  for (const [values, expected] of [
    [[1, 2, -1, -2, 0, 0], 1],
    [[1, 0, 0, 1, -1, 0, 0, -1], 2],
    [[1e-5, 0, 0, 1e-5, -1e-5, 0, 0, -1e-5], 2],
    [[3e4, 0, 0, 3e4, -3e4, 0, 0, -3e4], 2],
  ] as const)
    assert.ok(Math.abs((await ratio(values, 2)) - expected) < 1e-5);
});

losses("refuse what has no views, and settings that cannot be", () => {
  const tape = new Tape(device);
  const z = tape.tensor([7, 4], "z");
  for (const loss of [barlowTwins, vicregLoss]) {
    throws(() => loss(tape, z), ShapeError, /two views of at least two images: an even number of rows from 4 up/);
    throws(() => loss(tape, tape.tensor([2, 4], "z")), ShapeError, /two views of at least two images/);
  }
  const directions = tape.tensor([3, 4], "directions");
  throws(() => lejepaLoss(tape, z, directions, { views: 2 }), ShapeError, /as many rows for each of 2 views/);
  throws(() => lejepaLoss(tape, z, directions, { views: 1 }), ShapeError, /two views at least/);
  throws(
    () => lejepaLoss(tape, z, directions, { views: 7, lambda: 2 }),
    ConfigError,
    /lambda 2 must lie between 0 and 1/,
  );
  throws(() => eppsPulley(tape, z, 3), ShapeError, /as many rows for each of 3 views/);
  throws(() => randomDirections(tape, tape.tensor([3], "three", "u32"), 2, 2), ShapeError, /random directions/);
});

losses.run();
