import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openDevice } from "../../src/engine/device.js";
import { decodeSafetensors, encodeSafetensors } from "../../src/io/safetensors.js";
import { METHODS } from "../../src/methods/catalogue.js";
import { completeConfig } from "../../src/training/config.js";
import { encodeEncoder } from "../../src/training/encoder-file.js";
import { createModel } from "../../src/training/model.js";
import { PRESETS } from "../../src/training/presets.js";
import { inTemporaryFolder, writeFiles } from "../data/make-files.js";
import { metricsOf, onlyRun, SMALL, simclr, succeeded } from "./command.js";
import { classFolders } from "./pictures.js";

const methods = suite("simclr train --method, --preset and --init");

methods("help shows the options of the method that is named, and of no other", () =>
  inTemporaryFolder(async (cwd) => {
    const help = async (...words: string[]) => succeeded(await simclr(["train", ...words, "--help"], { cwd })).stdout;
    for (const { name, summary, options } of METHODS) {
      const text = (await help("--method", name)).replace(/\s+/g, " ");
      assert.ok(text.includes(`${name} ${summary.replace(/\s+/g, " ")}`), name);
      const [first] = Object.keys(options);
      assert.ok(first === undefined || text.includes(`Options of ${name}:`), name);
    }
    const moco = await help("--method", "moco");
    assert.match(moco, /Options of moco:/);
    assert.match(moco, /--queue <number>/);
    const byol = await help("--method=byol");
    assert.match(byol, /--predictor-hidden <number>/);
    assert.match(byol, /--no-head-batch-norm/);
    assert.not.match(byol, /--queue|--negatives/);
    assert.match(await help("--preset", "lightly-moco-200"), /Options of moco:/);
    const { code, stderr } = await simclr(["train", "set", "--queue", "3"], { cwd });
    assert.is(code, 1);
    assert.match(stderr, /unknown option '--queue'/);
  }),
);

for (const [name, ...options] of [
  ["moco", "--queue", "32"],
  ["byol", "--head-hidden", "32", "--predictor-hidden", "32", "--micro-batch", "8"],
  ["simclr", "--views", "3", "--small-views", "2"],
  ["lejepa", "--small-views", "2", "--head-hidden", "32", "--slices", "16", "--micro-batch", "8"],
]) {
  methods(`${name} ${options.join(" ")} leaves a run with a report, that eval and resume take`, () =>
    inTemporaryFolder(async (cwd) => {
      await writeFiles(join(cwd, "set"), await classFolders(60));
      const words = ["train", "set", ...SMALL, "--method", name, ...options, "--epochs", "2"];
      succeeded(await simclr([...words, "--plan"], { cwd }));
      succeeded(await simclr(words, { cwd }));
      const run = await onlyRun(cwd);
      const config = JSON.parse(await readFile(join(cwd, run, "config.json"), "utf8"));
      assert.is(config.training.method, name);
      const steps = (await metricsOf(join(cwd, run))).filter(({ kind }) => kind === "step");
      assert.is(steps.length, 6);
      assert.ok(steps.every(({ loss, outputStd }) => Number.isFinite(loss) && Number.isFinite(outputStd)));
      assert.match(await readFile(join(cwd, run, "report.html"), "utf8"), new RegExp(`<td>${name}</td>|>${name}<`));
      assert.match(succeeded(await simclr(["eval", run], { cwd })).stdout, /after 6 steps/);
      succeeded(await simclr(["resume", run], { cwd }));
    }),
  );
}

methods("a preset prints what it sets, and options beside it count", () =>
  inTemporaryFolder(async (cwd) => {
    await writeFiles(join(cwd, "set"), await classFolders(60));
    const words = [
      "--preset",
      "dkobak-100",
      "--encoder",
      "convnet",
      "--width",
      "0.25",
      "--batch",
      "16",
      "--epochs",
      "1",
    ];
    const { stdout } = succeeded(await simclr(["train", "set", ...words, "--temperature", "0.3"], { cwd }));
    assert.match(stdout, /preset: +dkobak-100 \(github\.com\/dkobak\/simclr-cifar10/);
    assert.match(stdout, /weightDecay 0\.0005.*headHidden 1024.*\n +published: kNN/);
    const { training } = JSON.parse(await readFile(join(cwd, await onlyRun(cwd), "config.json"), "utf8"));
    const { encoder, batch, epochs, optimizer, decay, nesterov, weightDecay, augmentation, options } = training;
    assert.equal(
      [encoder, batch, epochs, optimizer, decay, nesterov, weightDecay, augmentation],
      ["convnet", 16, 1, "sgd", "all", false, 5e-4, "cifar-weak"],
    );
    assert.equal([options.temperature, options.headHidden], [0.3, 1024]);
    const { stderr } = await simclr(["train", "set", "--preset", "simclr"], { cwd });
    assert.match(stderr, /'simclr' is invalid.*dkobak-100/);
  }),
);

methods("every preset is a configuration", () => {
  for (const { config } of PRESETS) assert.equal(completeConfig(config).epochs, config.epochs);
});

methods("weights of torchvision's names start a training, normalised as they were trained", () =>
  inTemporaryFolder(async (cwd) => {
    const device = await openDevice();
    const config = completeConfig({ encoder: "resnet18", width: 0.125, stem: "imagenet" });
    const model = createModel(device, config, 16);
    const { tensors } = decodeSafetensors(await encodeEncoder(model, config, 0));
    device.close();
    const prefixed = new Map([...tensors].map(([name, tensor]) => [`module.encoder_q.${name}`, tensor]));
    prefixed.set("module.queue", { shape: [2], data: Float32Array.of(1, 2) });
    await writeFiles(cwd, {
      ...prefixFolder(await classFolders(60)),
      "net.safetensors": encodeSafetensors(prefixed, {}),
    });
    const words = ["train", "set", "--image-size", "16", "--batch", "16", "--epochs", "1", "--init", "net.safetensors"];
    const { stdout } = succeeded(await simclr(words, { cwd }));
    assert.match(
      stdout,
      /starts: +from .*net\.safetensors: resnet18, 0\.125 times as wide, imagenet stem.*\n +left out: module\.queue\n/,
    );
    const run = await onlyRun(cwd);
    const { training, initial } = JSON.parse(await readFile(join(cwd, run, "config.json"), "utf8"));
    assert.equal([training.encoder, training.normalization.mean], ["resnet18", [0.485, 0.456, 0.406]]);
    assert.match(initial, /net\.safetensors$/);
    const { metadata } = decodeSafetensors(await readFile(join(cwd, run, "encoder.safetensors")));
    assert.match(metadata["normalization"] ?? "", /0\.485/);
    succeeded(await simclr(["embed", run, "set", "--out", "embedded"], { cwd }));
    const { stderr } = await simclr(["train", "set", "--init", "set/cat/000.jpg"], { cwd });
    assert.match(stderr, /error: /);
    const wrong = await simclr(["train", "set", "--normalization", "1,2/3"], { cwd });
    assert.match(wrong.stderr, /Choose none, imagenet, cifar10/);
  }),
);

/** The files below a folder "set". */
function prefixFolder<Content>(files: Readonly<Record<string, Content>>): Record<string, Content> {
  return Object.fromEntries(Object.entries(files).map(([name, content]) => [`set/${name}`, content]));
}

methods.run();
