import { appendFile, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CheckpointError } from "../../src/errors.js";
import { RunFolder } from "../../src/runs/run-folder.js";

const parent = await mkdtemp(join(tmpdir(), "simclr-runs-"));
const runs = suite("run folder");

runs.after(() => rm(parent, { recursive: true }));

async function refuses(promise: Promise<unknown>, message: RegExp): Promise<void> {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  assert.instance(error, CheckpointError);
  assert.match(String(error), message);
}

runs("is named by date, time and name, and is never an existing one", async () => {
  const date = new Date(2026, 0, 9, 3, 4, 5);
  const names: string[] = [];
  for (let i = 0; i < 3; i++)
    names.push(basename((await RunFolder.create(join(parent, "a/b"), "cifar-10", date)).path));
  assert.equal(names, ["2026-01-09-030405-cifar-10", "2026-01-09-030405-cifar-10-2", "2026-01-09-030405-cifar-10-3"]);
  assert.equal((await readdir(join(parent, "a/b"))).sort(), names);
});

runs("stays in its parent whatever the name", async () => {
  const date = new Date(2026, 0, 9, 3, 4, 5);
  for (const [name, folder] of [
    ["../../etc/photos of cats", "2026-01-09-030405-etc-photos-of-cats"],
    ["..", "2026-01-09-030405-run"],
    ["Vögel", "2026-01-09-030405-Vögel"],
  ] as const) {
    const run = await RunFolder.create(join(parent, "names"), name, date);
    assert.is(run.path, join(parent, "names", folder));
  }
  const long = await RunFolder.create(join(parent, "names"), "x".repeat(500), date);
  assert.ok(basename(long.path).length < 100);
});

runs("says why it cannot be created", async () => {
  await writeFile(join(parent, "a-file"), "");
  await refuses(RunFolder.create(join(parent, "a-file"), "x"), /Cannot write .*a-file/);
});

runs("writes and reads the configuration", async () => {
  const run = await RunFolder.create(parent, "config");
  await refuses(run.readConfig(), /config\.json is missing/);
  await refuses(RunFolder.open(run.path), /is not a run folder: it has no config\.json/);
  await run.writeConfig({ seed: 1, encoder: { name: "resnet18" } });
  const opened = await RunFolder.open(run.path);
  assert.equal(await opened.readConfig(), { seed: 1, encoder: { name: "resnet18" } });
  for (const text of ['{"seed":', "[1]", "null"]) {
    await writeFile(run.file("config"), text);
    await refuses(run.readConfig(), /config\.json is damaged/);
  }
  await refuses(RunFolder.open(join(parent, "missing")), /There is no run folder/);
});

runs("appends metrics, and reads them back without a half-written line", async () => {
  const run = await RunFolder.create(parent, "metrics");
  assert.equal(await run.readMetrics(), []);
  await run.appendMetrics({ step: 1, loss: 5.5, note: "first" });
  await run.appendMetrics({ step: 2, loss: Number.NaN });
  await appendFile(run.file("metrics"), '{"step":3,"loss":');
  assert.equal(await run.readMetrics(), [
    { step: 1, loss: 5.5, note: "first" },
    { step: 2, loss: null },
  ]);
});

runs("leaves a damaged line of the metrics out, and tells which", async () => {
  const run = await RunFolder.create(parent, "damaged");
  for (const line of ["garbage", '{"loss":1}', '{"step":2,"loss":[1]}', "3"]) {
    await writeFile(run.file("metrics"), `{"step":1}\n${line}\n{"step":3}\n`);
    const damaged: number[] = [];
    assert.equal(await run.readMetrics((number) => damaged.push(number)), [{ step: 1 }, { step: 3 }]);
    assert.equal(damaged, [2]);
    await run.prepareResume(3);
    assert.is(await readFile(run.file("metrics"), "utf8"), '{"step":1}\n{"step":3}\n');
  }
});

runs("never holds a step twice after a resume", async () => {
  const run = await RunFolder.create(parent, "resume");
  for (let step = 1; step <= 5; step++) await run.appendMetrics({ step, loss: 10 - step });
  await appendFile(run.file("metrics"), '{"step":6,"lo');
  await run.prepareResume(3);
  for (let step = 4; step <= 6; step++) await run.appendMetrics({ step, loss: step });
  assert.equal(
    (await run.readMetrics()).map(({ step }) => step),
    [1, 2, 3, 4, 5, 6],
  );
  assert.match(await readFile(run.file("metrics"), "utf8"), /^(\{.*\}\n){6}$/);
});

runs("removes what a killed run left half-written when it is resumed, and nothing else", async () => {
  const run = await RunFolder.create(parent, "leftovers");
  const stay = ["config.json", "metrics.jsonl", "checkpoint.safetensors", "notes.tmp-1", "report.html.tmp"];
  for (const name of [...stay, "checkpoint.safetensors.tmp-4711", "report.html.tmp-1"]) {
    await writeFile(join(run.path, name), "");
  }
  await run.prepareResume(0);
  assert.equal((await readdir(run.path)).sort(), [...stay].sort());
});

runs.run();
