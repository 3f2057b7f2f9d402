import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { datasetFromPixels } from "../../src/data/pixels.js";
import { CheckpointError, ConfigError, type SimclrError, UsageError } from "../../src/errors.js";
import { decodeSafetensors, encodeSafetensors, type TensorData } from "../../src/io/safetensors.js";
import { NORMALIZATIONS } from "../../src/nn/normalized-input.js";
import { type ExportOptions, exportEncoder } from "../../src/runs/export.js";
import type { OnnxRuntime } from "../../src/runs/onnx-check.js";
import { startRun } from "../../src/runs/run.js";
import { DEFAULT_CONFIG, type TrainingConfig } from "../../src/training/config.js";
import { encodeEncoder, readEncoder } from "../../src/training/encoder-file.js";
import { createModel } from "../../src/training/model.js";
import { rejects } from "../data/expect.js";
import { inTemporaryFolder, picture } from "../data/make-files.js";
import { testDevice } from "../lib/device.js";
import { onnxRuntime } from "../lib/onnx.js";

const exporting = suite("exported encoders");

const SIDE = 16;
const CLASSES = ["cat", "a|b", "owl"];

/** Pictures of three classes. */
function images(count: number) {
  const pixels = new Uint8Array(count * SIDE * SIDE * 3);
  for (let i = 0; i < count; i++) pixels.set(picture(SIDE, SIDE, i), i * SIDE * SIDE * 3);
  const labels = Array.from({ length: count }, (_, i) => i % 3);
  const name = "/home/somebody/my photos";
  return datasetFromPixels({ name, pixels, channels: 3, width: SIDE, height: SIDE, labels, classes: CLASSES });
}

/** A supervised run in a temporary folder, and a function that exports from there. */
async function withRun(
  use: (
    run: string,
    write: (from: string, options?: ExportOptions) => ReturnType<typeof exportEncoder>,
    cwd: string,
  ) => Promise<void>,
  changes: Partial<TrainingConfig> = {},
): Promise<void> {
  const device = await testDevice();
  await inTemporaryFolder(async (cwd) => {
    const run = join(cwd, "run");
    const config = { method: "supervised", width: 0.25, batch: 8, epochs: 1, normalization: NORMALIZATIONS.cifar10 };
    await startRun(
      device,
      { train: images(24), test: images(12) },
      { ...config, ...changes },
      {
        folder: run,
        license: "mit",
        brief: true,
      },
    );
    await use(run, (from, options) => exportEncoder(device, from, options), cwd);
  });
}

exporting("are a folder with the encoder, a card of the run, and what transformers.js reads", () =>
  withRun(async (run, write) => {
    const runtime = await onnxRuntime();
    const { files, check } = await write(run, { onnx: true, license: "cc-by-4.0", runtime });
    const folder = join(run, "export");
    const names = ["encoder.safetensors", "onnx/model.onnx", "config.json", "preprocessor_config.json", "README.md"];
    assert.equal(
      files,
      names.map((name) => join(folder, name)),
    );
    assert.ok(check && check.largestDifference < 1e-5 && check.largestValue > 1e-3, JSON.stringify(check));
    const read = (name: string) => readFile(join(folder, name), "utf8");

    const kept = decodeSafetensors(await readFile(join(run, "encoder.safetensors")));
    const given = decodeSafetensors(await readFile(join(folder, "encoder.safetensors")));
    assert.equal(given, { tensors: kept.tensors, metadata: { ...kept.metadata, license: "cc-by-4.0" } });
    assert.is(kept.metadata["license"], "mit");
    // As Hugging Face's image processors name them: the shorter side, Lanczos, the centre, 1 / 255, and CIFAR-10's constants.
    assert.equal(JSON.parse(await read("preprocessor_config.json")), {
      ...{ image_processor_type: "CLIPImageProcessor", do_convert_rgb: true },
      ...{ do_resize: true, size: { shortest_edge: SIDE }, resample: 1 },
      ...{ do_center_crop: true, crop_size: { height: SIDE, width: SIDE } },
      ...{ do_rescale: true, rescale_factor: 1 / 255 },
      ...{ do_normalize: true, image_mean: [0.4914, 0.4822, 0.4465], image_std: [0.247, 0.2435, 0.2616] },
    });
    const { architectures, model_type, hidden_sizes } = JSON.parse(await read("config.json"));
    assert.equal([architectures, model_type, hidden_sizes], [["ResNetModel"], "resnet", [64]]);

    const card = await read("README.md");
    for (const part of [
      /^---\nlicense: "cc-by-4\.0"\nlibrary_name: transformers\.js\npipeline_tag: image-feature-extraction\n/,
      /Accuracy on 12 test images /,
      /\n\| kNN, k = 20 \| not measured \| [\d.]+ % \([\d.]+ to [\d.]+\) \|\n/,
      /\nmy photos, 24 images, brought to 16 x 16 pixels\. The images have 3 classes: cat, a\\\|b, owl\.\n/,
      /\n\| method \| supervised \|\n/,
      /\n\| starts from \| random weights \|\n\| steps \| 3 \|\n/,
      /normalised by the means 0\.4914, 0\.4822, 0\.4465/,
      /f32 \[batch, 3, 16, 16\] of pixel values, scaled and normalised as above/,
      new RegExp(`differ from webgpu-simclr's by at most ${check?.largestDifference.toExponential(1)}`),
    ])
      assert.match(card, part);
    assert.not.match(card, /undefined|NaN|\[object|somebody/);
  }),
);

exporting("of a classifier give logits and the classes' names; of a file or torchvision's names, what these say", () =>
  withRun(async (run, write, cwd) => {
    const runtime = await onnxRuntime();
    const out = join(cwd, "logits");
    const { check } = await write(run, { onnx: true, head: true, withPreprocessing: true, out, runtime });
    assert.ok(check && check.largestDifference <= 1e-5 * check.largestValue, JSON.stringify(check));
    const { id2label, architectures } = JSON.parse(await readFile(join(out, "config.json"), "utf8"));
    assert.equal([id2label, architectures], [{ 0: "cat", 1: "a|b", 2: "owl" }, ["ResNetForImageClassification"]]);
    const processor = JSON.parse(await readFile(join(out, "preprocessor_config.json"), "utf8"));
    assert.equal([processor.do_rescale, processor.do_normalize], [false, false]);
    assert.match(await readFile(join(out, "README.md"), "utf8"), /pipeline_tag: image-classification\n/);

    const file = join(run, "encoder.safetensors");
    const plain = await write(file, { out: join(cwd, "plain") });
    assert.equal(
      [plain.files.map((path) => basename(path)), plain.check],
      [["encoder.safetensors", "README.md"], null],
    );
    const card = await readFile(join(cwd, "plain/README.md"), "utf8");
    assert.match(
      card,
      /nothing is known of how good it is[\s\S]*\nsupervised, 3 steps in 1 epoch, by webgpu-simclr \d/,
    );
    assert.not.match(card, /undefined|NaN|transformers/);

    const old = decodeSafetensors(await readFile(file));
    const { encoder, width, stem, norm, imageSize, normalization } = old.metadata;
    await writeFile(file, encodeSafetensors(old.tensors, { encoder, width, stem, norm, imageSize, normalization }));
    await write(file, { out: join(cwd, "old") });
    const before = await readFile(join(cwd, "old/README.md"), "utf8");
    assert.match(
      before,
      /license: "unknown"[\s\S]*does not say what it was trained on[\s\S]*does not say how it was trained/,
    );
    assert.not.match(before, /undefined|NaN/);
  }),
);

exporting("of a transformer have a card with its settings, and of no others", () =>
  withRun(
    async (run, write, cwd) => {
      await write(run, { out: join(cwd, "out") });
      const card = await readFile(join(cwd, "out/README.md"), "utf8");
      const rows = [...card.matchAll(/^\| (\w+) \| (.*?) \|$/gm)].map(([, name, value]) => [name, value]);
      const own = ["patch", "pooling", "positions", "dropPath", "layerScale", "decay", "stem", "norm", "larsEta"];
      assert.equal(
        rows.filter(([name]) => own.includes(name)),
        [
          ["patch", "4"],
          ["pooling", "mean"],
          ["positions", "learned"],
          ["dropPath", "0.1"],
          ["layerScale", "0"],
          ["decay", "weights"],
        ],
      );
      assert.match(card, /names and layouts of timm's VisionTransformer/);
    },
    { encoder: "vit-micro", width: 0.125, pooling: "mean", dropPath: 0.1 },
  ),
);

exporting("of others' names are written by those of the library, alone, and say how they are used", async () => {
  const device = await testDevice();
  await inTemporaryFolder(async (cwd) => {
    // As MoCo's checkpoints have it: both encoders and their heads behind prefixes.
    const config = { ...DEFAULT_CONFIG, encoder: "resnet18", width: 0.125, stem: "imagenet" } as const;
    const model = createModel(device, config, 32, 0);
    const { tensors } = decodeSafetensors(await encodeEncoder(model, config, 3));
    model.tensors.dispose();
    const others = new Map<string, TensorData>();
    for (const part of ["encoder_k", "encoder_q"]) {
      for (const [name, tensor] of tensors) others.set(`module.${part}.${name}`, tensor);
      others.set(`module.${part}.fc.weight`, { shape: [2, 2], data: new Float32Array(4) });
    }
    const file = join(cwd, "moco.safetensors");
    await writeFile(file, encodeSafetensors(others, { note: "somebody's" }));
    const summary = await exportEncoder(device, file, { out: join(cwd, "out"), imageSize: 40, license: "mit" });
    assert.equal(summary.leftOut, ["module.encoder_k", "module.encoder_q.fc"]);

    const written = join(cwd, "out/encoder.safetensors");
    const given = decodeSafetensors(await readFile(written));
    const floats = (all: ReadonlyMap<string, TensorData>) =>
      [...all].filter(([name]) => !name.endsWith("num_batches_tracked"));
    assert.equal(floats(given.tensors), floats(tensors));
    const { encoder, width, stem, imageSize, note, license, method } = given.metadata;
    assert.equal(
      [encoder, width, stem, imageSize, note, license, method],
      ["resnet18", "0.125", "imagenet", "40", "somebody's", "mit", undefined],
    );
    assert.equal(JSON.parse(given.metadata["preprocessing"] ?? "").mean, [0.485, 0.456, 0.406]);
    // What it says is enough.
    assert.is(readEncoder(await readFile(written)).imageSize, 40);
    assert.not.match(await readFile(join(cwd, "out/README.md"), "utf8"), /undefined|NaN/);
  });
});

exporting("are refused with what is wrong, before anything is written", () =>
  withRun(async (run, write, cwd) => {
    const file = join(run, "encoder.safetensors");
    const out = join(cwd, "out");
    await writeFile(join(cwd, "text.safetensors"), "no safetensors at all");
    await mkdir(join(cwd, "empty"));
    const wrong: [string, ExportOptions, new (message: string) => SimclrError, RegExp][] = [
      [run, { head: true, out }, ConfigError, /are for an ONNX file: ask for one/],
      [file, { onnx: true, head: true, out }, ConfigError, /without a head: name its run's folder/],
      [run, { imageSize: 32, out }, ConfigError, /is a run, which knows its image size/],
      [file, { imageSize: 32, out }, ConfigError, /says that it is for images of 16 pixels/],
      [join(cwd, "text.safetensors"), { out }, CheckpointError, /text\.safetensors: Safetensors file/],
      [join(cwd, "nowhere.safetensors"), { out }, CheckpointError, /nowhere\.safetensors cannot be read/],
      [join(cwd, "empty"), { out }, CheckpointError, /empty/],
    ];
    for (const [from, options, kind, message] of wrong) await rejects(write(from, options), kind, message);

    // A runtime that computes something else, and one that is none.
    const { InferenceSession, Tensor } = await onnxRuntime();
    const giving = (change: (values: Float32Array) => unknown): OnnxRuntime => ({
      Tensor,
      InferenceSession: {
        async create(bytes) {
          const session = await InferenceSession.create(bytes);
          return {
            async run(inputs) {
              const { image_embeds: found } = await session.run(inputs);
              return {
                image_embeds: { data: change(found?.data instanceof Float32Array ? found.data : new Float32Array()) },
              };
            },
          };
        },
      },
    });
    // Of the third of four images.
    const changed = (values: Float32Array) => values.map((value, i) => value + (i === values.length / 2 ? 0.1 : 0));
    for (const [runtime, message] of [
      [giving(changed), /gives other numbers than this library: image_embeds of made-up image 2 differs by 0\.[01]/],
      [giving((values) => values.subarray(1)), /gives 255 numbers as image_embeds, in place of 256$/],
      [giving(() => "text"), /gives no numbers as image_embeds, in place of 256$/],
    ] as const)
      await rejects(write(run, { onnx: true, out, runtime }), CheckpointError, message);
    assert.is(await readFile(join(out, "README.md")).catch(() => null), null);

    await write(run, { out });
    await rejects(write(run, { onnx: true, out }), UsageError, /out\/encoder\.safetensors is there already: remove it/);
    await writeFile(join(cwd, "net.onnx"), "somebody else's");
    await rejects(write(run, { out: join(cwd, "net.onnx") }), UsageError, /net\.onnx is there already/);

    await rm(file);
    await rejects(
      write(run, { out: join(cwd, "b") }),
      CheckpointError,
      /has no encoder yet: finish its training first/,
    );
  }),
);

exporting.run();
