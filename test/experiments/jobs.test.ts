import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { PlannedRun } from "../../src/experiments/experiment.js";
import { chosenRuns, jobsOf } from "../../src/experiments/jobs.js";

const jobs = suite("jobs of an experiment");

function run(key: string, needs?: readonly string[]): PlannedRun {
  const effort = { config: null, steps: 0, embedded: 0, probeSteps: 0 };
  return { key, label: key, factors: {}, settings: null, effort, work: async () => null, ...(needs && { needs }) };
}

const runs = [run("a"), run("b"), run("c", ["a"]), run("d", ["c"]), run("e", []), run("f", ["b", "e"])];

jobs("hold runs that need each other, and no others", () => {
  const found = jobsOf(runs).map(({ key, runs: own }) => [key, own.map((one) => one.key).join("")]);
  assert.equal(found.sort(), [
    ["a", "acd"],
    ["b", "bef"],
  ]);
  assert.equal(
    jobsOf(runs.slice(0, 2)).map(({ key }) => key),
    ["a", "b"],
  );
});

jobs("come with what a run needs, in the order of the experiment", () => {
  assert.equal(
    chosenRuns(runs, ["d", "b"]).map(({ key }) => key),
    ["a", "b", "c", "d"],
  );
  assert.throws(() => chosenRuns(runs, ["dd"]), /no run dd/);
});

jobs.run();
