import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { decodeSafetensors } from "../../src/io/safetensors.js";
import { inTemporaryFolder, writeFiles } from "../data/make-files.js";
import { failed, metricsOf, onlyRun, SMALL, simclr, start, stepsDone, succeeded } from "./command.js";
import { classFolders } from "./pictures.js";

const finetuning = suite("simclr train --method supervised and finetune");

/** The tensors of the only run below a folder, and its config.json. */
async function outcome(cwd: string, runs: string) {
  const run = await onlyRun(cwd, runs);
  const { tensors } = decodeSafetensors(await readFile(join(cwd, run, "encoder.safetensors")));
  const config = JSON.parse(await readFile(join(cwd, run, "config.json"), "utf8"));
  return { run, tensors, config };
}

finetuning("train --method supervised leaves a run with a classifier, that eval and resume take", () =>
  inTemporaryFolder(async (cwd) => {
    await writeFiles(join(cwd, "set"), await classFolders(60));
    const options = ["--method", "supervised", "--epochs", "4", "--evaluate-every", "2", "--micro-batch", "10"];
    const { stdout } = succeeded(await simclr(["train", "set", ...SMALL, ...options], { cwd }));
    assert.match(stdout, /test accuracy +classifier +kNN +kNN \(k = 20\) +linear probe\n-+\nrandom weights +33\.3 %/);
    const { run, tensors, config } = await outcome(cwd, "runs");
    assert.is(config.training.method, "supervised");
    assert.is(config.initial, null);
    assert.equal(tensors.get("fc.weight")?.shape, [3, 64]);
    const lines = await metricsOf(join(cwd, run));
    const steps = lines.filter(({ kind }) => kind === "step");
    assert.is(steps.length, 12);
    const measured = ["kind", "step", "epoch", "loss", "accuracy", "lossScale", "learningRate", "imagesPerSecond"];
    for (const line of steps) assert.equal(Object.keys(line), measured);
    const evaluations = lines.filter(({ kind }) => kind === "evaluation");
    assert.equal(
      evaluations.map(({ epoch }) => epoch),
      [0, 2, 4],
    );
    for (const { classifier } of evaluations) assert.type(classifier, "number");
    assert.match(await readFile(join(cwd, run, "report.html"), "utf8"), /<th scope="col">Classifier</);

    const after = /^after training +(.*)$/m.exec(stdout)?.[1] ?? "none";
    const evaluated = succeeded(await simclr(["eval", run], { cwd })).stdout;
    assert.is(/^after 12 steps +(.*)$/m.exec(evaluated)?.[1], after);
    const resumed = succeeded(await simclr(["resume", run], { cwd })).stdout;
    assert.is(/^after training +(.*)$/m.exec(resumed)?.[1], after);
  }),
);

finetuning(
  "finetune takes a run's encoder and some of the labels, or none of its weights, and can be interrupted",
  () =>
    inTemporaryFolder(async (cwd) => {
      const pictures = await classFolders(60);
      await writeFiles(join(cwd, "set"), pictures);
      succeeded(await simclr(["train", "set", ...SMALL, "--epochs", "1"], { cwd }));
      const run = await onlyRun(cwd);
      const before = decodeSafetensors(await readFile(join(cwd, run, "encoder.safetensors"))).tensors;

      const file = `${run}/encoder.safetensors`;
      const own = ["--from-scratch", "--batch", "6", "--seed", "2"];
      const [tuned, scratch] = await Promise.all([
        simclr(["finetune", run, "set", "--labels", "20%", "--epochs", "30", "--out", "tuned"], { cwd }),
        simclr(["finetune", file, "set", "--labels", "4c", "--epochs", "2", "--out", "scratch", ...own], { cwd }),
      ]);
      assert.match(succeeded(tuned).stdout, /labels: +12 of 54 images/);
      assert.match(
        tuned.stdout,
        /test accuracy +classifier +kNN +kNN \(k = 20\) +linear probe\n-+\nbefore fine-tuning +33\.3 %/,
      );
      assert.match(succeeded(scratch).stdout, /labels: +12 of 54 images/);
      assert.match(scratch.stdout, /\nrandom weights +33\.3 %/);

      const [fine, plain] = [await outcome(cwd, "tuned"), await outcome(cwd, "scratch")];
      assert.match(fine.run, /-convnet-finetuned$/);
      assert.match(plain.run, /-convnet-from-scratch$/);
      assert.match(fine.config.initial, /encoder\.safetensors$/);
      assert.is(plain.config.initial, null);
      const { method, optimizer, learningRateScaling, batch, epochs, width } = fine.config.training;
      assert.equal([method, optimizer, learningRateScaling], ["supervised", "sgd", "sqrt"]);
      assert.equal([batch, epochs, width], [12, 30, 0.25]);
      assert.equal([plain.config.training.batch, plain.config.training.seed], [6, 2]);
      // A few short steps do not lead far from where it started; other random weights are far away.
      const distance = ({ tensors }: typeof fine) => {
        const [a, b] = [tensors, before].map((all) => all.get("layers.1.conv.weight")?.data);
        if (!(a instanceof Float32Array && b instanceof Float32Array)) throw new TypeError("no weights");
        return Math.hypot(...a.map((value, i) => value - b[i]));
      };
      assert.ok(distance(fine) < 0.2 * distance(plain), `${distance(fine)} and ${distance(plain)}`);

      // The list that was kept says which images they were: they give the same again, through an interruption as well.
      const list = join(fine.run, "training-images.txt");
      const names = (await readFile(join(cwd, list), "utf8")).split("\n").filter((line) => /^[^#]/.test(line));
      assert.equal(
        ["cat", "dog", "owl"].map((name) => new Set(names.filter((line) => line.startsWith(name))).size),
        [4, 4, 4],
      );
      await writeFiles(join(cwd, "part"), { "list.txt": await readFile(join(cwd, list)) });
      const part = { cwd: join(cwd, "part") };
      const { child, ended } = start(
        ["finetune", `../${file}`, "../set", "--labels", "list.txt", "--epochs", "30"],
        part,
      );
      await stepsDone(part.cwd, 5, ended);
      child.kill("SIGINT");
      assert.is((await ended).code, 130);
      const interrupted = await onlyRun(part.cwd);
      assert.match(succeeded(await simclr(["resume", interrupted], part)).stdout, /before fine-tuning/);
      assert.equal((await outcome(part.cwd, "runs")).tensors, fine.tensors);

      const flat = Object.entries(pictures).map(([name, bytes]) => [name.replace("/", "-"), bytes]);
      await writeFiles(join(cwd, "flat"), Object.fromEntries(flat));
      await writeFiles(cwd, { "list.txt": "cat/000.jpg\nfox/001.jpg\n" });
      const wrong: [string[], RegExp][] = [
        [["train", "flat", "--method", "supervised", "--batch", "16"], /flat has no labels.*folder of its own/],
        [["finetune", run, "flat"], /flat has no labels/],
        [["finetune", run, "set", "--labels", "list.txt"], /1 of the 2 names.*fox\/001\.jpg/],
        [["finetune", "set", "set"], /set is not a run folder/],
      ];
      await Promise.all(wrong.map(async ([args, message]) => failed(await simclr(args, { cwd }), message)));
      const { code, stderr } = await simclr(["finetune", run, "set", "--labels", "10"], { cwd });
      assert.is(code, 1);
      assert.match(stderr, /'10' is invalid.*10% of the images/);
      assert.equal((await readdir(join(cwd, "runs"))).length, 1, "none of them made a run");
    }),
);

finetuning.run();
