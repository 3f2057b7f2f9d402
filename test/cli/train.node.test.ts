import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { composePolicy } from "../../src/augment/parts.js";
import { noAugmentation } from "../../src/augment/policy.js";
import { gzipped, inTemporaryFolder, tar, writeFiles } from "../data/make-files.js";
import { failed, metricsOf, onlyRun, SMALL, simclr, succeeded } from "./command.js";
import { classFolders } from "./pictures.js";

const command = suite("simclr train, eval and embed");

/** The cells of a line of a printed table. */
function cells(stdout: string, heading: string): string[] {
  const line = stdout.split("\n").find((text) => text.startsWith(heading)) ?? "";
  return line.slice(heading.length).trim().split(/ {2,}/);
}

function count(text: string, pattern: RegExp): number {
  return [...text.matchAll(pattern)].length;
}

command("train --plan prints what a training takes, and leaves no run", () =>
  inTemporaryFolder(async (cwd) => {
    await writeFiles(join(cwd, "set"), await classFolders(20));
    const { stdout } = succeeded(await simclr(["train", "set", ...SMALL, "--micro-batch", "6", "--plan"], { cwd }));
    assert.match(stdout, /plan: +convnet, [\d,]+ parameters, 16 x 16 pixels, batch 16, in micro-batches of 6/);
    for (const part of ["views", "layers.0", "pool", "head", "loss", "optimizer", "all"]) {
      assert.match(stdout, new RegExp(`^${part} +\\d+\\.\\d\\d +\\d+\\.\\d MiB$`, "m"));
    }
    assert.match(stdout, /^peak +\d+\.\d MiB$/m);
    assert.match(stdout, /^16 +\d+\.\d MiB$/m);
    assert.not.match(stdout, /compiling/);
    assert.equal(await readdir(cwd), ["set"]);
  }),
);

command("train in micro-batches says so, and how much memory it took", () =>
  inTemporaryFolder(async (cwd) => {
    await writeFiles(join(cwd, "set"), await classFolders(20));
    const options = ["--epochs", "1", "--micro-batch", "5"];
    const { stdout } = succeeded(await simclr(["train", "set", ...SMALL, ...options], { cwd }));
    assert.match(stdout, /training in micro-batches of 5 images/);
    assert.match(stdout, /device memory: \d+\.\d MiB at most/);
    const config = JSON.parse(await readFile(join(cwd, await onlyRun(cwd), "config.json"), "utf8"));
    assert.is(config.training.microBatch, 5);
  }),
);

command("train on class folders leaves a run that eval and embed take", () =>
  inTemporaryFolder(async (cwd) => {
    const pictures = await classFolders(60);
    await writeFiles(join(cwd, "set"), pictures);
    const { stdout } = succeeded(
      await simclr(["train", "set", ...SMALL, "--epochs", "3", "--evaluate-every", "1"], { cwd }),
    );
    assert.match(stdout, /^adapter: \S/m);
    assert.match(stdout, /54 to train, 6 held out to test, 16 x 16 pixels, 3 classes/);
    const run = await onlyRun(cwd);
    const names = [
      "checkpoint.safetensors",
      "config.json",
      "encoder.safetensors",
      "images.json",
      "metrics.jsonl",
      "report.html",
    ];
    assert.equal((await readdir(join(cwd, run))).sort(), names);
    assert.ok(stdout.includes(`${run}/report.html`), "the summary names the report");

    const config = JSON.parse(await readFile(join(cwd, run, "config.json"), "utf8"));
    assert.equal([config.trainImages, config.testImages, config.imageSize], [54, 6, 16]);
    assert.equal(config.classes, ["cat", "dog", "owl"]);
    assert.equal([config.training.batch, config.training.width, config.training.epochs], [16, 0.25, 3]);

    const lines = await metricsOf(join(cwd, run));
    const steps = lines.filter(({ kind }) => kind === "step");
    assert.equal(
      steps.map(({ step }) => step),
      [1, 2, 3, 4, 5, 6, 7, 8, 9],
    );
    for (const line of steps) {
      for (const key of ["loss", "learningRate", "outputStd", "contrastiveAccuracy", "imagesPerSecond", "epoch"]) {
        assert.type(line[key], "number", key);
      }
    }
    const evaluations = lines.filter(({ kind }) => kind === "evaluation");
    assert.equal(
      evaluations.map(({ epoch, step }) => [epoch, step]),
      [
        [0, 0],
        [1, 3],
        [2, 6],
        [3, 9],
      ],
    );

    const report = await readFile(join(cwd, run, "report.html"), "utf8");
    assert.match(report, /^<!doctype html>/i);
    assert.match(report, /<\/html>\s*$/);
    assert.match(report, /<svg/);
    assert.match(report, /src="data:image\//);
    assert.not.match(report, /(src|href)="(?!data:|#)/, "everything is in the file");
    assert.not.match(report, /@import|url\((?!['"]?(data:|#))/);

    const [evaluating, embedding] = [
      ["eval", run],
      ["embed", run, "set", "--out", "vectors"],
    ].map((args) => simclr(args, { cwd }));
    // The same models on the same images give the same table again.
    const evaluated = succeeded(await evaluating).stdout;
    assert.match(evaluated, /test accuracy +kNN +kNN \(k = 20\) +linear probe/);
    for (const text of [stdout, evaluated])
      assert.match(
        text,
        /^95 % intervals of 6 test images: kNN [\d.]+ to [\d.]+ %, kNN \(k = 20\) [\d.]+ to [\d.]+ %, linear probe [\d.]+ to [\d.]+ %$/m,
      );
    assert.is(count(cells(stdout, "random weights").join(), /[\d.]+ %/g), 3);
    assert.equal(cells(evaluated, "random weights"), cells(stdout, "random weights"));
    assert.equal(cells(evaluated, "after 9 steps"), cells(stdout, "after training"));

    // Photos that came later move none of the others to the other part.
    const later = await classFolders(70);
    const added = Object.entries(later).filter(([name]) => !(name in pictures));
    await writeFiles(
      join(cwd, "set"),
      Object.fromEntries(added.map(([name, file]) => [name.replace("/", "/!"), file])),
    );
    const again = succeeded(await simclr(["eval", run], { cwd })).stdout;
    assert.match(again, /10 images new since the run and left out: cat\/!060\.jpg/);
    assert.equal(cells(again, "after 9 steps"), cells(evaluated, "after 9 steps"));
    for (const [name] of added) await rm(join(cwd, "set", name.replace("/", "/!")));

    const regressed = succeeded(await simclr(["eval", run, "--probe", "lbfgs"], { cwd })).stdout;
    assert.match(regressed, /test accuracy +kNN +kNN \(k = 20\) +logistic regression +l2\n/);
    for (const row of ["random weights", "after 9 steps"]) {
      const [knn, knn20, probe, l2] = cells(regressed, row);
      assert.equal([knn, knn20], cells(evaluated, row).slice(0, 2));
      assert.match(probe, /^[\d.]+ %$/);
      assert.ok(Number(l2) >= 1e-6 && Number(l2) <= 1e5, l2);
    }

    succeeded(await embedding);
    assert.equal((await readdir(join(cwd, "vectors"))).sort(), ["embeddings.csv", "embeddings.npy"]);
    const npy = await readFile(join(cwd, "vectors/embeddings.npy"));
    assert.match(npy.subarray(0, 128).toString("latin1"), /'shape': \(60, 64\)/);
    assert.is(npy.length, 128 + 60 * 64 * 4);
    const table = (await readFile(join(cwd, "vectors/embeddings.csv"), "utf8")).trimEnd().split("\r\n");
    assert.is(table.length, 1 + 60);
    assert.match(table[0], /^name,label,class,f0,.*,f63$/);
    assert.equal(
      table.slice(1).map((line) => line.split(",")[0]),
      Object.keys(pictures).sort(),
    );
    const vectors = new Float32Array(npy.buffer.slice(npy.byteOffset + 128, npy.byteOffset + npy.length));
    table.slice(1).forEach((line, row) => {
      const values = line
        .split(",")
        .slice(3)
        .map((text) => Math.fround(Number(text)));
      assert.equal(values, [...vectors.subarray(row * 64, (row + 1) * 64)], `row ${row}`);
    });
  }),
);

command("train on a flat folder, with two policies from a file, goes without labels and without a test of them", () =>
  inTemporaryFolder(async (cwd) => {
    const flat = Object.entries(await classFolders(40)).map(([name, bytes]) => [name.replace("/", "-"), bytes]);
    await writeFiles(join(cwd, "flat"), Object.fromEntries(flat));
    await writeFiles(cwd, { "views.json": '[{ "base": ["crop", "noise"] }, { "flipProbability": 0.25 }]' });
    const policies = ["--augmentation", "views.json"];
    const loss = ["--loss", "margin-triplet", "--negatives", "semi-hard", "--margin", "0.6", "--no-normalize"];
    const options = ["--epochs", "1", "--optimizer", "lars", ...policies, ...loss];
    const { stdout } = succeeded(await simclr(["train", "flat", ...SMALL, ...options], { cwd }));
    assert.match(stdout, /40 to train, 16 x 16 pixels, no labels/);
    assert.not.match(stdout, /random weights/);
    const run = await onlyRun(cwd);
    const { training } = JSON.parse(await readFile(join(cwd, run, "config.json"), "utf8"));
    const settings = { loss: "margin-triplet", negatives: "semi-hard", margin: 0.6, normalize: false };
    assert.equal({ ...training.options, ...settings }, training.options);
    const report = await readFile(join(cwd, run, "report.html"), "utf8");
    assert.match(report, /margin triplet, semi-hard negatives, dot products/);
    assert.match(report, /margin triplet: each step/);
    assert.not.match(report, /chance, ln|in nats/);
    assert.equal(
      (await metricsOf(join(cwd, run))).map(({ kind }) => kind),
      ["warning", "step", "step"],
    );
    assert.equal(JSON.parse(await readFile(join(cwd, run, "config.json"), "utf8")).training.augmentation, [
      composePolicy("crop", "noise"),
      { ...noAugmentation, flipProbability: 0.25 },
    ]);
    assert.match(await readFile(join(cwd, run, "report.html"), "utf8"), /custom, another for each of 2 views/);
    const { code, stderr } = await simclr(["eval", run], { cwd });
    assert.is(code, 1);
    assert.match(stderr, /error: these images have no labels/);
  }),
);

command("train on a .tar.gz, with test images of its own, and a name", () =>
  inTemporaryFolder(async (cwd) => {
    const entries = Object.entries(await classFolders(36)).map(([name, content]) => ({ name: `set/${name}`, content }));
    await writeFiles(cwd, { "set.tar.gz": await gzipped(await tar(entries)) });
    await writeFiles(join(cwd, "held"), await classFolders(9));
    const args = ["train", "set.tar.gz", "--test", "held", ...SMALL, "--epochs", "1", "--name", "two words"];
    const { stdout } = succeeded(await simclr(args, { cwd }));
    assert.match(stdout, /36 to train, 9 to test, 16 x 16 pixels, 3 classes/);
    const run = await onlyRun(cwd);
    assert.match(run, /-two-words$/);
    succeeded(await simclr(["embed", run, "set.tar.gz"], { cwd }));
    assert.ok((await readdir(cwd)).includes("embeddings.npy"), "next to where one stands");
  }),
);

command("a truncated JPEG among good ones is named and left out", () =>
  inTemporaryFolder(async (cwd) => {
    const pictures = await classFolders(41);
    const broken = pictures["dog/019.jpg"];
    await writeFiles(join(cwd, "set"), {
      ...pictures,
      "dog/019.jpg": broken.subarray(0, Math.floor(broken.length / 2)),
    });
    const { stdout } = succeeded(await simclr(["train", "set", ...SMALL, "--epochs", "1"], { cwd }));
    assert.match(
      stdout,
      /37 to train, 3 held out to test[\s\S]*1 image could not be read and is left out: dog\/019\.jpg \(.*\)[\s\S]*compiling/,
    );
    assert.match(stdout, /1 image could not be read and left out:\n {2}dog\/019\.jpg: \S/);
    const run = await onlyRun(cwd);
    const report = await readFile(join(cwd, run, "report.html"), "utf8");
    assert.match(report, /dog\/019\.jpg/);

    // Each image has a row, or a reason why it has none; and nothing is written over.
    const embed = () => simclr(["embed", run, "set", "--out", "vectors"], { cwd });
    const embedded = succeeded(await embed()).stdout;
    assert.match(embedded, /vectors\/embeddings\.npy and \.csv: 40 x 64[\s\S]*failed\.csv: 1 without a row/);
    const unembedded = await readFile(join(cwd, "vectors/failed.csv"), "utf8");
    assert.match(unembedded, /^name,reason\r\ndog\/019\.jpg,.+\r\n$/);
    failed(await embed(), /vectors\/embeddings\.csv is there already.*--out/);
    failed(
      await simclr(["embed", run, "set", "--out", "set/cat/000.jpg"], { cwd }),
      /Cannot write set\/cat\/000\.jpg: there is a file/,
    );
  }),
);

command.run();
