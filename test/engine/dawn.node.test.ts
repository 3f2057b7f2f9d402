import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Tape } from "../../src/engine/tape.js";
import { relu } from "../../src/ops/elementwise.js";
import { testDevice } from "../lib/device.js";

const dawn = suite("what npm webgpu is opened with");

/** Nanoseconds that Dawn rounds timestamps to for web pages. */
const STEP = 65536;

dawn("timestamps are not rounded", async () => {
  const device = await testDevice();
  assert.ok(device.has("timestamp-query"));
  const x = device.tensor([64, 1024], undefined, "x");
  const tape = new Tape(device);
  const y = relu(tape, x);
  const program = await tape.compile({ keep: [y] });
  const rests: number[] = [];
  for (let round = 0; round < 3; round++) {
    for (const { milliseconds } of await program.profile()) rests.push(Math.round(milliseconds * 1e6) % STEP);
  }
  assert.ok(
    rests.some((rest) => rest !== 0),
    "all are whole steps",
  );
  program.dispose();
  device.free(x);
});

dawn.run();
