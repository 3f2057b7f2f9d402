import { suite } from "uvu";
import * as assert from "uvu/assert";
import * as kernels from "../../kernels/generated.js";
import type { Launch } from "../../src/engine/launch.js";
import { planMemory } from "../../src/engine/planner.js";
import { Tape } from "../../src/engine/tape.js";
import type { Tensor } from "../../src/engine/tensor.js";
import { relu } from "../../src/ops/elementwise.js";
import { sfc32 } from "../../src/random.js";
import { testDevice } from "../lib/device.js";

const planner = suite("planner");

const nothing: ReadonlySet<Tensor> = new Set();

/** Launches with two random inputs, persistent or written before, and a new output, of random sizes. */
function randomLaunches(tape: Tape, persistent: Tensor, random: () => number): void {
  const written = [persistent];
  const pick = () => written[random() % Math.min(written.length, 8)];
  const count = 1 + (random() % 50);
  for (let i = 0; i < count; i++) {
    const y = tape.tensor([1 + (random() % 9)], `output ${i}`);
    tape.launches.push({
      kernel: kernels.add,
      tensors: [pick(), pick(), y],
      params: {},
      constants: {},
      workgroups: 1,
      flops: 0,
      scope: "",
    });
    written.unshift(y);
  }
}

/** The intermediate tensors that hold something during each launch: from their first to their last mention. */
function aliveDuring(launches: readonly Launch[], keep: ReadonlySet<Tensor>): Tensor[][] {
  const all = new Set(
    launches.flatMap(({ tensors }) => tensors).filter((tensor) => !tensor.place && !keep.has(tensor)),
  );
  const mentions = (tensor: Tensor) => launches.map(({ tensors }) => tensors.includes(tensor));
  const spans = [...all].map((tensor) => ({
    tensor,
    first: mentions(tensor).indexOf(true),
    last: mentions(tensor).lastIndexOf(true),
  }));
  return launches.map((_, i) => spans.filter(({ first, last }) => first <= i && i <= last).map(({ tensor }) => tensor));
}

planner("never puts two tensors that are alive together into one slot", async () => {
  const device = await testDevice();
  let shared = 0;
  for (let seed = 0; seed < 200; seed++) {
    const random = sfc32(seed, 2, 3);
    const tape = new Tape(device);
    randomLaunches(tape, device.one, random);
    const keep = new Set(tape.launches.map(({ tensors }) => tensors[2]).filter(() => random() % 10 === 0));
    const { slots, liveBytes } = planMemory(tape.launches, keep);
    const slotOf = new Map(slots.flatMap((slot) => slot.tensors.map((tensor) => [tensor, slot] as const)));
    const alive = aliveDuring(tape.launches, keep);
    for (const tensors of alive) {
      const used = tensors.map((tensor) => slotOf.get(tensor));
      assert.not(used.includes(undefined), `seed ${seed}: a tensor has no slot`);
      assert.is(new Set(used).size, tensors.length, `seed ${seed}: two tensors share a slot`);
    }
    for (const [tensor, slot] of slotOf) {
      assert.ok(slot.bytes >= tensor.bytes, `seed ${seed}: ${tensor} does not fit`);
      assert.not(keep.has(tensor), `seed ${seed}: ${tensor} is kept and planned`);
      assert.not(tensor.place, `seed ${seed}: ${tensor} is persistent and planned`);
    }
    const placed = slots.reduce((sum, slot) => sum + slot.tensors.length, 0);
    assert.is(placed, slotOf.size, `seed ${seed}: a tensor has two slots`);
    const sizes = slots.map((slot) => slot.bytes);
    assert.equal(
      sizes,
      sizes.toSorted((a, b) => b - a),
      `seed ${seed}: the slots are not in order`,
    );
    const sums = alive.map((tensors) => tensors.reduce((sum, tensor) => sum + tensor.bytes, 0));
    assert.is(liveBytes, Math.max(...sums), `seed ${seed}: liveBytes`);
    shared += placed - slots.length;
  }
  assert.ok(shared > 1000, `only ${shared} tensors share a slot`);
});

planner("lets a chain take turns in two slots", async () => {
  const device = await testDevice();
  const tape = new Tape(device);
  let x = device.one;
  for (let i = 0; i < 10; i++) x = relu(tape, x);
  const { slots, liveBytes } = planMemory(tape.launches, nothing);
  assert.equal(
    slots.map((slot) => [slot.bytes, slot.tensors.length]),
    [
      [4, 5],
      [4, 5],
    ],
  );
  assert.is(liveBytes, 8);
});

planner.run();
