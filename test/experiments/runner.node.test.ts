import { readdir, readFile, writeFile } from "node:fs/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CheckpointError, ConfigError } from "../../src/errors.js";
import type { Experiment, PlannedRun } from "../../src/experiments/experiment.js";
import { type ExperimentOptions, planExperiment, sourceOf } from "../../src/experiments/plan.js";
import { type ExperimentHooks, runExperiment } from "../../src/experiments/runner.js";
import { exactly } from "../../src/experiments/sentences.js";
import type { Setting } from "../../src/experiments/setting.js";
import { training } from "../../src/experiments/training.js";
import { rejects } from "../data/expect.js";
import { inTemporaryFolder } from "../data/make-files.js";
import { testDevice } from "../lib/device.js";
import { SMALL_CONFIG, stripes } from "../training/small-set.js";

const runner = suite("runner of experiments");

const IMAGES = { train: stripes(60), test: stripes(30) };
const PACE = { flops: 1e9, probeStep: 1e-3 };
const TEMPERATURES = [0.2, 0.5];

/** Two trainings and a run that only counts how often it was done, in the first of these numbers. */
function countingExperiment(count: { done: number }): Experiment {
  const counting: PlannedRun = {
    key: "count",
    label: "count",
    factors: { kind: "count" },
    settings: "count",
    effort: { config: null, steps: 0, embedded: 0, probeSteps: 0 },
    async work() {
      count.done += 1;
      return { values: { count: count.done }, series: { halves: [0.5, 1.5] } };
    },
  };
  return {
    name: "counting",
    title: "Counting",
    shows: "How often runs are done.",
    plan: (setting: Setting) => [
      counting,
      ...TEMPERATURES.map((temperature) => training(setting, { temperature, seed: 1 }, { options: { temperature } })),
    ],
    present: (results) => ({
      findings: [`counted ${results.estimate({ kind: "count" }, "count").mean}`],
      sections: [
        {
          title: "Counts",
          note: "",
          figures: [
            {
              kind: "table",
              title: "Counts",
              note: "",
              format: "number",
              rows: [
                ["what", "count"],
                ["runs", exactly(results.runs.length)],
              ],
            },
          ],
        },
      ],
    }),
  };
}

/** Plans and runs the counting experiment in a folder. */
async function run(
  out: string,
  count: { done: number },
  hooks: ExperimentHooks = {},
  options: Partial<ExperimentOptions> = {},
) {
  const device = await testDevice();
  const config = { ...SMALL_CONFIG, ...options.config };
  const all = { scale: "smoke", out, pace: PACE, ...options, config } as const;
  const plan = await planExperiment(device, countingExperiment(count), IMAGES, all);
  const began: string[] = [];
  const summary = await runExperiment(device, plan, { ...hooks, onRun: ({ key }) => began.push(key) });
  return { plan, summary, began, states: plan.runs.map(({ state }) => state) };
}

runner("runs what is planned, writes results and report, and does nothing twice", () =>
  inTemporaryFolder(async (out) => {
    const count = { done: 0 };
    const first = await run(out, count);
    assert.equal(first.states, ["new", "new", "new"]);
    assert.equal(first.began, ["count", "temperature-0.2-seed-1", "temperature-0.5-seed-1"]);
    const { folder, report, findings, finished } = first.summary;
    assert.ok(finished);
    assert.is(folder, `${out}/counting-smoke`);
    assert.equal(findings, ["counted 1"]);
    assert.equal((await readdir(folder)).sort(), [
      "experiment.json",
      "report.html",
      "results.csv",
      "results.json",
      "runs",
    ]);
    const training = await readdir(`${folder}/runs/temperature-0.2-seed-1`);
    assert.equal(training.sort(), [
      "checkpoint.safetensors",
      "config.json",
      "encoder.safetensors",
      "images.json",
      "metrics.jsonl",
      "run.json",
    ]);

    const results = JSON.parse(await readFile(`${folder}/results.json`, "utf8"));
    assert.equal([results.experiment, results.scale, results.findings], ["counting", "smoke", ["counted 1"]]);
    assert.equal(results.images, { train: 60, test: 30, imageSize: 16, classes: 3, target: null });
    assert.equal(results.runs[0].series, { halves: [0.5, 1.5] });
    const { values } = results.runs[2];
    for (const name of ["knn", "probe", "contrastiveAccuracy"]) {
      assert.ok(values[name] >= 0 && values[name] <= 1, `${name} is ${values[name]}`);
    }
    const rows = (await readFile(`${folder}/results.csv`, "utf8")).trim().split("\r\n");
    assert.is(rows.length, 4);
    assert.match(rows[0], /^run,kind,temperature,seed,count,knn,knn20,probe,.*,seconds$/);
    assert.match(rows[1], /^count,count,,,1,/);
    assert.match(rows[3], /^temperature-0\.5-seed-1,,0\.5,1,,0\./);
    assert.match(await readFile(report ?? "", "utf8"), /<h1>Counting<\/h1>/);

    const again = await run(out, count);
    assert.equal(again.states, ["done", "done", "done"]);
    assert.equal(again.began, []);
    assert.is(count.done, 1);
    assert.equal(again.summary.runs, first.summary.runs);
  }),
);

runner("goes on after an interruption where it stopped, and ends as without it", () =>
  inTemporaryFolder(async (folder) => {
    const whole = await run(`${folder}/whole`, { done: 0 });
    const out = `${folder}/parts`;
    const controller = new AbortController();
    const steps: number[] = [];
    const onStep = ({ step }: { readonly step: number }) => {
      steps.push(step);
      if (steps.length === 10) controller.abort();
    };
    const count = { done: 0 };
    const interrupted = await run(out, count, { signal: controller.signal, run: { onStep } });
    assert.not.ok(interrupted.summary.finished);
    assert.is(interrupted.summary.report, null);
    assert.equal(
      interrupted.summary.runs.map(({ key }) => key),
      ["count"],
    );
    // What is done is on disk by then.
    const results = JSON.parse(await readFile(`${out}/counting-smoke/results.json`, "utf8"));
    assert.is(results.runs.length, 1);
    const stopped = steps.length;
    assert.ok(stopped < 14, `${stopped} steps`);

    const resumed = await run(out, count, { run: { onStep } });
    assert.equal(resumed.states, ["done", "begun", "new"]);
    assert.equal(resumed.began, ["temperature-0.2-seed-1", "temperature-0.5-seed-1"]);
    assert.is(count.done, 1);
    // 7 steps an epoch, 2 epochs, 2 runs: no step was done twice.
    assert.is(steps.length, 28);
    const values = (of: typeof whole) => of.summary.runs.map((result) => result.values);
    assert.equal(values(resumed), values(whole));
  }),
);

runner("keeps what was done with other settings, and says what differs", () =>
  inTemporaryFolder(async (out) => {
    const first = await run(out, { done: 0 });
    await rejects(
      run(out, { done: 0 }, {}, { config: { weightDecay: 0.1 } }),
      ConfigError,
      /temperature-0\.2-seed-1 holds this run with other settings \(weightDecay 0\.000001, not 0\.1\)/,
    );
    const again = await run(out, { done: 0 });
    assert.equal(again.summary.runs, first.summary.runs);
    assert.equal(again.states, ["done", "done", "done"]);
  }),
);

runner("knows the runs that an earlier version did, whose configurations say less", () =>
  inTemporaryFolder(async (out) => {
    const first = await run(out, { done: 0 });
    const path = `${out}/counting-smoke/runs/temperature-0.5-seed-1/run.json`;
    const { settings, ...record } = JSON.parse(await readFile(path, "utf8"));
    const { patch: _, pooling: __, ...training } = settings.training;
    await writeFile(path, JSON.stringify({ settings: { ...settings, training }, ...record }));
    const again = await run(out, { done: 0 });
    assert.equal(again.states, ["done", "done", "done"]);
    assert.equal(again.summary.runs, first.summary.runs);
  }),
);

runner("does a run again that was killed before its first checkpoint", () =>
  inTemporaryFolder(async (out) => {
    const count = { done: 0 };
    const first = await run(out, count);
    const folder = `${out}/counting-smoke/runs/temperature-0.5-seed-1`;
    const record = JSON.parse(await readFile(`${folder}/run.json`, "utf8"));
    await writeFile(`${folder}/run.json`, JSON.stringify({ ...record, measured: null }));
    await writeFile(`${folder}/metrics.jsonl`, '{"step":1,"kind":"step","loss":1}\n');
    const { rm } = await import("node:fs/promises");
    await rm(`${folder}/checkpoint.safetensors`);
    const killed = await run(out, count);
    assert.equal(killed.states, ["done", "done", "begun"]);
    assert.equal(killed.summary.runs[2].values, first.summary.runs[2].values);
  }),
);

runner("refuses other images, damaged records and images without labels", () =>
  inTemporaryFolder(async (out) => {
    const device = await testDevice();
    const count = { done: 0 };
    const experiment = countingExperiment(count);
    const options = { scale: "smoke", out, pace: PACE, config: SMALL_CONFIG } as const;
    const source = { images: "/images", test: "/test" };
    const plan = await planExperiment(device, experiment, IMAGES, { ...options, source });
    assert.is(await sourceOf(plan.folder), null);
    await runExperiment(device, { ...plan, runs: plan.runs.slice(0, 1) });
    assert.equal(await sourceOf(plan.folder), { ...source, imageSize: 16 });

    const others = { train: stripes(50), test: IMAGES.test };
    await rejects(planExperiment(device, experiment, others, options), ConfigError, /on other images.*"train":60/);
    const unlabelled = { train: { ...IMAGES.train, labels: null, classes: [] }, test: null };
    const elsewhere = { ...options, out: `${out}/elsewhere` };
    await rejects(planExperiment(device, experiment, unlabelled, elsewhere), ConfigError, /need labelled images/);
    const never = { ...elsewhere, config: { ...SMALL_CONFIG, epochs: 0 } };
    await rejects(planExperiment(device, experiment, IMAGES, never), ConfigError, /epochs is 0/);
    for (const damaged of ['{"settings":', '{"settings":1,"adapter":"x","seconds":1,"measured":{}}']) {
      await writeFile(`${plan.folder}/runs/count/run.json`, damaged);
      await rejects(planExperiment(device, experiment, IMAGES, options), CheckpointError, /run\.json is damaged/);
    }
  }),
);

runner("estimates the work of every run, and measures the pace", () =>
  inTemporaryFolder(async (out) => {
    const device = await testDevice();
    const bytes = device.memory.currentBytes;
    const options = { scale: "smoke", out, config: SMALL_CONFIG } as const;
    const plan = await planExperiment(device, countingExperiment({ done: 0 }), IMAGES, options);
    const [counting, training, other] = plan.runs;
    assert.is(counting.cost.flops, 0);
    assert.is(training.cost.flops, other.cost.flops);
    assert.ok((training.cost.flops ?? 0) > 1e6, `${training.cost.flops} operations`);
    for (const { seconds } of plan.runs) assert.ok((seconds ?? 0) >= 1 && (seconds ?? 0) < 60, `${seconds} s`);
    const slow = await planExperiment(device, countingExperiment({ done: 0 }), IMAGES, {
      ...options,
      pace: { flops: 1, probeStep: 0 },
    });
    assert.is(slow.runs[1].seconds, 1 + (training.cost.flops ?? 0));
    assert.equal(await readdir(out), [], "planning writes nothing");
    assert.ok(device.memory.currentBytes - bytes < 2 ** 16, "planning leaves nothing on the device");
  }),
);

runner.run();
