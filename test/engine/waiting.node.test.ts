import { performance } from "node:perf_hooks";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Tape } from "../../src/engine/tape.js";
import { matmul } from "../../src/ops/matmul.js";
import { testDevice } from "../lib/device.js";

const waiting = suite("waiting");

waiting("for the GPU leaves the main thread idle", async () => {
  const device = await testDevice();
  const a = device.tensor([384, 384], new Float32Array(384 * 384).fill(0.01));
  const tape = new Tape(device);
  let y = a;
  for (let i = 0; i < 4; i++) y = matmul(tape, y, a);
  const program = await tape.compile({ keep: [y] });
  await program.runAndRead(y);
  const utilizations: number[] = [];
  // Other work on the machine keeps a loop active that waits for its turn, but not always.
  for (let i = 0; i < 5; i++) {
    const start = performance.eventLoopUtilization();
    const until = performance.now() + 200;
    while (performance.now() < until) await program.runAndRead(y);
    utilizations.push(performance.eventLoopUtilization(start).utilization);
  }
  // Waiting by setImmediate keeps the loop active all the time, which gives 1.
  assert.ok(Math.min(...utilizations) < 0.5, `the event loop was active for ${utilizations.join(", ")} of the time`);
  program.dispose();
  device.free(a);
});

waiting.run();
