import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type BuildStep, compareBuilds, comparisonTable, type MeasuredBuild } from "../../bench/measure/regression.js";

const regression = suite("the comparison of two builds");

/** A build with these times of a step, round by round. */
function made(times: readonly number[], others: Partial<Omit<BuildStep & MeasuredBuild, "steps">> = {}): MeasuredBuild {
  const { dispatches = 70, bytes = 2 ** 20, bundleBytes = 100_000 } = others;
  return {
    steps: times.map((milliseconds) => ({ adapter: "an adapter", milliseconds, dispatches, bytes })),
    bundleBytes,
  };
}

const worse = (base: MeasuredBuild, here: MeasuredBuild): string[] =>
  compareBuilds(base, here).flatMap(({ figure, worse }) => (worse ? [figure] : []));

const STEADY = [100, 101, 99, 100, 102];

regression("finds nothing where both are the same, or where the second is better", () => {
  assert.equal(worse(made(STEADY), made(STEADY)), []);
  assert.equal(
    worse(made(STEADY), made([50, 50, 50, 50, 50], { dispatches: 60, bytes: 2 ** 19, bundleBytes: 90_000 })),
    [],
  );
});

regression("finds a step that is slower by more than the rounds differ", () => {
  assert.equal(worse(made(STEADY), made(STEADY.map((time) => 1.05 * time))), ["time a step"]);
});

regression("lets go what the rounds differ by anyway", () => {
  const unsteady = [100, 140, 90, 120, 101];
  assert.equal(worse(made(unsteady), made([106, 120, 110, 118, 95])), []);
});

regression("sees that a machine was slow in some rounds, for both", () => {
  const rounds = [100, 300, 100, 500, 100];
  assert.equal(worse(made(rounds), made(rounds)), []);
  assert.equal(worse(made(rounds), made(rounds.map((time) => 1.05 * time))), ["time a step"]);
});

regression("finds one dispatch, one byte on the device, and a bundle that grew by more than functions do", () => {
  assert.equal(worse(made(STEADY), made(STEADY, { dispatches: 71 })), ["dispatches"]);
  assert.equal(worse(made(STEADY), made(STEADY, { bytes: 2 ** 20 + 4 })), ["device memory"]);
  assert.equal(worse(made(STEADY), made(STEADY, { bundleBytes: 100_900 })), []);
  assert.equal(worse(made(STEADY), made(STEADY, { bundleBytes: 102_000 })), ["bundle, gzipped"]);
});

regression("leaves out the bundle of a build that makes none", () => {
  const figures = compareBuilds(made(STEADY, { bundleBytes: null }), made(STEADY)).map(({ figure }) => figure);
  assert.equal(figures, ["time a step", "dispatches", "device memory"]);
});

regression("prints a figure a row, and marks what is worse", () => {
  const [, time, dispatches, memory, bundle] = comparisonTable(
    compareBuilds(made(STEADY), made(STEADY, { dispatches: 77 })),
  );
  assert.equal(time, ["time a step", "100 ms", "100 ms", "+0.0 %", "2.0 %", ""]);
  assert.equal(dispatches, ["dispatches", "70", "77", "+10.0 %", "none", "WORSE"]);
  assert.equal(memory, ["device memory", "1.0 MiB", "1.0 MiB", "+0.0 %", "none", ""]);
  assert.equal(bundle, ["bundle, gzipped", "100.0 kB", "100.0 kB", "+0.0 %", "1.0 %", ""]);
});

regression.run();
