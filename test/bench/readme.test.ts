import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { KernelRow } from "../../bench/measure/kernels.js";
import { readmeTables } from "../../bench/measure/readme.js";

const origin = { adapter: "an adapter", runtime: "Node 1" };
const forms = { fma: { LANES: 8, ACCUMULATORS: 16 }, copy: { LANES: 64, PER_THREAD: 4 } };

function row(operation: string, direction: string, share: number): KernelRow {
  const rates = { milliseconds: 1, gigaflops: 100 * share, gigabytes: 1 };
  return { operation, direction, ...rates, bound: "fma", share, launches: [], bytesNamed: 0 };
}

const readme = suite("tables of bench/README.md");

readme("put the directions of an operation side by side", () => {
  const rows = [
    { ...row("conv", "forward", 0.5), target: { least: 0.4, reach: 0.65 } },
    row("conv", "weight gradient", 0.25),
    row("loss", "forward", 0.1),
    row("conv", "input gradient", 0.75),
  ];
  const kernels = { ...origin, rounds: 3, roofline: { fma: 100, copy: 10, matrix: null, forms }, rows };
  const host = { encoder: "convnet", batch: 2, imageSize: 16, dispatches: 10, microsecondsPerStep: 50 } as const;
  const text = readmeTables(kernels, [], {
    ...origin,
    rounds: 3,
    rows: [{ ...host, microsecondsPerDispatch: 5, objects: 0 }],
  });
  const lines = text.split("\n");
  assert.match(lines[0], "an adapter, Node 1");
  assert.ok(
    lines.includes("| conv | 50.0 GFLOP/s, 50 % | 75.0 GFLOP/s, 75 % | 25.0 GFLOP/s, 25 % | 40 % | 65 % |"),
    text,
  );
  assert.ok(lines.includes("| loss | forward | 10.0 GFLOP/s | 10 % |  |  |"), text);
  assert.ok(lines.includes("| convnet | 10 | 50.0 | 5.00 | 0 |"), text);
});

readme.run();
