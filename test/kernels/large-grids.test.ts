import { suite } from "uvu";
import * as assert from "uvu/assert";
import { evaluate } from "../../src/doctor/check.js";
import { add } from "../../src/ops/elementwise.js";
import { testDevice } from "../lib/device.js";

const grids = suite("large grids");

grids("more workgroups than one dimension may have reach every element", async () => {
  const device = await testDevice();
  const elements = 64 * device.gpu.limits.maxComputeWorkgroupsPerDimension + 131;
  const x = Float64Array.from({ length: elements }, (_, i) => i % 1009);
  const { y } = await evaluate(device, (tape, input) => {
    const tensor = input(x, [elements]);
    return { y: add(tape, tensor, tensor) };
  });
  // Doubling is exact.
  assert.is(
    y.findIndex((value, i) => value !== 2 * x[i]),
    -1,
  );
});

grids.run();
