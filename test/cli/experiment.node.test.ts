import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { isRecord, parseObject } from "../../src/io/json.js";
import { inTemporaryFolder, writeFiles } from "../data/make-files.js";
import { failed, simclr, succeeded } from "./command.js";
import { classFolders } from "./pictures.js";

const command = suite("simclr experiment");

command("prints its plan, runs it, and goes on with what is left", () =>
  inTemporaryFolder(async (cwd) => {
    await writeFiles(join(cwd, "set"), await classFolders(60));
    const args = ["experiment", "color-shortcut", "--out", "out"];
    const planned = succeeded(await simclr([...args, "--data", "set", "--plan"], { cwd })).stdout;
    assert.match(planned, /^The colour shortcut \(smoke\)$/m);
    assert.match(planned, /^strength 0, seed 1 +0\.00 GFLOP +\d+ s$/m);
    assert.match(planned, /^to do: 3 of 3 +0\.00 GFLOP +\d+ s$/m);
    assert.equal(await readdir(cwd), ["set"]);

    const { stdout } = succeeded(await simclr([...args, "--data", "set"], { cwd }));
    assert.match(stdout, /^run 3 of 3: strength 1, seed 1$/m);
    assert.match(stdout, /^- From histograms alone, a linear classifier tells /m);
    assert.match(stdout, /^report: out\/color-shortcut-smoke\/report\.html$/m);
    const report = join(cwd, "out/color-shortcut-smoke/report.html");
    const page = await readFile(report, "utf8");
    assert.match(page, /data:image\/png/);

    // One run is lost, and the images are not named again.
    await rm(join(cwd, "out/color-shortcut-smoke/runs/strength-0.5-seed-1"), { recursive: true });
    const resumed = succeeded(await simclr([...args, "--resume"], { cwd })).stdout;
    assert.match(resumed, /^strength 0, seed 1 .* done$/m);
    assert.match(resumed, /^to do: 1 of 3 /m);
    assert.equal(
      [...resumed.matchAll(/^run .*$/gm)].slice(1).map(([line]) => line),
      ["run 2 of 3: strength 0.5, seed 1"],
    );
    await writeFiles(join(cwd, "fewer"), await classFolders(40));
    failed(await simclr([...args, "--data", "fewer"], { cwd }), /holds this experiment on other images/);
  }),
);

command("makes independent jobs of its runs, and gathers what they found", () =>
  inTemporaryFolder(async (cwd) => {
    await writeFiles(join(cwd, "a set"), await classFolders(60));
    const common = ["experiment", "color-shortcut", "--data", "a set", "--out", "out"];
    const { jobs, runs } = parseObject(succeeded(await simclr([...common, "--plan", "--json"], { cwd })).stdout) ?? {};
    assert.ok(Array.isArray(jobs) && jobs.every(isRecord) && Array.isArray(runs));
    const keys = ["0", "0.5", "1"].map((strength) => `strength-${strength}-seed-1`);
    assert.equal(
      jobs.map(({ key, runs: own, folder, done }) => [key, own, folder, done]),
      keys.map((key) => [key, [key], `out/jobs/${key}`, false]),
    );
    assert.match(
      String(jobs[0]["command"]),
      / experiment color-shortcut --data 'a set' --only strength-0-seed-1 --out out.jobs/,
    );

    const argsOf = ({ args }: Record<string, unknown>) => (Array.isArray(args) ? args.map(String) : []);
    const [first, second] = await Promise.all(jobs.slice(0, 2).map((job) => simclr(argsOf(job), { cwd })));
    assert.match(succeeded(first).stdout, /^folder: out\/jobs\/strength-0-seed-1\/color-shortcut-smoke$/m);
    succeeded(second);
    const gather = [...common, "--gather", ...keys.map((key) => `out/jobs/${key}`)];
    const early = await simclr(gather, { cwd });
    failed(early, /1 of the 3 runs are done in none of these folders: strength-1-seed-1; do them/);
    assert.match(early.stdout, /left out: out\/jobs\/strength-1-seed-1 holds no experiment color-shortcut-smoke/);

    succeeded(await simclr([...argsOf(jobs[2]), "--quiet"], { cwd }));
    // The images are those that the jobs say, and what was gathered before stays.
    const { stdout } = succeeded(
      await simclr(["experiment", "color-shortcut", "--out", "out", "--gather", "out/jobs/strength-1-seed-1"], { cwd }),
    );
    assert.match(stdout, /^gathered: 1 run$/m);
    assert.match(stdout, /^report: out\/color-shortcut-smoke\/report\.html$/m);
    failed(await simclr([...common, "--only", "strength-2-seed-1"], { cwd }), /no run strength-2-seed-1: did you mean/);
  }),
);

command("trains, fine-tunes on lists of labels, and compares", () =>
  inTemporaryFolder(async (cwd) => {
    await writeFiles(join(cwd, "set"), await classFolders(60));
    const { stdout } = succeeded(await simclr(["experiment", "few-labels", "--data", "set", "--out", "out"], { cwd }));
    assert.match(stdout, /^run 7 of 7: start from scratch, labels 1, seed 1$/m);
    assert.match(stdout, /^- Against training from scratch, the pre-trained encoder gains .* of the labels\.$/m);
    const folder = join(cwd, "out/few-labels-smoke");
    const rows = (await readFile(join(folder, "results.csv"), "utf8")).trim().split("\n");
    assert.is(rows.length, 1 + 7);
    const lists = ["pre-trained", "from-scratch"].map((start) =>
      readFile(join(folder, `runs/start-${start}-labels-0.1-seed-1/training-images.txt`), "utf8"),
    );
    const [pretrained, fromScratch] = await Promise.all(lists);
    assert.ok(pretrained.length > 0);
    assert.is(pretrained, fromScratch, "both start from the same labels");
  }),
);

command("plans an experiment on clips of its own, on others, and refuses images that are none", () =>
  inTemporaryFolder(async (cwd) => {
    const { stdout } = succeeded(await simclr(["experiment", "time", "--plan"], { cwd }));
    assert.match(stdout, /^images: +moving shapes, \d+ frames to train, \d+ to test, drawn for this experiment$/m);
    assert.match(stdout, /^to do: 5 of 5 /m);
    await writeFiles(join(cwd, "set"), await classFolders(60));
    failed(await simclr(["experiment", "time", "--data", "set", "--plan"], { cwd }), /clips/);
    failed(await simclr(["experiment", "time", "--scale", "small"], { cwd }), /name some with --data/);
  }),
);

command.run();
