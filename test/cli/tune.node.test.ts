import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { variantNames, weightGradientVariants } from "../../src/ops/variants.js";
import { inTemporaryFolder, writeFiles } from "../data/make-files.js";
import { testDevice } from "../lib/device.js";
import { onlyRun, SMALL, simclr, start, stepsDone, succeeded } from "./command.js";
import { classFolders } from "./pictures.js";

const tuning = suite("simclr: tuning");

/** The smallest net, and a budget that the first kernels spend. */
const TUNE = ["tune", "--width", "0.25", "--batch", "16", "--image-size", "16", "--budget", "0.3"];

tuning("tune prints and keeps what it chose, and goes on where its budget ended", () =>
  inTemporaryFolder(async (cwd) => {
    const run = async (...args: string[]) => succeeded(await simclr(args, { cwd })).stdout;
    const empty = await run("tune", "--print");
    assert.match(empty, /no choices for this adapter in \S+choices\.json/);
    for (const [operation, names] of variantNames(await testDevice()))
      assert.ok(empty.includes(`  ${operation}: ${names.join(", ")}\n`), operation);

    const rows = (text: string) => [...text.matchAll(/^(\S+ .+ n?\S+) {3}.* ms +(lanes\S+) .* ms$/gm)];
    const first = await run(...TUNE);
    assert.match(first, /^kernel +default +chosen +time$/m);
    const chosen = rows(first).map(([, kernel, variant]) => [kernel.trim(), variant]);
    assert.ok(chosen.length > 0, first);
    const [, left] = /^(\d+) kernels were not timed/m.exec(first) ?? [];
    assert.is(chosen.length + Number(left ?? 0), 19);
    const printed = await run("tune", "--print");
    assert.match(printed, new RegExp(`^kernels: ${chosen.length} tuned choices?$`, "m"));
    for (const [kernel, variant] of chosen) {
      const line = printed.split("\n").find((text) => text.startsWith(`${kernel} `));
      assert.ok(line?.endsWith(` ${variant}`), `${kernel}: ${line}`);
    }

    const second = await run(...TUNE);
    for (const [kernel] of chosen) assert.not.ok(second.includes(`${kernel} `), kernel);
    assert.not.ok((await run("tune", "--clear")).includes("error"));
    assert.match(await run("tune", "--print"), /no choices for this adapter/);
  }),
);

tuning("train --tune uses what it chose, and says so in config.json", () =>
  inTemporaryFolder(async (cwd) => {
    await writeFiles(join(cwd, "set"), await classFolders(40));
    const { stdout } = succeeded(await simclr(["train", "set", ...SMALL, "--epochs", "1", "--tune"], { cwd }));
    assert.match(stdout, /^timing variants of kernels \.\.\.\nkernel +default +chosen +time$/m);
    const { choices } = JSON.parse(await readFile(join(cwd, await onlyRun(cwd), "config.json"), "utf8"));
    const kept = JSON.parse(await readFile(join(cwd, "cache/webgpu-simclr/choices.json"), "utf8"));
    assert.equal(Object.values(kept.adapters), [choices]);
    for (const [operation, shapes] of Object.entries(choices))
      for (const shape of Object.keys(Object(shapes))) assert.ok(stdout.includes(`${operation} ${shape} `), shape);
    assert.ok(Object.keys(choices).length > 0);
  }),
);

tuning("resume uses the choices of the run, whatever was tuned or forced since", () =>
  inTemporaryFolder(async (cwd) => {
    await writeFiles(join(cwd, "set"), await classFolders(40));
    // Its tile is another than the default's, so that the sums of the second convolution's weight gradient split elsewhere.
    const variants = weightGradientVariants(await testDevice(), 16, { rows: 144, inner: 64, cols: 32 });
    const variant = variants.find(({ tile }) => tile.ROWS === 16)?.name;
    const options = [...SMALL, "--epochs", "30"];
    const train = ["train", "set", ...options, "--force", `conv2d-weight-gradient=${variant}`];
    const encoder = async (runs: string) => readFile(join(cwd, await onlyRun(cwd, runs), "encoder.safetensors"));

    const { child, ended } = start(train, { cwd });
    await stepsDone(cwd, 5, ended);
    child.kill("SIGINT");
    assert.is((await ended).code, 130);
    const run = await onlyRun(cwd);
    assert.not.ok((await readdir(join(cwd, run))).includes("report.html"), "it was interrupted");
    const { choices } = JSON.parse(await readFile(join(cwd, run, "config.json"), "utf8"));
    assert.equal(choices, { "conv2d-weight-gradient": { "*": variant } });

    succeeded(await simclr(TUNE, { cwd }));
    succeeded(await simclr(["resume", run], { cwd }));
    succeeded(await simclr(["tune", "--clear"], { cwd }));
    const whole = [
      [...train, "--out", "whole"],
      ["train", "set", ...options, "--out", "usual"],
    ];
    for (const args of whole) succeeded(await simclr(args, { cwd }));
    assert.equal(await encoder("runs"), await encoder("whole"));
    assert.not.equal(await encoder("runs"), await encoder("usual"));
  }),
);

tuning.run();
