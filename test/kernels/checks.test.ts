import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { KernelBinding } from "../../kernels/definition.js";
import * as kernels from "../../kernels/generated.js";
import { passes, worstDeviation } from "../../src/doctor/check.js";
import { type CheckResult, checks, checksFor, halfChecks, runChecks } from "../../src/doctor/checks.js";
import { ConfigError, ShapeError } from "../../src/errors.js";
import { rejects } from "../data/expect.js";
import { testDevice } from "../lib/device.js";

const references = suite("kernels against references");

const device = await testDevice();
const all = checksFor(device);

// All at once: what one check computes on the host, another one does on the device meanwhile.
let results: Promise<CheckResult[]> | null = null;
const reported: CheckResult[] = [];

async function runOnce(): Promise<CheckResult[]> {
  results ??= runChecks(device, (result) => reported.push(result));
  return results;
}

for (const [i, { kernels: names, shape }] of all.entries()) {
  references(`${names.join(", ")}: ${shape}`, async () => {
    const { error, tolerance, passed } = (await runOnce())[i];
    assert.ok(passed, `off by ${error}, and rounding allows ${tolerance}`);
  });
}

references("results are reported one by one, in the order of the checks", async () => {
  const done = await runOnce();
  assert.ok(done.length === all.length && done.every(({ check }, i) => check === all[i]));
  assert.equal(reported, done);
});

references("every kernel is checked", () => {
  const checked = new Set<string>([...checks, ...halfChecks].flatMap((check) => check.kernels));
  assert.equal(
    Object.keys(kernels).filter((name) => !checked.has(name)),
    [],
  );
});

references("every kernel with a form for f16 is checked with f16", () => {
  const checked = new Set<string>(halfChecks.flatMap((check) => check.kernels));
  const withHalf = Object.values(kernels).filter(({ bindings }) =>
    bindings.some(({ element }: KernelBinding) => element === "stored"),
  );
  assert.ok(withHalf.length > 0);
  assert.equal(
    withHalf.map(({ name }) => name).filter((name) => !checked.has(name)),
    [],
  );
});

// What they do where the adapter has f16 stands above.
if (!device.has("shader-f16")) {
  for (const { kernels: names, shape, run } of halfChecks) {
    references(`${names.join(", ")}: ${shape} is refused where the adapter has no f16`, () =>
      rejects(run(device), ConfigError, /shader-f16/),
    );
  }
}

references.run();

const deviation = suite("deviation");

deviation("is that of the element that is off by most of what it may", () => {
  const actual = { y: Float64Array.of(1, 2.5, 3.25) };
  const expected = { y: Float64Array.of(1, 2, 3) };
  assert.equal(worstDeviation(actual, expected, { y: Float64Array.of(0, 1, 0.25) }), { error: 0.25, tolerance: 0.25 });
});

deviation("fails where an exact element is off, and for NaN and infinity", () => {
  const check = (found: number, allowed: number) =>
    passes(worstDeviation({ y: Float64Array.of(found) }, { y: Float64Array.of(1) }, { y: Float64Array.of(allowed) }));
  assert.is(check(1, 0), true);
  assert.is(check(1 + 2 ** -24, 0), false);
  assert.is(check(Number.NaN, 1), false);
  assert.is(check(Number.POSITIVE_INFINITY, 1e30), false);
});

deviation("refuses outputs of another length", () => {
  const two = new Float64Array(2);
  assert.throws(
    () => worstDeviation({ y: new Float64Array(1) }, { y: two }, { y: two }),
    (error: unknown) =>
      error instanceof ShapeError && error.message === "y: 1 results, 2 expected values and 2 tolerances",
  );
});

deviation.run();
