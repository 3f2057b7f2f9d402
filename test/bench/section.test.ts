import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Inputs } from "../../bench/measure/inputs.js";
import { cutRecording } from "../../bench/measure/section.js";
import { Workload } from "../../bench/measure/workload.js";
import { compileProgram } from "../../src/engine/program.js";
import { Tape } from "../../src/engine/tape.js";
import { relu } from "../../src/ops/elementwise.js";
import { toFloat, toHalf } from "../../src/ops/precision.js";
import { testDevice } from "../lib/device.js";

const section = suite("sections of a recording");

section("run alone, on what the launches before them left", async () => {
  const device = await testDevice();
  const inputs = new Inputs(device);
  const x = inputs.keep(device.tensor([4], [-1, 2, -3, 4], "x"));
  const dy = inputs.keep(device.tensor([4], [5, 6, 7, 8], "dy"));
  const tape = new Tape(device);
  tape.watch(x);
  const y = relu(tape, x);
  const forward = tape.launches.length;
  tape.backward(y, dy);
  const launches = await cutRecording(tape, forward, inputs);
  assert.equal(
    launches.map(({ kernel }) => kernel.name),
    ["reluGradient"],
  );
  const dx = tape.gradient(x);
  assert.ok(dx);
  const program = await compileProgram(device, launches, { keep: [dx] });
  program.run();
  assert.equal([...(await device.read(dx))], [0, 6, 0, 8]);
  program.dispose();
  const before = device.memory.currentBytes;
  inputs.dispose();
  // x, dy and the y that was handed over, 16 bytes each.
  assert.is(before - device.memory.currentBytes, 48);
});

section("take over what is f16 as f16", async () => {
  const device = await testDevice();
  // In every runtime there is a device, not everywhere f16.
  if (!device.has("shader-f16")) return;
  const inputs = new Inputs(device);
  const tape = new Tape(device);
  const x = toHalf(tape, inputs.keep(device.tensor([2], [1.5, -2], "x")));
  const first = tape.launches.length;
  const y = toFloat(tape, relu(tape, x));
  const program = await compileProgram(device, await cutRecording(tape, first, inputs), { keep: [y] });
  assert.equal([...(await program.runAndRead(y))], [1.5, 0]);
  program.dispose();
  inputs.dispose();
});

section("are timed in many copies where they are small", async () => {
  const device = await testDevice();
  const x = device.tensor([4], [-1, 2, -3, 4], "x");
  const tape = new Tape(device);
  relu(tape, x);
  const workload = await Workload.prepare(device, tape.launches, 20);
  assert.ok(workload.copies > 1);
  assert.is(workload.program.steps.length, workload.copies);
  const milliseconds = await workload.sample();
  assert.ok(milliseconds > 0 && milliseconds < 20, `${milliseconds} ms`);
  workload.dispose();
  device.free(x);
});

section.run();
