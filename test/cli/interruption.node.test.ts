import { spawnSync } from "node:child_process";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { decodeSafetensors, encodeSafetensors } from "../../src/io/safetensors.js";
import { decodeCheckpoint } from "../../src/training/checkpoint.js";
import { inTemporaryFolder, writeFiles } from "../data/make-files.js";
import { repository } from "../lib/repository.js";
import { failed, metricsOf, onlyRun, SMALL, simclr, start, startProcess, stepsDone, succeeded } from "./command.js";
import { classFolders } from "./pictures.js";

const interruption = suite("simclr: interruption");

/** 37 images and batches of 16: two steps an epoch. */
const EPOCHS = 40;
const TRAIN = ["train", "set", ...SMALL, "--epochs", String(EPOCHS), "--evaluate-every", "15"];

async function makeSet(cwd: string): Promise<void> {
  await writeFiles(join(cwd, "set"), await classFolders(40));
}

/** What training leaves: the encoder's bytes, and the metrics without the times. */
async function outcome(cwd: string) {
  const run = join(cwd, await onlyRun(cwd));
  const lines = await metricsOf(run);
  return {
    encoder: await readFile(join(run, "encoder.safetensors")),
    metrics: lines.map(({ imagesPerSecond: _, ...line }) => line),
    files: (await readdir(run)).sort(),
  };
}

/** The outcome of a run that nothing interrupts. */
let reference: ReturnType<typeof outcome> | null = null;
function uninterrupted(): ReturnType<typeof outcome> {
  reference ??= new Promise((resolve, reject) => {
    inTemporaryFolder(async (cwd) => {
      await makeSet(cwd);
      succeeded(await simclr(TRAIN, { cwd }));
      resolve(await outcome(cwd));
    }).catch(reject);
  });
  return reference;
}

interruption("Ctrl-C saves, ends with exit code 130, and resume finishes as if nothing had been", () =>
  inTemporaryFolder(async (cwd) => {
    await makeSet(cwd);
    const { child, ended } = start(TRAIN, { cwd });
    await stepsDone(cwd, 5, ended);
    child.kill("SIGINT");
    const { code, stdout, stderr } = await ended;
    assert.is(code, 130, `${stdout}\n${stderr}`);
    assert.match(stdout, /interrupted: saving after the step in progress/);
    const run = await onlyRun(cwd);
    const [, steps] = /stopped after step (\d+); everything is saved/.exec(stdout) ?? [];
    assert.ok(Number(steps) >= 5 && Number(steps) < 2 * EPOCHS, `stopped after step ${steps}`);
    assert.match(stdout, new RegExp(`Go on with:\\n  node \\S*simclr\\.cjs resume ${run}$`, "m"));
    assert.is(decodeCheckpoint(await readFile(join(cwd, run, "checkpoint.safetensors"))).step, Number(steps));
    assert.not.ok((await readdir(join(cwd, run))).includes("report.html"));

    const resumed = succeeded(await simclr(["resume", run], { cwd })).stdout;
    assert.match(resumed, /random weights.*\n.*after training/);
    assert.equal(await outcome(cwd), await uninterrupted());
  }),
);

interruption("Ctrl-C before there is anything to save ends at once and leaves nothing", () =>
  inTemporaryFolder(async (cwd) => {
    await makeSet(cwd);
    const { child, ended } = start(["train", "set", ...SMALL, "--epochs", "10000"], { cwd });
    child.stdout?.on("data", (text: string) => {
      if (text.includes("reading images")) child.kill("SIGINT");
    });
    const { code, signal, stdout } = await ended;
    assert.equal([code, signal], [null, "SIGINT"]);
    assert.not.match(stdout, /^(images|run): /m);
    assert.equal(
      (await readdir(cwd)).filter((name) => name === "runs"),
      [],
    );
  }),
);

interruption("SIGTERM saves as Ctrl-C does, and a closed pipe ends nothing", () =>
  inTemporaryFolder(async (cwd) => {
    await makeSet(cwd);
    const { child, ended } = start(TRAIN, { cwd });
    // As `| head -1` does.
    child.stdout?.once("data", () => child.stdout?.destroy());
    await stepsDone(cwd, 5, ended);
    child.kill("SIGTERM");
    assert.is((await ended).code, 130);
    const run = join(cwd, await onlyRun(cwd));
    assert.ok(decodeCheckpoint(await readFile(join(run, "checkpoint.safetensors"))).step >= 5);
    assert.not.ok((await readdir(run)).includes("run.lock"));
  }),
);

interruption("a run in use is left alone by a second resume", () =>
  inTemporaryFolder(async (cwd) => {
    await makeSet(cwd);
    // Longer than any second process takes to be refused.
    const { child, ended } = start(["train", "set", ...SMALL, "--epochs", "10000"], { cwd });
    await stepsDone(cwd, 2, ended);
    const run = await onlyRun(cwd);
    failed(await simclr(["resume", run], { cwd }), /the run .* is in use by the process \d+/);
    child.kill("SIGINT");
    assert.is((await ended).code, 130);
  }),
);

interruption("a kill at any moment leaves a checkpoint from which the same comes", () =>
  inTemporaryFolder(async (cwd) => {
    await makeSet(cwd);
    const { child, ended } = start([...TRAIN, "--checkpoint-every", "1"], { cwd });
    await stepsDone(cwd, 7, ended);
    child.kill("SIGKILL");
    assert.is((await ended).signal, "SIGKILL");
    const run = await onlyRun(cwd);
    const { step } = decodeCheckpoint(await readFile(join(cwd, run, "checkpoint.safetensors")));
    assert.ok(step >= 6, `the checkpoint is of step ${step}`);
    // What a kill between two writes leaves behind.
    await writeFile(join(cwd, run, "checkpoint.safetensors.tmp-1"), "half a file");
    await writeFile(join(cwd, run, "metrics.jsonl"), '{"step": 1', { flag: "a" });
    succeeded(await simclr(["resume", run], { cwd }));
    assert.equal(await outcome(cwd), await uninterrupted());
  }),
);

interruption("a run that is over is not trained again by resume, and a damaged checkpoint is refused", () =>
  inTemporaryFolder(async (cwd) => {
    await makeSet(cwd);
    succeeded(await simclr(["train", "set", ...SMALL, "--epochs", "1"], { cwd }));
    const run = await onlyRun(cwd);
    const before = await outcome(cwd);
    const again = succeeded(await simclr(["resume", run], { cwd })).stdout;
    assert.match(again, /note: +nothing is left to train: the run is finished, with 1 epoch of 2 steps/);
    assert.not.match(again, /^training/m);
    assert.equal(await outcome(cwd), before);
    const longer = succeeded(await simclr(["resume", run, "--epochs", "2"], { cwd })).stdout;
    assert.match(
      longer,
      /note: +2 epochs in place of 1: the learning rate goes from 0 .* to 0\.001 \(after step 2 of 4\)/,
    );
    const few = await simclr(["resume", run, "--epochs", "1"], { cwd });
    failed(few, /4 steps behind it, and 1 epoch would be over before: go on with 2 or more\n {2}node .* --epochs 2$/m);

    await writeFiles(join(cwd, "fewer"), await classFolders(39));
    const elsewhere = simclr(["resume", run, "--images", "fewer"], { cwd });
    failed(await elsewhere, /cannot go on with other images: 1 image of the run gone: /);

    const path = join(cwd, run, "checkpoint.safetensors");
    const whole = await readFile(path);
    await writeFile(path, whole.subarray(0, whole.length - 1000));
    const commands = [
      ["resume", run],
      ["eval", run],
      ["embed", run, "set"],
    ];
    await Promise.all(
      commands.map(async (args) => failed(await simclr(args, { cwd }), /checkpoint\.safetensors: .*cut short/)),
    );
    // What bits that were turned over may say.
    const { tensors, metadata } = decodeSafetensors(whole);
    for (const [changes, message] of [
      [{ imageSize: "20000" }, /is of images of 20000 pixels, and \S+config\.json of 16: one of them is damaged/],
      [{ step: "999" }, /999 steps behind it, .*\n.* --epochs 500$/m],
    ] as const) {
      await writeFile(path, encodeSafetensors(tensors, { ...metadata, ...changes }));
      failed(await simclr(["resume", run], { cwd }), message);
    }
    await writeFile(path, await readFile(join(cwd, run, "encoder.safetensors")));
    failed(await simclr(["resume", run], { cwd }), /no checkpoint of a training/);
  }),
);

/** How to run a shell script with a mount of its own, or null where this machine does not let us. */
function withMounts(): string[] | null {
  const ways = [["--mount"], ["--user", "--map-root-user", "--mount"]];
  const works = (way: string[]) =>
    spawnSync("unshare", [...way, "sh", "-c", "mount -t tmpfs -o size=64k tmpfs /mnt"]).status === 0;
  return ways.find(works) ?? null;
}

interruption("a full disk ends a run with the file's name, and the checkpoint before stays", async () => {
  const way = withMounts();
  if (!way) {
    console.log("not tested: a full disk, for this machine lets nobody mount a small file system");
    return;
  }
  await inTemporaryFolder(async (cwd) => {
    await makeSet(cwd);
    await mkdir(join(cwd, "runs"));
    // Room for one checkpoint of 450 kB, that before the first step, and half of the next one.
    const script = `mount -t tmpfs -o size=700k tmpfs runs || exit 99
      "$0" "$@"; code=$?
      cp -r runs saved; exit $code`;
    const command = [process.execPath, `${repository}dist/src/cli/simclr.cjs`, ...TRAIN, "--checkpoint-every", "4"];
    const { ended } = startProcess("unshare", [...way, "sh", "-c", script, ...command], { cwd });
    failed(await ended, /Cannot write runs\/\S+\/checkpoint\.safetensors: the disk is full/);
    const run = join(cwd, await onlyRun(cwd, "saved"));
    assert.equal((await readdir(run)).sort(), [
      "checkpoint.safetensors",
      "config.json",
      "images.json",
      "metrics.jsonl",
    ]);
    assert.is(decodeCheckpoint(await readFile(join(run, "checkpoint.safetensors"))).step, 0);
  });
});

interruption.run();
