import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { datasetFromPixels } from "../../src/data/pixels.js";
import { CheckpointError, NonFiniteLossError } from "../../src/errors.js";
import { wilsonInterval } from "../../src/evaluation/interval.js";
import { parseObject } from "../../src/io/json.js";
import { resumeRun, startRun } from "../../src/runs/run.js";
import { type MetricsLine, RunFolder } from "../../src/runs/run-folder.js";
import { decodeCheckpoint } from "../../src/training/checkpoint.js";
import type { TrainingConfig } from "../../src/training/config.js";
import { rejects } from "../data/expect.js";
import { inTemporaryFolder, picture } from "../data/make-files.js";
import { testDevice } from "../lib/device.js";

const course = suite("the course of a run");

function photos(name: string, count: number) {
  const pixels = Uint8Array.from(Array.from({ length: count }, (_, i) => [...picture(16, 16, i)]).flat());
  const labels = Array.from({ length: count }, (_, i) => i % 2);
  return datasetFromPixels({ name, pixels, channels: 3, width: 16, height: 16, labels, classes: ["ants", "bees"] });
}

const images = { train: photos("train", 16), test: photos("test", 6) };
/** Two steps an epoch. */
const CONFIG = { width: 0.25, batch: 8, epochs: 4, warmupEpochs: 0, evaluateEvery: 1, checkpointEvery: 1 };

async function start(parent: string, changes: Partial<TrainingConfig> = {}, brief = true) {
  return startRun(await testDevice(), images, { ...CONFIG, ...changes }, { parent, brief });
}

/** Lines of the metrics without the times. */
async function linesOf(folder: string): Promise<MetricsLine[]> {
  const lines = await (await RunFolder.open(folder)).readMetrics();
  return lines.map(({ imagesPerSecond: _, ...line }) => line);
}

async function checkpointOf(folder: string) {
  return decodeCheckpoint(await readFile(join(folder, "checkpoint.safetensors")));
}

course("goes on with more epochs, and everything in its folder says so", () =>
  inTemporaryFolder(async (parent) => {
    const device = await testDevice();
    const { folder } = await start(parent, { epochs: 2 });
    const notes: string[] = [];
    const onNote = (message: string) => void notes.push(message);
    await resumeRun(device, folder, images, { brief: true, onNote });
    assert.match(notes[0], /nothing is left to train: the run is finished, with 2 epochs of 2 steps/);
    await rejects(resumeRun(device, folder, images, { epochs: 1 }), CheckpointError, /go on with 2 epochs or more/);

    const stopped = new AbortController();
    const onStep = ({ step }: { step: number }) => step === 5 && stopped.abort();
    const part = await resumeRun(device, folder, images, { epochs: 4, onNote, onStep, signal: stopped.signal });
    assert.is(part.finished, false);
    assert.match(
      notes[1],
      /4 epochs in place of 2: the learning rate goes from 0 \(after step 4 of 4\) to 0\.0005 \(after step 4 of 8\)/,
    );
    const config = async () => parseObject(await readFile(join(folder, "config.json"), "utf8"))?.["training"];
    assert.equal(
      [(await checkpointOf(folder)).config.epochs, await config()],
      [4, (await checkpointOf(folder)).config],
    );
    // Without saying it again.
    const { finished, report } = await resumeRun(device, folder, images);
    assert.ok(finished);
    assert.match(await readFile(report ?? "", "utf8"), /<dt>epochs<\/dt><dd>4 \(2 until step 4\)/);
    const lines = await linesOf(folder);
    assert.equal(
      lines.filter(({ kind }) => kind === "step").map(({ step }) => step),
      [1, 2, 3, 4, 5, 6, 7, 8],
    );
    assert.equal(
      lines.filter(({ kind }) => kind === "evaluation").map(({ epoch }) => epoch),
      [1, 2, 3, 4],
    );
    assert.equal(
      lines.filter(({ kind }) => kind === "epochs"),
      [{ step: 4, kind: "epochs", from: 2, to: 4 }],
    );
    // A kill between the checkpoint and the configuration: the next resume makes up for it.
    const facts = parseObject(await readFile(join(folder, "config.json"), "utf8"));
    await writeFile(join(folder, "config.json"), JSON.stringify({ ...facts, training: { ...CONFIG, epochs: 2 } }));
    await resumeRun(device, folder, images, { brief: true });
    assert.equal(await config(), (await checkpointOf(folder)).config);
  }),
);

course("makes up for an evaluation that a kill left out, and evaluates with intervals", () =>
  inTemporaryFolder(async (parent) => {
    const device = await testDevice();
    const whole = await linesOf((await start(parent)).folder);
    const stopped = new AbortController();
    const onStep = ({ step }: { step: number }) => step === 4 && stopped.abort();
    const hooks = { parent, brief: true, onStep, signal: stopped.signal };
    const { folder, steps } = await startRun(device, images, CONFIG, hooks);
    assert.is(steps, 4);
    // The interruption came before the evaluation of epoch 2: as after a kill, there is a checkpoint and no line.
    assert.not.ok((await linesOf(folder)).some(({ kind, epoch }) => kind === "evaluation" && epoch === 2));
    await resumeRun(device, folder, images, { brief: true });
    assert.equal(await linesOf(folder), whole);

    const line = whole.find(({ kind, epoch }) => kind === "evaluation" && epoch === 4) ?? { step: 0 };
    assert.is(line["testImages"], 6);
    for (const name of ["knn", "probe"])
      assert.equal([line[`${name}Low`], line[`${name}High`]], wilsonInterval(Number(line[name]), 6));
  }),
);

course("stopped in its last evaluation is not finished, and is resumed there", () =>
  inTemporaryFolder(async (parent) => {
    const device = await testDevice();
    const stopped = new AbortController();
    const onPhase = (phase: string) => phase === "evaluating" && stopped.abort();
    const hooks = { parent, onPhase, signal: stopped.signal };
    const { finished, steps, after, report, folder } = await startRun(device, images, CONFIG, hooks);
    assert.equal([finished, steps, after, report], [false, 8, null, null]);
    assert.is((await checkpointOf(folder)).step, 8);
    const resumed = await resumeRun(device, folder, images);
    assert.ok(resumed.finished && resumed.after && resumed.before);
  }),
);

course("keeps its warnings, for a resume and the report", () =>
  inTemporaryFolder(async (parent) => {
    const device = await testDevice();
    const told: string[] = [];
    const onWarning = (message: string, step: number) => void told.push(`${step}: ${message}`);
    const config = { ...CONFIG, learningRate: 1e6, evaluateEvery: 0 };
    const { folder, warnings, report } = await startRun(device, images, config, { parent, onWarning });
    assert.equal(
      warnings.map(({ step, message }) => `${step}: ${message}`),
      told,
    );
    assert.match(told[0], /^0: 16 images to train on are few/);
    assert.match(told[1], /^0: a learning rate of 1000000/);
    const page = await readFile(report ?? "", "utf8");
    for (const { message } of warnings) assert.ok(page.includes(message), message);
    const again = await resumeRun(device, folder, images, { onWarning });
    assert.equal([again.warnings, told.length], [warnings, warnings.length]);
  }),
);

course("keeps a step that failed, and runs it again from the checkpoint", () =>
  inTemporaryFolder(async (parent) => {
    const device = await testDevice();
    const folder = join(parent, "run");
    const config = { ...CONFIG, options: { temperature: 1e-9 }, evaluateEvery: 0, checkpointEvery: 100 };
    const message = /NaN at step 2: a temperature of 1e-9 .*failed-step\.json names its images; a resume runs it again/;
    await rejects(startRun(device, images, config, { folder }), NonFiniteLossError, message);
    const path = join(folder, "failed-step.json");
    const failed = await readFile(path, "utf8");
    const { step, checkpoint, images: taken } = parseObject(failed) ?? {};
    assert.equal([step, checkpoint, Array.isArray(taken) && taken.length], [2, 0, 8]);
    const notes: string[] = [];
    const again = resumeRun(device, folder, images, { onNote: (note) => void notes.push(note) });
    await rejects(again, NonFiniteLossError, message);
    assert.equal(notes, ["step 2 failed before; the steps from 1 on are run again"]);
    assert.is(await readFile(path, "utf8"), failed);
    // What goes well the second time is no failed step any more.
    const good = await start(parent);
    const before = (await checkpointOf(good.folder)).step;
    await writeFile(join(good.folder, "failed-step.json"), JSON.stringify({ step: before + 1 }));
    await resumeRun(device, good.folder, images, { epochs: 5, brief: true });
    assert.not.ok(await (await RunFolder.open(good.folder)).has("failedStep"));
  }),
);

course.run();
