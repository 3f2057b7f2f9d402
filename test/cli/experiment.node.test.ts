import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
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
