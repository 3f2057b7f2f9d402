import { suite } from "uvu";
import * as assert from "uvu/assert";
import { randomInputs } from "../../src/doctor/random-inputs.js";
import { Tape } from "../../src/engine/tape.js";
import type { Tensor } from "../../src/engine/tensor.js";
import { ConfigError, ShapeError } from "../../src/errors.js";
import { nPairs } from "../../src/losses/n-pairs.js";
import type { NtXent } from "../../src/losses/nt-xent.js";
import { semiHardTriplets } from "../../src/losses/triplets.js";
import { throws } from "../data/expect.js";
import { testDevice } from "../lib/device.js";

const frames = suite("losses of frames");

const device = await testDevice();
const [ROWS, DIM] = [19, 5];
const groups = device.tensor(
  [ROWS],
  Uint32Array.from({ length: ROWS }, (_, i) => i % 2),
  "clips",
);
const times = device.tensor(
  [ROWS],
  Uint32Array.from({ length: ROWS }, (_, i) => (i * 7) % 10),
  "times",
);
const options = { groups, times, near: 2, far: 4, margin: 0.2 };

/** Loss, accuracy, spread and gradient. */
async function compute(record: (tape: Tape, z: Tensor) => NtXent): Promise<number[]> {
  const z = device.tensor([ROWS, DIM], Float32Array.from(randomInputs(8).normal(ROWS * DIM)), "z");
  const tape = new Tape(device);
  tape.watch(z);
  const { loss, accuracy, spread } = record(tape, z);
  tape.backward(loss);
  const gradient = tape.gradient(z);
  assert.ok(gradient);
  const kept = [loss, accuracy, spread, gradient];
  const program = await tape.compile({ keep: kept });
  program.run();
  const found: number[] = [];
  for (const tensor of kept) found.push(...(await device.read(tensor)));
  program.dispose();
  device.free(z);
  return found;
}

const LOSSES = {
  triplets: (tape: Tape, z: Tensor, most?: number) => semiHardTriplets(tape, z, options, most),
  "n-pairs": (tape: Tape, z: Tensor, most?: number) => nPairs(tape, z, most),
};

for (const [name, record] of Object.entries(LOSSES)) {
  frames(`${name} of some anchors at a time are those of all at once`, async () => {
    const whole = await compute(record);
    assert.ok(whole[0] > 0 && whole.slice(3).some((value) => Math.abs(value) > 1e-3));
    for (const most of [1, 4, 6]) {
      const divided = await compute((tape, z) => record(tape, z, most));
      // Sums of up to 19 terms, of another order.
      divided.forEach((value, i) => {
        assert.ok(Math.abs(value - whole[i]) < 1e-6, `${most} at a time: ${value} in place of ${whole[i]} (${i})`);
      });
    }
  });
}

frames("refuse what cannot be", () => {
  const tape = new Tape(device);
  const z = tape.tensor([ROWS, DIM], "z");
  throws(() => semiHardTriplets(tape, z, { ...options, margin: -1 }), ConfigError, /margin -1 must be/);
  throws(() => semiHardTriplets(tape, z, { ...options, far: 1 }), ConfigError, /near 2 and far 1 must be whole/);
  throws(() => semiHardTriplets(tape, tape.tensor([4, 3], "x"), options), ShapeError, /to be the groups of 4 anchors/);
  throws(() => nPairs(tape, tape.tensor([3, DIM], "x")), ShapeError, /two pairs at least/);
});

frames.run();
