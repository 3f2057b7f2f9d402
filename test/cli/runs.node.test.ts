import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { isRecord, parseObject } from "../../src/io/json.js";
import { takeLock } from "../../src/io/lock.js";
import { DEFAULT_CONFIG } from "../../src/training/config.js";
import { writeFiles } from "../data/make-files.js";
import { failed, simclr, succeeded } from "./command.js";

const commands = suite("simclr list and compare");

/** A run of so many epochs of two steps, as it stands on disk. */
function run(changes: object, epochs: number, more: object = {}): Record<string, string> {
  const training = { ...DEFAULT_CONFIG, epochs: 2, options: { temperature: 0.5 }, ...changes };
  const steps = Array.from({ length: 2 * epochs }, (_, i) => ({
    ...{ kind: "step", step: i + 1, epoch: (i + 1) / 2, loss: 4 - i, learningRate: 0.001, outputStd: 0.08 },
    lossScale: 1,
  }));
  const evaluations = Array.from({ length: epochs + 1 }, (_, epoch) => ({
    ...{ kind: "evaluation", step: 2 * epoch, epoch, knn: 0.25 + epoch / 10, knn20: 0.2, testImages: 40 },
    probe: epoch === 2 ? 0.5 : null,
  }));
  return {
    "config.json": JSON.stringify({ version: "0.1.0", adapter: "none", ...more, training }),
    "metrics.jsonl": [...steps, ...evaluations].map((line) => `${JSON.stringify(line)}\n`).join(""),
  };
}

let cwd = "";
let unlock = async () => {};
commands.before(async () => {
  cwd = await mkdtemp(join(tmpdir(), "simclr-runs-"));
  const odd = "2026-01-03-000000-<b>odd & \u202e";
  const runs = {
    "2026-01-02-030405-stopped": { ...run({ epochs: 3 }, 1), "encoder.safetensors": "" },
    // Its name says nothing of when it began.
    done: {
      ...run({ options: { temperature: 0.1 } }, 2, { started: "2025-12-31T00:00:00.000Z" }),
      "encoder.safetensors": "",
    },
    [odd]: run({ method: "byol", width: 0.5, options: { momentum: 0.9 } }, 0),
    broken: { "config.json": "{", "metrics.jsonl": "" },
    foreign: { "config.json": '{"name": "of something else"}' },
  };
  for (const [name, files] of Object.entries(runs)) await writeFiles(join(cwd, "runs", name), files);
  const damaged = run({}, 1)["metrics.jsonl"];
  await writeFiles(join(cwd, "runs/2026-01-02-030405-stopped"), { "metrics.jsonl": `no JSON\n${damaged}{"kind": "st` });
  await mkdir(join(cwd, "runs/empty"));
  unlock = await takeLock(join(cwd, "runs", odd, "run.lock"), "this test");
});
commands.after(async () => {
  await unlock();
  await rm(cwd, { recursive: true });
});

function rowsOf(text: string): Record<string, unknown>[] {
  const { runs } = parseObject(text) ?? {};
  assert.ok(Array.isArray(runs) && runs.every(isRecord), text);
  return runs;
}

commands("list what there is, the oldest first, and name what is no run", async () => {
  const [table, json, nowhere, single, nothing] = await Promise.all([
    simclr(["list"], { cwd }),
    simclr(["list", "runs", "--json"], { cwd }),
    simclr(["list", "nowhere"], { cwd }),
    simclr(["list", "runs/done"], { cwd }),
    simclr(["list", "runs/empty"], { cwd }),
  ]);
  const { stdout, stderr } = succeeded(table);
  const [heading, , ...lines] = stdout.trimEnd().split("\n");
  assert.match(heading, /^run +method +encoder +epochs +state +loss +kNN +kNN \(k = 20\) +probe +began$/);
  assert.is(lines.length, 3);
  assert.match(lines[0], /^done +simclr +convnet +2\/2 +done +1\.500 +45\.0 % +20\.0 % +50\.0 % +20/);
  assert.match(lines[1], /stopped +simclr +convnet +1\/3 +interrupted +3\.500 +35\.0 % +20\.0 % +- +2026-01-02 03:04$/);
  assert.match(lines[2], /<b>odd & \\u202e +byol +convnet 0\.5x +0\/2 +running +- +- +- +- +2026-01-03 00:00$/);
  assert.match(stderr, /stopped: 1 damaged line of metrics\.jsonl left out/);
  for (const other of [
    /broken.config\.json is damaged/,
    /foreign.config\.json is not that of a run/,
    /empty is not a run/,
  ])
    assert.match(stderr, other);

  const runs = rowsOf(succeeded(json).stdout);
  assert.equal(
    runs.map(({ state, knn, loss, started }) => ({ state, knn, loss, known: started !== null })),
    [
      { state: "done", knn: 0.45, loss: 1.5, known: true },
      { state: "interrupted", knn: 0.35, loss: 3.5, known: true },
      { state: "running", knn: null, loss: null, known: true },
    ],
  );
  const others = parseObject(json.stdout)?.["others"];
  assert.ok(Array.isArray(others) && others.length === 3);
  failed(nowhere, /nowhere cannot be read \(ENOENT\)/);
  failed(single, /runs\/done is a run itself/);
  assert.is(succeeded(nothing).stdout, "no runs in runs/empty\n");
});

commands("compare settings, results and curves, and leave out what is no run", async () => {
  const stopped = "runs/2026-01-02-030405-stopped";
  const [table, json, same, none] = await Promise.all([
    simclr(["compare", "runs/done", stopped, "runs/broken", "nowhere", "runs/done"], { cwd }),
    simclr(["compare", "runs/done", "runs/2026-01-03-000000-<b>odd & \u202e", "--json", "--page", "c.html"], { cwd }),
    simclr(["compare", "runs/done", "--no-page"], { cwd }),
    simclr(["compare", "runs/empty"], { cwd }),
  ]);
  const { stdout, stderr } = succeeded(table);
  assert.match(stdout, /^1 {2}runs\/done\n2 {2}runs\/2026-01-02-030405-stopped\n\n/);
  const settings = /setting +1 +2\n-+\n(.*?)\n\n/s
    .exec(stdout)?.[1]
    .split("\n")
    .map((line) => line.split(/ {2,}/));
  assert.equal(settings, [
    ["epochs", "2", "3"],
    ["temperature", "0.1", "0.5"],
  ]);
  assert.match(stdout, /^kNN +45\.0 % +35\.0 %$/m);
  assert.match(stdout, /^page: runs\/compare\.html$/m);
  assert.match(stderr, /broken.config\.json is damaged/);
  assert.match(stderr, /no run folder nowhere/);
  const page = await readFile(join(cwd, "runs/compare.html"), "utf8");
  // Loss, kNN, kNN of 20, spread and rate, each with a line a run.
  assert.is(page.match(/<figure/g)?.length, 5);
  assert.not.match(page, /(src|href)="?(https?:|\/\/)/);

  const { differences } = parseObject(succeeded(json).stdout) ?? {};
  // Options that only one of the methods has are none of the differences.
  assert.equal(differences, { method: ["simclr", "byol"], width: [1, 0.5] });
  assert.match(json.stderr, /page: c\.html/);
  assert.match(await readFile(join(cwd, "c.html"), "utf8"), /&lt;b&gt;odd &amp; \\u202e/);
  assert.match(succeeded(same).stdout, /no setting differs/);
  failed(none, /none of these folders is a run/);
});

commands.run();
