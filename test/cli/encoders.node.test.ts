import { copyFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { decodeSafetensors, encodeSafetensors } from "../../src/io/safetensors.js";
import { DEFAULT_CONFIG, type TrainingConfig } from "../../src/training/config.js";
import { encodeEncoder } from "../../src/training/encoder-file.js";
import { createModel } from "../../src/training/model.js";
import { inTemporaryFolder, writeFiles } from "../data/make-files.js";
import { testDevice } from "../lib/device.js";
import { failed, onlyRun, SMALL, simclr, succeeded } from "./command.js";
import { classFolders } from "./pictures.js";

const encoders = suite("simclr: encoders without their run");

encoders("embed and evaluate as their run does, one photograph too, and say what cannot be told", () =>
  inTemporaryFolder(async (cwd) => {
    await writeFiles(join(cwd, "set"), await classFolders(60));
    const given = ["--license", "cc-by-4.0", "--normalization", "imagenet"];
    succeeded(await simclr(["train", "set", ...SMALL, "--epochs", "1", ...given], { cwd }));
    const run = await onlyRun(cwd);
    const { metadata } = decodeSafetensors(await readFile(join(cwd, run, "encoder.safetensors")));
    const { dataset, images, license, preprocessing } = metadata;
    // A tenth of each class is held out.
    assert.equal([dataset, images, license], ["set", "54", "cc-by-4.0"]);
    assert.equal(JSON.parse(preprocessing).mean, [0.485, 0.456, 0.406]);
    await copyFile(join(cwd, run, "encoder.safetensors"), join(cwd, "enc.safetensors"));
    const [whole, alone, one, evaluated] = await Promise.all([
      simclr(["embed", run, "set", "--out", "a"], { cwd }),
      simclr(["embed", "enc.safetensors", "set", "--out", "b"], { cwd }),
      simclr(["embed", "enc.safetensors", "set/cat/000.jpg", "--out", "c"], { cwd }),
      simclr(["eval", "enc.safetensors", "--images", "set"], { cwd }),
    ]);
    for (const ended of [whole, alone, one, evaluated]) succeeded(ended);
    const csv = async (folder: string) => (await readFile(join(cwd, folder, "embeddings.csv"), "utf8")).split("\n");
    assert.equal(await csv("b"), await csv("a"));
    assert.match(one.stdout, /images: +1 image, 16 x 16 pixels, no labels/);
    // The same numbers, behind another name and without a class.
    const row = (await csv("a")).find((line) => line.startsWith("cat/000.jpg,")) ?? "";
    assert.is((await csv("c"))[1], row.replace(/^cat\/000\.jpg,0,cat,/, "000.jpg,"));
    assert.match(evaluated.stdout, /nobody can tell which images the encoder was trained on/);
    assert.match(evaluated.stdout, /random weights .*\nenc\.safetensors +[\d.]+ % +[\d.]+ %/);

    const wrong: [string[], RegExp][] = [
      [["embed", "enc.safetensors", "set", "--out", "a"], /a\/embeddings\.csv is there already/],
      [["eval", "enc.safetensors"], /a file of an encoder has no images: name some with --images/],
      [["embed", run, "set", "--image-size", "32"], /trained on images of 16 pixels: --image-size is for files/],
      [
        ["embed", "enc.safetensors", "set", "--image-size", "60000", "--out", "d"],
        /60000 x 60000 pixels, .*not even one/,
      ],
      [["embed", "set/cat/000.jpg", "set", "--out", "d"], /set\/cat\/000\.jpg: Safetensors file cut short/],
    ];
    await Promise.all(wrong.map(async ([args, message]) => failed(await simclr(args, { cwd }), message)));
  }),
);

encoders("of torchvision's names need to be told the size of their images", () =>
  inTemporaryFolder(async (cwd) => {
    const device = await testDevice();
    const config: TrainingConfig = { ...DEFAULT_CONFIG, encoder: "resnet18", width: 0.125, stem: "cifar" };
    const model = createModel(device, config, 16);
    const { tensors } = decodeSafetensors(await encodeEncoder(model, config, 7));
    model.tensors.dispose();
    await writeFile(join(cwd, "torch.safetensors"), encodeSafetensors(tensors, {}));
    await writeFiles(join(cwd, "set"), await classFolders(3));
    const command = ["embed", "torch.safetensors", "set"];
    failed(await simclr(command, { cwd }), /torch\.safetensors does not say for images of which size .*--image-size/);
    const { stdout } = succeeded(await simclr([...command, "--image-size", "16"], { cwd }));
    assert.match(stdout, /embeddings\.npy and \.csv: 3 x 64/);
  }),
);

encoders.run();
