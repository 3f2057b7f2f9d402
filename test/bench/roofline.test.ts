import { suite } from "uvu";
import * as assert from "uvu/assert";
import * as kernels from "../../bench/roofline/generated.js";
import { smallMatrixTile } from "../../src/doctor/matrix-checks.js";
import { Tape } from "../../src/engine/tape.js";
import { testDevice } from "../lib/device.js";

const roofline = suite("kernels of the roofline");

for (const ACCUMULATORS of [8, 16, 32]) {
  roofline(`run ${ACCUMULATORS} chains of multiply-adds to their fixed point`, async () => {
    const device = await testDevice();
    const factors = device.tensor([2], [0.5, 1], "factors");
    const tape = new Tape(device);
    const y = tape.tensor([100], "sums");
    tape.launch(kernels.fma, { factors, y }, { threads: 100, iterations: 16 }, { ACCUMULATORS, LANES: 8 });
    assert.is(tape.launches[0].flops, 2 * 4 * ACCUMULATORS * 16 * 100);
    const program = await tape.compile({ keep: [y] });
    program.run();
    // Chains end at s = s / 2 + 1 = 2; the others stay where they begin, at 1 + i / 10, i up to 31.
    const expected = 2 * ACCUMULATORS + (32 - ACCUMULATORS + 0.1 * (496 - (ACCUMULATORS * (ACCUMULATORS - 1)) / 2));
    for (const sum of await device.read(y)) {
      assert.ok(Math.abs(sum - expected) < 1e-4, `${sum} instead of ${expected}`);
    }
    program.dispose();
    device.free(factors);
  });
}

roofline("adds up products of fragments", async () => {
  const device = await testDevice();
  const factors = device.tensor([2], [0.5, 1], "factors");
  const tape = new Tape(device);
  const y = tape.tensor([100], "sums");
  const tile = { ...smallMatrixTile, ROUNDED: false, ROWS: 2 };
  tape.launch(kernels.matrix, { factors, y }, { threads: 100, iterations: 8 }, tile);
  // 100 threads are 13 subgroups of 8.
  assert.is(tape.launches[0].flops, 2 * 4 * 8 * 4 * 2 * 8 * 13);
  const program = await tape.compile({ keep: [y] });
  program.run();
  // Two sums of 8 x 4 products of a half and a half.
  for (const sum of await device.read(y)) assert.is(sum, 2 * 8);
  program.dispose();
  device.free(factors);
});

roofline("copies every vector, of a number that no workgroup divides", async () => {
  const device = await testDevice();
  const vectors = 1001;
  const values = Float32Array.from({ length: 4 * vectors }, (_, i) => i + 1);
  const x = device.tensor([4 * vectors], values, "x");
  for (const PER_THREAD of [1, 4]) {
    const tape = new Tape(device);
    const y = tape.tensor([4 * vectors], "y");
    tape.launch(kernels.copy, { x, y }, { vectors }, { PER_THREAD });
    const program = await tape.compile({ keep: [y] });
    program.run();
    assert.equal(await device.read(y), values);
    program.dispose();
  }
  device.free(x);
});

roofline.run();
