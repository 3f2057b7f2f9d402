import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Holdings } from "./openings.js";

const openings = suite("openings");

openings("leave nothing behind once the device is closed and collected", () => {
  // Only Linux counts there.
  if (!existsSync("/proc/self/task")) return;
  const program = fileURLToPath(new URL("openings.js", import.meta.url));
  const { stdout, status } = spawnSync(process.execPath, ["--expose-gc", program], {
    encoding: "utf8",
    timeout: 60_000,
  });
  assert.is(status, 0);
  const [before, after]: Holdings[] = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  // Standard output is a handle more. Twenty openings took 120 threads, 20 handles and 52 MiB when each had an instance of the GPU's library to itself.
  assert.ok(after.threads <= before.threads + 1, `${before.threads} threads, and ${after.threads} after 20 openings`);
  assert.ok(after.handles <= before.handles + 1, `${before.handles} handles, and ${after.handles} after 20 openings`);
  assert.ok(after.memory < before.memory + 20, `${before.memory} MiB, and ${after.memory} after 20 openings`);
});

openings.run();
