import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Device, openDevice } from "../../src/engine/device.js";
import { Tape } from "../../src/engine/tape.js";
import { add, relu } from "../../src/ops/elementwise.js";
import { matmul } from "../../src/ops/matmul.js";
import { testDevice } from "../lib/device.js";
import { withoutFeatures } from "./observe.js";

const profiler = suite("profiler");

async function expectRows(device: Device): Promise<void> {
  const a = device.tensor([6, 10], new Float32Array(60).fill(1), "a");
  const b = device.tensor([10, 4], new Float32Array(40).fill(2), "b");
  const tape = new Tape(device);
  const product = matmul(tape, a, b);
  const y = relu(tape, add(tape, relu(tape, product), product));
  const program = await tape.compile({ keep: [y] });
  const before = device.memory.currentBytes;
  for (let round = 0; round < 2; round++) {
    const rows = await program.profile();
    const known = rows.map(({ kernel, launches, bytes, flops }) => [kernel, launches, bytes, flops]);
    known.sort();
    assert.equal(known, [
      ["add", 1, 4 * 3 * 24, 24],
      ["matmul", 1, 4 * (60 + 40 + 24), 2 * 6 * 10 * 4],
      ["relu", 2, 2 * 4 * 2 * 24, 2 * 24],
    ]);
    for (const { kernel, milliseconds } of rows) {
      assert.ok(milliseconds >= 0 && milliseconds < 60_000, `${kernel} took ${milliseconds} ms`);
    }
    const times = rows.map(({ milliseconds }) => milliseconds);
    assert.equal(
      times,
      times.toSorted((x, z) => z - x),
    );
  }
  assert.is(program.flops, 24 + 480 + 48);
  assert.is(program.bytes, 288 + 496 + 384);
  // 10 products of 1 and 2, doubled.
  assert.equal([...(await device.read(y))], Array<number>(24).fill(40));
  // A staging buffer of 256 bytes stays.
  assert.ok(device.memory.currentBytes - before <= 256);
  program.dispose();
  for (const tensor of [a, b]) device.free(tensor);
}

profiler("tells launches, bytes and operations by kernel", async () => {
  await expectRows(await testDevice());
});

profiler("does so without timestamps", async () => {
  await testDevice();
  const device = await withoutFeatures(openDevice);
  assert.not(device.has("timestamp-query"));
  await expectRows(device);
  device.close();
});

profiler("takes more launches than one query set holds", async () => {
  const device = await testDevice();
  const tape = new Tape(device);
  let y = device.one;
  for (let i = 0; i < 2100; i++) y = relu(tape, y);
  const program = await tape.compile({ keep: [y] });
  const [row] = await program.profile();
  assert.is(row.launches, 2100);
  assert.equal([...(await device.read(y))], [1]);
  program.dispose();
});

profiler.run();
