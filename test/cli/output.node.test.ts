import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { isRecord, parseObject } from "../../src/io/json.js";
import { inTemporaryFolder, writeFiles } from "../data/make-files.js";
import { readEvents } from "../io/read-events.js";
import { type Ended, failed, metricsOf, SMALL, simclr, succeeded } from "./command.js";
import { classFolders } from "./pictures.js";

const output = suite("simclr --json and --quiet");

/** The one document that a command printed. */
function documentOf(ended: Ended): Record<string, unknown> {
  const found = parseObject(succeeded(ended).stdout);
  assert.ok(found, ended.stdout);
  return found;
}

/** What it said of errors and warnings; those of the WebGPU implementation are none of ours. */
function said({ stderr }: Ended): string {
  return stderr.replace(/^Warning: maxDynamic.*\n/gm, "");
}

output("print one document and nothing else, or what is needed to go on", () =>
  inTemporaryFolder(async (cwd) => {
    await writeFiles(join(cwd, "set"), await classFolders(60));
    const train = ["train", "set", ...SMALL, "--epochs", "1"];
    const [plan, quiet] = [
      documentOf(await simclr([...train, "--plan", "--json"], { cwd })),
      succeeded(await simclr([...train, "--quiet", "--tensorboard", "board"], { cwd })),
    ];
    assert.ok(isRecord(plan["config"]) && plan["config"]["batch"] === 16);
    const run = /^\nrun folder: (\S+)\nreport: {5}\S+report\.html\n$/.exec(quiet.stdout)?.[1];
    assert.ok(run, quiet.stdout);
    // Few images are worth a warning; nothing else is.
    assert.match(said(quiet), /^warning: 5\d images to train on are few[^\n]*\n$/);

    const [name] = await readdir(join(cwd, "board"));
    assert.match(name, /^events\.out\.tfevents\.\d+\./);
    const events = readEvents(await readFile(join(cwd, "board", name)));
    const lines = await metricsOf(join(cwd, run));
    const steps = lines.filter(({ kind }) => kind === "step");
    assert.equal(
      events.flatMap(({ step, values: { "train/loss": loss } }) => (loss === undefined ? [] : [[step, loss]])),
      steps.map(({ step, loss }) => [step, loss]),
    );
    const last = lines.at(-1) ?? {};
    assert.is(events.at(-1)?.step, last["step"]);
    assert.is(events.at(-1)?.values["test/probe"], Math.fround(Number(last["probe"])));
    const [evaluated, embedded, tuned] = await Promise.all([
      simclr(["eval", run, "--json", "--quiet"], { cwd }),
      simclr(["embed", run, "set", "--out", "e", "--json"], { cwd }),
      simclr(["tune", "--print", "--json"], { cwd }),
    ]);
    const { results, testImages } = documentOf(evaluated);
    assert.is(said(evaluated), "");
    assert.is(testImages, 6);
    assert.ok(Array.isArray(results) && results.length === 2 && typeof results[1]["probe"] === "number");
    const { files, failed: without } = documentOf(embedded);
    assert.ok(Array.isArray(files));
    assert.equal([files[0].npy, files[0].rows, without], ["e/embeddings.npy", 60, []]);
    assert.match(embedded.stderr, /^adapter: .*^wrote e\/embeddings/ms);
    assert.ok(isRecord(documentOf(tuned)["variants"]));
    const wrong = await simclr(["eval", "nowhere", "--json"], { cwd });
    failed(wrong, /nowhere/);
    assert.is(wrong.stdout, "");
  }),
);

output.run();
