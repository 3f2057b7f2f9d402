import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ConfigError } from "../../src/errors.js";
import { experimentNamed, experiments } from "../../src/experiments/catalogue.js";
import { framesOfClips } from "../../src/experiments/clip-parts.js";
import type { PlannedRun } from "../../src/experiments/experiment.js";
import { CANDIDATES } from "../../src/experiments/methods.js";
import { movingShapes } from "../../src/experiments/moving-shapes.js";
import { Results, type RunResult } from "../../src/experiments/results.js";
import { imagesFor, SCALES, settingFor } from "../../src/experiments/setting.js";
import { METHODS } from "../../src/methods/catalogue.js";
import { renderExperimentReport } from "../../src/report/experiment-report.js";
import { completeConfig, DEFAULT_CONFIG, withChanges } from "../../src/training/config.js";
import { stepFlops } from "../../src/training/plan.js";
import { throws } from "../data/expect.js";
import { testDevice } from "../lib/device.js";
import { stripes } from "../training/small-set.js";

const catalogue = suite("experiments");

/** Labelled images of which only the size and the number count: nothing is read. */
function imagesOf(imageSize: number, train: number, test: number) {
  const set = stripes(3, { width: imageSize, height: imageSize });
  const classes = Array.from({ length: 10 }, (_, label) => String(label));
  const many = (length: number) => ({ ...set, length, classes, labels: new Uint32Array(length) });
  return { train: many(train), test: many(test) };
}

const CASES = SCALES.flatMap((scale) => [
  { scale, images: imagesOf(32, 2000, 1000) },
  { scale, images: imagesOf(16, 60, 30) },
  { scale, images: imagesOf(96, 20_000, 2000) },
]);

/** A result that has a value of every name, another one for each run and name. */
function invented({ key, label, factors }: PlannedRun): RunResult {
  const valueFor = (name: string) => {
    const hash = [...`${key} ${name}`].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 9973, 7);
    return 0.1 + (0.8 * hash) / 9973;
  };
  const values: Record<string, number> = { knn: valueFor("knn"), probe: valueFor("probe") };
  const any = new Proxy(values, { get: (_, name) => valueFor(String(name)) });
  const curve: Record<string, number[]> = {};
  const series = new Proxy(curve, { get: (_, name) => [0, 1, 2].map((i) => valueFor(`${String(name)} ${i}`) + i) });
  const pictures = Array.from({ length: 12 }, () => "data:image/png;base64,iVBORw0KGgo=");
  return { key, label, factors, values: any, series, pictures, seconds: 61, adapter: "invented" };
}

catalogue("have names of their own, and are found by them", () => {
  const names = experiments.map(({ name }) => name);
  assert.is(new Set(names).size, names.length);
  for (const experiment of experiments) assert.is(experimentNamed(experiment.name), experiment);
  throws(() => experimentNamed("batch"), ConfigError, /no experiment "batch": choose batch-size, /);
});

for (const experiment of experiments) {
  catalogue(`${experiment.name}: plans runs with folders of their own at every scale`, () => {
    for (const { scale, images } of CASES) {
      const runs = experiment.plan(settingFor(scale, images));
      const keys = runs.map(({ key }) => key);
      assert.ok(keys.length > 0);
      assert.is(new Set(keys).size, keys.length, keys.join());
      for (const key of keys) assert.match(key, /^[A-Za-z0-9][A-Za-z0-9._-]*$/);
      const settings = runs.map((run) => JSON.stringify(run.settings));
      assert.is(new Set(settings).size, settings.length, "two runs do the same");
      for (const { effort } of runs) {
        for (const amount of [effort.steps, effort.embedded, effort.probeSteps]) assert.ok(amount >= 0);
      }
    }
  });

  catalogue(`${experiment.name}: shows whatever comes out`, async () => {
    for (const { scale, images } of CASES) {
      const setting = settingFor(scale, images);
      const results = new Results(setting, experiment.plan(setting).map(invented));
      const { findings, sections } = experiment.present(results);
      assert.ok(findings.length > 0 && sections.length > 0);
      const html = await renderExperimentReport({
        title: experiment.title,
        shows: experiment.shows,
        command: "",
        scale,
        scaleNote: "",
        images: "",
        adapters: [],
        softwareAdapter: false,
        version: "",
        seconds: 1,
        seeds: 1,
        findings,
        sections,
        settings: [],
        runs: [],
      });
      assert.not.match(html, /NaN|undefined|Infinity|\[object/);
    }
  });
}

catalogue("transfer goes to another set where there is one, and else between halves of the classes", () => {
  const images = imagesOf(32, 2000, 1000);
  const target = { train: { ...images.train, length: 500 }, test: { ...images.test, length: 100 } };
  const steps = (setting: ReturnType<typeof settingFor>) =>
    experimentNamed("transfer")
      .plan(setting)
      .filter(({ factors }) => factors["stage"] === "training")
      .map(({ effort }) => effort.steps);
  const [toTarget, toHalf] = [settingFor("smoke", images, {}, target), settingFor("smoke", images)];
  const { epochs = 0 } = experimentNamed("transfer").plan(toHalf)[0].effort.config ?? {};
  assert.equal(steps(toTarget), [epochs * Math.floor(2000 / 128), epochs * Math.floor(2000 / 128)]);
  assert.equal(steps(toHalf), [epochs * Math.floor(1000 / 128), epochs * Math.floor(1000 / 128)]);
  const few = settingFor("smoke", { train: stripes(60), test: stripes(30) });
  throws(() => experimentNamed("transfer").plan(few), ConfigError, /have 3 classes; .* each half needs two/);
});

catalogue("of a scale take so many images and such a batch", () => {
  const { train, test } = imagesOf(32, 60, 30);
  assert.is(settingFor("smoke", { train, test }).base.batch, 16);
  assert.is(settingFor("smoke", { train, test }, { batch: 32 }).base.batch, 16);
  assert.is(settingFor("smoke", imagesOf(32, 2000, 1000)).base.batch, 128);
  assert.is(settingFor("full", imagesOf(32, 50_000, 10_000)).base.encoder, "resnet18");
  assert.is(settingFor("full", imagesOf(224, 50_000, 10_000)).base.encoder, "resnet50");
});

catalogue("methods: compares every one that learns from single images, by the passes that its step takes", async () => {
  const compared = new Set(CANDIDATES.map(({ method }) => method));
  const others = METHODS.map(({ name }) => name).filter((name) => !compared.has(name));
  assert.equal(others, ["tcn"]);
  const device = await testDevice();
  const common = withChanges(DEFAULT_CONFIG, { encoder: "resnet18", batch: 16 });
  const flopsOf = ({ method, options = {} }: (typeof CANDIDATES)[number]) =>
    stepFlops(device, completeConfig(withChanges(common, { method, options })), 32, 10, 100);
  const supervised = CANDIDATES.find(({ name }) => name === "supervised");
  assert.ok(supervised);
  const pass = flopsOf(supervised) / supervised.passes;
  for (const candidate of CANDIDATES) {
    const passes = flopsOf(candidate) / pass;
    // Heads, losses and views come on top.
    assert.ok(passes / candidate.passes > 0.97 && passes / candidate.passes < 1.12, `${candidate.name}: ${passes}`);
  }
});

catalogue("time: takes whole clips, some of them to test on", () => {
  const clips = movingShapes();
  const { train, test } = imagesFor(clips, "smoke");
  assert.ok(test);
  assert.equal([framesOfClips(train).length, framesOfClips(test).length], [24, 8]);
  // Without a part to test on, every fifth: the frames of no clip are in both.
  const frames = { ...stripes(60), clips: { clip: new Uint32Array(60), time: new Uint32Array(60) } };
  frames.clips.clip.forEach((_, i) => {
    frames.clips.clip[i] = i % 12;
    frames.clips.time[i] = 100 - i;
  });
  const parts = imagesFor({ train: frames, test: null }, "smoke");
  const of = (set: typeof parts.test) => [...new Set(set?.clips?.clip)].toSorted((a, b) => a - b);
  assert.equal(of(parts.test), [4, 9]);
  assert.equal(of(parts.train), [0, 1, 2, 3, 5, 6, 7, 8, 10, 11]);
  const [first] = framesOfClips(frames);
  assert.equal(first, [48, 36, 24, 12, 0], "in the order of time");
  const few = { ...frames, clips: { ...frames.clips, clip: frames.clips.clip.map((clip) => clip % 9) } };
  throws(
    () => imagesFor({ train: few, test: null }, "smoke"),
    ConfigError,
    /there are 9 clips of two frames and more: it takes 10 /,
  );
  throws(
    () => imagesFor({ train: frames, test: { ...few, clips: { ...few.clips, clip: new Uint32Array(60) } } }, "smoke"),
    ConfigError,
    /there are 12 to train and 1 to test clips of two frames and more: it takes 2 of each /,
  );
});

catalogue.run();
