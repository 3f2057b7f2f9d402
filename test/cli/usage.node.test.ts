import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import * as kernels from "../../kernels/generated.js";
import { experiments } from "../../src/experiments/catalogue.js";
import { simclr as method } from "../../src/methods/simclr.js";
import { DEFAULT_CONFIG } from "../../src/training/config.js";
import { VERSION } from "../../src/version.js";
import { inTemporaryFolder, writeFiles } from "../data/make-files.js";
import { repository } from "../lib/repository.js";
import { failed, SMALL, simclr, succeeded } from "./command.js";
import { classFolders } from "./pictures.js";

const usage = suite("simclr: usage");

const cwd = repository;

usage("--help of every command tells what there is, with the defaults", async () => {
  const whole = succeeded(await simclr(["--help"], { cwd })).stdout;
  const commands = [
    "train",
    "resume",
    "eval",
    "embed",
    "experiment",
    "tune",
    "doctor",
    "demo",
    "kernels",
    "cache",
    "page",
  ];
  const helps = new Map(
    await Promise.all(
      commands.map(async (name) => {
        assert.match(whole, new RegExp(`^  ${name}\\b`, "m"));
        const { stdout } = succeeded(await simclr([name, "--help"], { cwd }));
        assert.match(stdout, new RegExp(`^Usage: simclr ${name}`));
        return [name, stdout.replace(/\s+/g, " ")] as const;
      }),
    ),
  );
  const d = DEFAULT_CONFIG;
  const defaults = {
    encoder: `"${d.encoder}"`,
    width: d.width,
    stem: `"${d.stem}"`,
    norm: `"${d.norm}"`,
    method: `"${d.method}"`,
    ...Object.fromEntries(
      Object.entries(method.options).flatMap(([name, { default: value }]) =>
        typeof value === "boolean"
          ? []
          : [[name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`), JSON.stringify(value)]],
      ),
    ),
    augmentation: `"${d.augmentation}"`,
    batch: d.batch,
    precision: `"${d.precision}"`,
    epochs: d.epochs,
    optimizer: `"${d.optimizer}"`,
    lr: d.learningRate,
    "lr-scaling": `"${d.learningRateScaling}"`,
    warmup: d.warmupEpochs,
    "weight-decay": d.weightDecay.toFixed(6),
    seed: d.seed,
    "evaluate-every": d.evaluateEvery,
    "checkpoint-every": d.checkpointEvery,
    "checkpoint-minutes": d.checkpointMinutes,
    out: '"runs"',
  };
  for (const [option, value] of Object.entries(defaults)) {
    const described = new RegExp(` --${option} ((?! --).)*default: ${String(value).replace(".", "\\.")}\\)`);
    assert.match(helps.get("train") ?? "", described);
  }
  assert.match(helps.get("tune") ?? "", /--budget <seconds> .*\(default: 20\)/);
  assert.match(helps.get("tune") ?? "", /--image-size <pixels> .*\(default: 32\)/);
  assert.match(helps.get("embed") ?? "", /--out <folder> .*\(default: "\."\)/);
  assert.match(
    helps.get("experiment") ?? "",
    /--scale <name> .*\(choices: "smoke", "small", "full", default: "smoke"\)/,
  );
  assert.match(helps.get("experiment") ?? "", /--out <folder> .*\(default: "experiments"\)/);
  for (const { name, title } of experiments) assert.ok(helps.get("experiment")?.includes(`${name} ${title}`), name);
  assert.match(helps.get("demo") ?? "", /--out <folder> .*\(default: "runs"\)/);
  assert.match(helps.get("eval") ?? "", /--images <images> .*\(default: those it was trained on\)/);
  assert.match(helps.get("eval") ?? "", /--probe <method> .*\(choices: "sgd", "lbfgs", default: "sgd"\)/);
  assert.match(helps.get("resume") ?? "", /--images <images> .*\(default: where they were\)/);
  assert.is(succeeded(await simclr(["--version"], { cwd })).stdout.trim(), VERSION);
});

usage("unknown commands, options and values are named, with a hint at the help", async () => {
  const wrong: [string[], RegExp][] = [
    [["tarin", "set"], /unknown command 'tarin'/],
    [["train", "set", "--bacth", "8"], /unknown option '--bacth'/],
    [["train"], /missing required argument 'images'/],
    [["embed", "run"], /missing required argument 'images'/],
    [["train", "set", "--encoder", "vgg"], /'vgg' is invalid.*convnet, resnet18, resnet34, resnet50/],
    [["train", "set", "--loss", "triplet"], /'triplet' is invalid.*nt-xent, nt-logistic, margin-triplet/],
    [["train", "set", "--negatives", "far"], /'far' is invalid.*all, decoupled/],
    [["train", "set", "--norm", "layer"], /'layer' is invalid.*batch, group/],
    [["eval", "run", "--probe", "svm"], /'svm' is invalid.*sgd, lbfgs/],
    [["train", "set", "--optimizer", "adam"], /'adam' is invalid.*adamw, lars, sgd/],
    [
      ["train", "set", "--augmentation", "simclr"],
      /'simclr' is invalid.*auto, byol, .*moco-cifar, or the path of a \.json/,
    ],
    [["train", "set", "--precision", "f16"], /'f16' is invalid.*f32, mixed/],
    [["experiment", "batch-size", "--scale", "huge"], /'huge' is invalid.*smoke, small, full/],
    [["train", "set", "--batch", "many"], /'many' is invalid.*must be a number/],
  ];
  await Promise.all(
    wrong.map(async ([args, message]) => failed(await simclr(args, { cwd }), message, /\(see --help\)/)),
  );
});

usage("images and settings that cannot be are refused before anything is written", () =>
  inTemporaryFolder(async (folder) => {
    await writeFiles(join(folder, "set"), await classFolders(40));
    await writeFiles(folder, {
      "empty/readme.txt": "nothing",
      "words.jpg": "no picture",
      "text/one.jpg": "no picture",
      "broken.json": "{",
      "colour.json": '{ "base": ["colour"] }',
      "dark.json": '{ "brightness": -1 }',
    });
    const wrong: [string[], RegExp][] = [
      [["train", "nowhere"], /no images at nowhere/],
      [["train", "empty"], /no images in empty/],
      [["train", "words.jpg"], /words\.jpg is neither an image nor a folder/],
      [["train", "text"], /one\.jpg/],
      [["train", "set", "--batch", "64"], /batch of 64 is larger than the training set of 37 images/],
      [["train", "set", "--batch", "64", "--plan"], /batch of 64 is larger than the training set of 37 images/],
      [["train", "set", "--batch", "16", "--temperature", "0"], /temperature is 0; it must be a number above 0/],
      // Before any image is read.
      [["train", "nowhere", "--epochs", "0"], /error: --epochs is 0; it must be/],
      [["train", "nowhere", "--lr", "-1"], /--lr is -1; it must be/],
      [["train", "nowhere", "--micro-batch", "0"], /--micro-batch is 0; it must be/],
      [["train", "nowhere", "--out", "words.jpg"], /words\.jpg is a file: name a folder with --out/],
      [["train", "nowhere", "--warmup", "1000"], /--warmup is 1000; it must/],
      [["train", "set", "--batch", "16", "--temperature", "-1"], /temperature is -1; it must be/],
      [["train", "set", "--batch", "16", "--margin", "-1"], /margin is -1; it must be a number from 0/],
      [["train", "set", "--batch", "16", "--negatives", "semi-hard", "--margin", "0"], /margin 0 leaves no semi-hard/],
      [
        ["train", "set", "--batch", "16", "--head-layers", "5"],
        /headLayers is 5; it must be a whole number from 0, up to 3/,
      ],
      [["train", "set", "--image-size", "0"], /image size.*got 0/],
      [["train", "set", "--augmentation", "none.json"], /error: none\.json: .*no such file/],
      [["train", "set", "--augmentation", "broken.json"], /error: broken\.json: .*JSON/],
      [["train", "set", "--augmentation", "colour.json"], /error: colour\.json: base is \["colour"\]; choose/],
      [["train", "set", "--batch", "16", "--augmentation", "dark.json"], /brightness is -1/],
      [["train", "set", "--force", "conv2d"], /--force takes an operation and a variant.*not "conv2d"/],
      [["train", "set", "--force", "conv3d=fast"], /"conv3d" has no variants: choose .*matmul, conv2d, /],
      [["train", "set", "--force", "conv2d=fast"], /conv2d has no variant "fast" on this adapter: choose one of lanes/],
      [["tune", "--budget", "0"], /a budget of 0 seconds/],
      [["tune", "--batch", "1"], /batch is 1/],
      [["tune", "--image-size", "0"], /image size 0 must be a whole number of pixels/],
      [["experiment", "batch"], /there is no experiment "batch": choose batch-size, /],
      [["experiment", "batch-size", "--scale", "small"], /small needs more images than come with the package.*--data/],
      [["experiment", "batch-size", "--resume"], /no experiment to resume in experiments\/batch-size-smoke/],
      [["resume", "nowhere"], /no run folder nowhere/],
      [["eval", "set"], /set is not a run folder: it has no config\.json/],
      [["embed", "set", "set"], /set is not a run folder/],
    ];
    await Promise.all(wrong.map(async ([args, message]) => failed(await simclr(args, { cwd: folder }), message)));
    assert.equal((await readdir(folder)).sort(), [
      "broken.json",
      "colour.json",
      "dark.json",
      "empty",
      "set",
      "text",
      "words.jpg",
    ]);
  }),
);

usage("a folder for the runs that cannot be made is named", () =>
  inTemporaryFolder(async (folder) => {
    await writeFiles(join(folder, "set"), await classFolders(40));
    await writeFile(join(folder, "runs"), "a file is in the way");
    failed(
      await simclr(["train", "set", ...SMALL, "--epochs", "1"], { cwd: folder }),
      /runs is a file: name a folder with --out/,
    );
  }),
);

usage("doctor shows the adapter, its limits and every kernel", async () => {
  const { stdout } = succeeded(await simclr(["doctor"], { cwd }));
  assert.match(stdout, /^adapter: \S/m);
  assert.match(stdout, /^maxStorageBufferBindingSize +[\d.,]+/m);
  for (const feature of ["shader-f16", "subgroups", "timestamp-query"]) {
    assert.match(stdout, new RegExp(`^${feature} +(yes|no)$`, "m"));
  }
  for (const kernel of Object.keys(kernels)) {
    assert.match(stdout, new RegExp(`^${kernel} +\\d+ +[\\d.]+ % of allowed +ok$`, "m"));
  }
  assert.match(stdout, /^(\d+) of \1 checks passed$/m);
});

usage("without an adapter says so, and what to install", async () => {
  // Only Vulkan's loader can be told from outside to find no driver.
  if (process.platform !== "linux") return;
  const env = { VK_DRIVER_FILES: "/nonexistent", VK_ICD_FILENAMES: "/nonexistent" };
  failed(await simclr(["doctor"], { cwd, env }), /no WebGPU adapter/, /mesa-vulkan-drivers/);
});

usage.run();
