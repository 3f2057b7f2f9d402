import { suite } from "uvu";
import * as assert from "uvu/assert";
import { augmentationPolicies } from "../../src/augment/policy.js";
import type { Device } from "../../src/engine/device.js";
import { Tape } from "../../src/engine/tape.js";
import { CheckpointError, ConfigError } from "../../src/errors.js";
import { Embedder } from "../../src/evaluation/embed.js";
import { decodeSafetensors, encodeSafetensors, type TensorData } from "../../src/io/safetensors.js";
import type { Model } from "../../src/nn/model.js";
import { NORMALIZATIONS } from "../../src/nn/normalized-input.js";
import { torchShape, toTorch } from "../../src/nn/torch-layout.js";
import { decodeCheckpoint, parseConfig, restoreModel } from "../../src/training/checkpoint.js";
import { completeConfig, DEFAULT_CONFIG, type TrainingConfig } from "../../src/training/config.js";
import { decodeEncoder, encodeEncoder, loadEncoder, readEncoder } from "../../src/training/encoder-file.js";
import { createModel } from "../../src/training/model.js";
import { Trainer } from "../../src/training/trainer.js";
import { VERSION } from "../../src/version.js";
import { rejects, throws } from "../data/expect.js";
import { testDevice } from "../lib/device.js";
import { SMALL_CONFIG, stripes } from "./small-set.js";

const files = suite("checkpoints and encoder files");

const images = stripes(28);
const config: TrainingConfig = { ...DEFAULT_CONFIG, ...SMALL_CONFIG, microBatch: 8, epochs: 1 };

/** A model after an epoch, its checkpoint and its encoder file. */
async function train() {
  const trainer = await Trainer.create(await testDevice(), images, config);
  await trainer.train();
  return {
    trainer,
    checkpoint: await trainer.checkpoint(),
    encoder: await encodeEncoder(trainer.model, trainer.config, trainer.step),
  };
}
let training: ReturnType<typeof train> | null = null;
function trained(): ReturnType<typeof train> {
  training ??= train();
  return training;
}

async function featuresOf(device: Device, model: Model): Promise<Float32Array> {
  const embedder = await Embedder.create(device, model, { batch: 16 });
  const { values } = await embedder.embed(images);
  embedder.dispose();
  return values;
}

files("a checkpoint holds all that a training needs", async () => {
  const { checkpoint, trainer } = await trained();
  const { step, images: count, imageSize, config: stored, tensors } = decodeCheckpoint(checkpoint);
  assert.equal({ step, count, imageSize }, { step: 3, count: 28, imageSize: 16 });
  assert.equal(stored, completeConfig(config));
  const weights = await trainer.model.tensors.read();
  assert.equal(
    [...tensors.keys()].filter((name) => name.startsWith("model.")),
    [...weights.keys()].map((name) => `model.${name}`),
  );
  for (const [name, values] of weights) assert.equal(tensors.get(`model.${name}`), values, name);
  assert.ok(tensors.has("optimizer.first_moment.0") && tensors.has("optimizer.second_moment.0"));
});

files("a checkpoint cut anywhere is refused", async () => {
  const { checkpoint } = await trained();
  const length = checkpoint.length;
  for (const cut of [0, 1, 7, 8, 100, 2000, Math.floor(length / 2), length - 4, length - 1]) {
    throws(() => decodeCheckpoint(checkpoint.subarray(0, cut)), CheckpointError, /./);
  }
});

files("files that are no checkpoint are refused, with what they are", async () => {
  const { checkpoint, encoder } = await trained();
  throws(() => decodeCheckpoint(new TextEncoder().encode("<!doctype html><p>Not found")), CheckpointError, /./);
  throws(() => decodeCheckpoint(encoder), CheckpointError, /no checkpoint of a training/, /"pt"/);
  const { tensors, metadata } = decodeSafetensors(checkpoint);
  const changed = (changes: Record<string, string>) => encodeSafetensors(tensors, { ...metadata, ...changes });
  throws(() => decodeCheckpoint(changed({ format: "another 7" })), CheckpointError, /"another 7"/);
  throws(() => decodeCheckpoint(changed({ config: "{" })), CheckpointError, /not JSON/);
  throws(() => decodeCheckpoint(changed({ config: "[1" })), CheckpointError, /not JSON/);
  throws(() => decodeCheckpoint(changed({ config: "3" })), CheckpointError, /not a JSON object/);
  throws(() => decodeCheckpoint(changed({ step: "-1" })), CheckpointError, /step is "-1"/);
  throws(() => decodeCheckpoint(changed({ step: "x" })), CheckpointError, /step is "x"/);
  const { images: _, ...rest } = metadata;
  throws(() => decodeCheckpoint(encodeSafetensors(tensors, rest)), CheckpointError, /images is "missing"/);
});

files(
  "a checkpoint with values that are not finite is refused with their tensor, and one of no whole batch",
  async () => {
    const { tensors, metadata } = decodeSafetensors((await trained()).checkpoint);
    const name = "model.layers.1.conv.weight";
    const { shape = [], data = [] } = tensors.get(name) ?? {};
    const values = Float32Array.from(data, Number);
    values[3] = Number.NaN;
    const poisoned = encodeSafetensors(new Map([...tensors, [name, { shape, data: values }]]), metadata);
    throws(
      () => decodeCheckpoint(poisoned),
      CheckpointError,
      /the checkpoint is damaged: value 3 of model\.layers\.1\.conv\.weight is NaN/,
    );
    const few = encodeSafetensors(new Map(tensors), { ...metadata, images: "7" });
    throws(() => decodeCheckpoint(few), CheckpointError, /on 7 images with batches of 8/);
  },
);

files("a configuration takes the defaults for what is missing, and only the types of the defaults", () => {
  assert.equal(parseConfig({ batch: 64, somethingElse: 1 }), { ...DEFAULT_CONFIG, batch: 64 });
  assert.equal(parseConfig(JSON.parse(JSON.stringify(config))), config);
  for (const [key, value] of [
    ["batch", "64"],
    ["encoder", 18],
    ["options", null],
    ["options", 3],
    ["augmentation", null],
    ["augmentation", 3],
  ]) {
    throws(() => parseConfig({ [String(key)]: value }), CheckpointError, new RegExp(`${key} is`));
  }
  throws(() => parseConfig(null), CheckpointError, /not a JSON object/);
});

files("configurations of earlier versions, which had an objective and no method, become one of a method", () => {
  const earlier = {
    ...{ objective: "contrastive", batch: 32, loss: "nt-logistic", temperature: 0.2, mining: "none", margin: 0.4 },
    ...{ normalize: true, head: { layers: 3, output: 64 } },
  };
  const { method, options, batch } = completeConfig(parseConfig(earlier));
  assert.equal([method, batch], ["simclr", 32]);
  assert.equal(options, {
    ...{ views: 2, smallViews: 0, smallSize: 0, smallArea: 0.32 },
    ...{ headLayers: 3, headHidden: 0, headOutput: 64, headBatchNorm: false },
    ...{ loss: "nt-logistic", temperature: 0.2, margin: 0.4, normalize: true },
    ...{ negatives: "all", sigma: 0.5, classPrior: 0.1, hardness: 1 },
  });
  assert.is(parseConfig({ ...earlier, mining: "semi-hard" }).options["negatives"], "semi-hard");
  assert.equal(parseConfig({ method: "simclr", options: { mining: "semi-hard", margin: 0.2 } }).options, {
    ...{ negatives: "semi-hard", margin: 0.2 },
  });
  const supervised = parseConfig({ ...earlier, objective: "supervised" });
  assert.equal([supervised.method, supervised.options], ["supervised", {}]);
});

files("augmentations of a configuration may lack what later versions have, and nothing else", () => {
  const { cifar, imagenet } = augmentationPolicies;
  const {
    cutoutProbability: _,
    rotationProbability: __,
    noiseSigma: ___,
    solarizeProbability: ____,
    ...earlier
  } = imagenet;
  const stored = (augmentation: unknown) => parseConfig(JSON.parse(JSON.stringify({ augmentation }))).augmentation;
  assert.equal(stored(earlier), imagenet);
  assert.equal(stored([cifar, earlier]), [cifar, imagenet]);
  throws(() => stored({ ...cifar, equalizeProbability: 1 }), CheckpointError, /no "equalizeProbability"/);
  throws(() => stored({ ...cifar, hue: "0.1" }), CheckpointError, /hue is "0\.1"/);
  throws(() => stored([cifar]), CheckpointError, /1 policies/);
});

files("weights of another architecture are refused", async () => {
  const device = await testDevice();
  const checkpoint = decodeCheckpoint((await trained()).checkpoint);
  const others = [{ width: 0.5 }, { encoder: "resnet18" }, { options: { headLayers: 0 } }, { norm: "group" }] as const;
  for (const changes of others) {
    const model = createModel(device, { ...config, ...changes }, 16);
    throws(() => restoreModel(model, checkpoint), CheckpointError, /architecture/);
    model.tensors.dispose();
  }
});

files("a model from a checkpoint gives the same features", async () => {
  const device = await testDevice();
  const { checkpoint, trainer } = await trained();
  const model = createModel(device, { ...config, seed: 99 }, 16);
  const expected = await featuresOf(device, trainer.model);
  assert.not.equal(await featuresOf(device, model), expected);
  restoreModel(model, decodeCheckpoint(checkpoint));
  assert.equal(await featuresOf(device, model), expected);
  model.tensors.dispose();
});

files("an encoder file has PyTorch's names, shapes and counters", async () => {
  const { encoder, trainer } = await trained();
  const { tensors, metadata } = decodeSafetensors(encoder);
  const names = trainer.model.encoder.tensors.flatMap(({ name }) =>
    name.endsWith("running_var") ? [name, name.replace("running_var", "num_batches_tracked")] : [name],
  );
  assert.equal([...tensors.keys()].sort(), names.sort());
  for (const { name, shape } of trainer.model.encoder.tensors) {
    assert.equal(tensors.get(name)?.shape, torchShape(shape), name);
  }
  assert.equal(tensors.get("layers.0.bn.num_batches_tracked"), { shape: [], data: BigInt64Array.of(3n) });
  const { preprocessing, ...said } = metadata;
  assert.equal(said, {
    format: "pt",
    library: `webgpu-simclr ${VERSION}`,
    encoder: "convnet",
    width: "0.25",
    stem: "cifar",
    norm: "batch",
    features: "64",
    imageSize: "16",
    normalization: JSON.stringify(NORMALIZATIONS.none),
    method: "simclr",
    steps: "3",
    epochs: String(config.epochs),
    dataset: "unknown",
    license: "unknown",
  });
  assert.equal(JSON.parse(preprocessing), {
    ...{ size: 16, resize: "shorter side", resample: "lanczos3", crop: "center" },
    ...{ scale: 1 / 255, mean: [0, 0, 0], std: [1, 1, 1] },
  });
  assert.equal(readEncoder(encoder).metadata, metadata);
});

files("an encoder file says what images it takes, of which data it is made, and its licence", async () => {
  const device = await testDevice();
  const full = { ...config, normalization: NORMALIZATIONS.cifar10 };
  const model = createModel(device, full, 16);
  const origin = { dataset: "photos", images: 321, license: "cc-by-4.0" };
  const { metadata } = decodeSafetensors(await encodeEncoder(model, full, 7, origin));
  model.tensors.dispose();
  const { dataset, images: count, license, steps, preprocessing } = metadata;
  assert.equal([dataset, count, license, steps], ["photos", "321", "cc-by-4.0", "7"]);
  const { mean, std } = JSON.parse(preprocessing);
  assert.equal({ mean, deviation: std }, NORMALIZATIONS.cifar10);
});

files("an encoder file gives the same features", async () => {
  const device = await testDevice();
  const { encoder, trainer } = await trained();
  const model = decodeEncoder(device, encoder);
  assert.equal([model.imageSize, model.head.output, model.encoder.features], [16, 64, 64]);
  assert.equal(await featuresOf(device, model), await featuresOf(device, trainer.model));
  model.tensors.dispose();
});

files("an encoder file of a version without norms to choose from has batch norm", async () => {
  const device = await testDevice();
  const { encoder, trainer } = await trained();
  const { tensors, metadata } = decodeSafetensors(encoder);
  const { norm: _, ...rest } = metadata;
  const model = decodeEncoder(device, encodeSafetensors(tensors, rest));
  assert.equal(await featuresOf(device, model), await featuresOf(device, trainer.model));
  model.tensors.dispose();
});

files("with group norm, files keep what was trained, and give the same features", async () => {
  const device = await testDevice();
  const trainer = await Trainer.create(device, images, { ...config, norm: "group" });
  await trainer.train();
  const expected = await featuresOf(device, trainer.model);

  const encoder = await encodeEncoder(trainer.model, trainer.config, trainer.step);
  const { tensors, metadata } = decodeSafetensors(encoder);
  assert.is(metadata["norm"], "group");
  const specs = trainer.model.encoder.tensors;
  assert.equal([...tensors.keys()].sort(), specs.map(({ name }) => name).sort());
  const weights = await trainer.model.tensors.read();
  for (const spec of specs) {
    assert.equal(tensors.get(spec.name)?.data, toTorch(spec, weights.get(spec.name) ?? new Float32Array()), spec.name);
  }
  const decoded = decodeEncoder(device, encoder);
  assert.equal(await featuresOf(device, decoded), expected);
  const unknown = encodeSafetensors(tensors, { ...metadata, norm: "layer" });
  throws(() => decodeEncoder(device, unknown), CheckpointError, /an encoder that this version does not know/);

  const checkpoint = decodeCheckpoint(await trainer.checkpoint());
  assert.is(checkpoint.config.norm, "group");
  const model = createModel(device, { ...checkpoint.config, seed: 99 }, 16);
  restoreModel(model, checkpoint);
  assert.equal(await featuresOf(device, model), expected);
  for (const other of [decoded, model]) other.tensors.dispose();
  trainer.dispose();
});

files("files that are no encoder are refused", async () => {
  const device = await testDevice();
  const { encoder, checkpoint } = await trained();
  throws(() => decodeEncoder(device, checkpoint), CheckpointError, /holds no ResNet of torchvision's names.*no conv1/);
  throws(() => decodeEncoder(device, encoder.subarray(0, encoder.length - 9)), CheckpointError, /./);
  const { tensors, metadata } = decodeSafetensors(encoder);
  const { "layers.2.conv.weight": _, ...others } = Object.fromEntries(tensors);
  const without = encodeSafetensors(new Map(Object.entries(others)), metadata);
  throws(() => decodeEncoder(device, without), CheckpointError, /layers\.2\.conv\.weight/);
  const wider = encodeSafetensors(tensors, { ...metadata, width: "0.5" });
  throws(
    () => decodeEncoder(device, wider),
    CheckpointError,
    /layers\.0\.conv\.weight is of shape \[8, 3, 3, 3\].*\[16, 3, 3, 3\]/,
  );
  const unknown = encodeSafetensors(tensors, { ...metadata, encoder: "vgg" });
  throws(() => decodeEncoder(device, unknown), CheckpointError, /an encoder that this version does not know/);
});

/** A ResNet-18 of an eighth of the channels with random weights, and its state dict under torchvision's names. */
async function torchResNet(stem: "cifar" | "imagenet") {
  const device = await testDevice();
  const full: TrainingConfig = { ...config, encoder: "resnet18", width: 0.125, stem };
  const model = createModel(device, full, 16);
  const { tensors } = decodeSafetensors(await encodeEncoder(model, full, 7));
  return { device, model, tensors };
}

files(
  "a ResNet of torchvision's names is read without metadata, behind any prefix, and takes its normalization along",
  async () => {
    for (const [stem, prefix] of [
      ["imagenet", ""],
      ["cifar", "module.backbone."],
    ] as const) {
      const { device, model, tensors } = await torchResNet(stem);
      const foreign = encodeSafetensors(
        new Map([...tensors].map(([name, tensor]) => [`${prefix}${name}`, tensor])),
        {},
      );
      const stored = readEncoder(foreign, { name: "weights.safetensors" });
      const normalization = NORMALIZATIONS.imagenet;
      const architecture = { encoder: "resnet18", width: 0.125, stem, norm: "batch", normalization };
      assert.equal(stored.architecture, architecture);
      assert.is(stored.imageSize, null);
      throws(() => decodeEncoder(device, foreign), ConfigError, /give an image size/);
      const plain = decodeEncoder(device, foreign, { imageSize: 16, normalization: NORMALIZATIONS.none });
      const expected = await featuresOf(device, model);
      assert.equal(await featuresOf(device, plain), expected);
      const normalized = decodeEncoder(device, foreign, { imageSize: 16 });
      assert.not.equal(await featuresOf(device, normalized), expected);

      // What was trained from it goes on being normalised, wherever it is read.
      const full = { ...config, ...stored.architecture };
      const trainer = await Trainer.create(device, images, full, { initial: stored });
      assert.equal(await featuresOf(device, trainer.model), await featuresOf(device, normalized));
      const file = await encodeEncoder(trainer.model, trainer.config, 0);
      const again = decodeEncoder(device, file);
      assert.equal(await featuresOf(device, again), await featuresOf(device, normalized));
      const resumed = createModel(device, decodeCheckpoint(await trainer.checkpoint()).config, 16);
      await loadEncoder(resumed, readEncoder(file));
      assert.equal(await featuresOf(device, resumed), await featuresOf(device, normalized));
      const unnormalized = { ...full, normalization: NORMALIZATIONS.none };
      await rejects(
        Trainer.create(device, images, unnormalized, { initial: stored }),
        CheckpointError,
        /normalised by/,
      );
      for (const { tensors: made } of [model, plain, normalized, again, resumed]) made.dispose();
      trainer.dispose();
    }
  },
);

files(
  "ResNets of timm's, MoCo's, solo-learn's and lightly's names are read, without what is no part of them",
  async () => {
    const { model, tensors } = await torchResNet("imagenet");
    const expected = readEncoder(encodeSafetensors(tensors, {})).tensors;
    model.tensors.dispose();
    const behind = (prefix: string, change = 0): [string, TensorData][] =>
      [...tensors].map(([name, { shape, data }]) => {
        const values = data instanceof Float32Array ? data.map((value) => value + change) : data;
        return [`${prefix}${name}`, { shape, data: values }];
      });
    const vector = (...names: readonly string[]) =>
      names.map((name): [string, TensorData] => [name, { shape: [3], data: Float32Array.of(1, 2, 3) }]);
    // A Sequential of the ResNet's children, without its classifier: no names, but places.
    const places: Record<string, string> = { conv1: "0", bn1: "1", layer1: "4", layer2: "5", layer3: "6", layer4: "7" };
    const inPlaces = behind("").map(([name, tensor]): [string, TensorData] => {
      const [child, ...rest] = name.split(".");
      return [["backbone", places[child], ...rest].join("."), tensor];
    });
    const cases: [string, [string, TensorData][], string[]][] = [
      ["timm", [...behind(""), ...vector("fc.weight", "fc.bias")], ["fc"]],
      [
        "MoCo, whose keys' encoder comes first in the alphabet",
        [
          ...behind("module.encoder_k.", 1),
          ...behind("module.encoder_q."),
          ...vector("module.encoder_q.fc.0.weight", "module.encoder_q.fc.2.bias", "module.queue", "module.queue_ptr"),
        ],
        ["module.encoder_k", "module.encoder_q.fc", "module.queue", "module.queue_ptr"],
      ],
      [
        "MoCo v3",
        [
          ...behind("module.base_encoder."),
          ...behind("module.momentum_encoder.", 1),
          ...vector("module.predictor.0.weight"),
        ],
        ["module.momentum_encoder", "module.predictor"],
      ],
      [
        "solo-learn",
        [...behind("momentum_backbone.", 1), ...behind("backbone."), ...vector("projector.0.weight")],
        ["momentum_backbone", "projector"],
      ],
      ["lightly", [...inPlaces, ...vector("projection_head.layers.0.weight")], ["projection_head"]],
    ];
    for (const [name, entries, leftOut] of cases) {
      const stored = readEncoder(encodeSafetensors(new Map(entries), { format: "pt" }), { name });
      assert.equal([...stored.leftOut].sort(), leftOut, name);
      assert.equal(stored.architecture.encoder, "resnet18", name);
      assert.equal([...stored.tensors.keys()], [...expected.keys()], name);
      for (const [key, values] of expected) assert.equal(stored.tensors.get(key), values, `${name}: ${key}`);
    }
    const refused = (entries: Iterable<[string, TensorData]>, message: RegExp) =>
      throws(() => readEncoder(encodeSafetensors(new Map(entries), {})), CheckpointError, message);
    refused([...behind("a."), ...behind("b.")], /several encoders, a\.conv1\.weight, b\.conv1\.weight: keep one/);
    const deep = behind("").map(([key, tensor]): [string, TensorData] => [key.replace(/^conv1\./, "conv1.0."), tensor]);
    refused(deep, /begins with several convolutions, conv1\.0\.weight/);
    refused([...behind(""), ...vector("layer1.0.se.fc1.weight")], /with layer1\.0\.se\.fc1\.weight in its blocks/);
  },
);

files("state dicts of other nets are refused with what they are", async () => {
  const { model, tensors } = await torchResNet("cifar");
  model.tensors.dispose();
  const read = (entries: Iterable<[string, TensorData]>) => () => readEncoder(encodeSafetensors(new Map(entries), {}));
  const vit: [string, TensorData][] = [["cls_token", { shape: [1, 1, 4], data: new Float32Array(4) }]];
  throws(read(vit), CheckpointError, /no conv1\.weight among cls_token/);
  const shorter = [...tensors].filter(([name]) => !name.startsWith("layer4.1"));
  throws(read(shorter), CheckpointError, /2 \+ 2 \+ 2 \+ 1 blocks behind a first convolution of 3 x 3 for 3 channels/);
  const unnormed = [...tensors].filter(([name]) => !name.includes("running"));
  throws(read(unnormed), CheckpointError, /without batch norm's running statistics/);
  const damaged = [...tensors].filter(([name]) => name !== "layer3.0.conv2.weight");
  throws(read(damaged), CheckpointError, /no tensor layer3\.0\.conv2\.weight of floats/);
});

files("weights of another layout, or that are not finite, are refused", async () => {
  const { model, tensors } = await torchResNet("cifar");
  model.tensors.dispose();
  const changed = (change: (tensor: TensorData) => TensorData) => () => {
    const name = "layer1.0.conv1.weight";
    const entries = [...tensors].map(([key, tensor]): [string, TensorData] => [
      key,
      key === name ? change(tensor) : tensor,
    ]);
    return readEncoder(encodeSafetensors(new Map(entries), {}));
  };
  changed((tensor) => tensor)();
  const message = /layer1\.0\.conv1\.weight is of shape \[.*\], and this architecture wants \[\d+, \d+, 3, 3\]/;
  throws(
    changed(({ shape: [o, i, h, w], data }) => ({ shape: [h, w, i, o], data })),
    CheckpointError,
    message,
  );
  throws(
    changed(({ data }) => ({ shape: [data.length], data })),
    CheckpointError,
    message,
  );
  for (const wrong of [Number.NaN, Number.NEGATIVE_INFINITY]) {
    const poison = ({ shape, data }: TensorData) => {
      const values = Float32Array.from(data, Number);
      values[values.length - 1] = wrong;
      return { shape, data: values };
    };
    throws(changed(poison), CheckpointError, /layer1\.0\.conv1\.weight has values that are not finite/);
  }
});

files("images are centred and scaled channel by channel before the encoder", async () => {
  const device = await testDevice();
  const none = createModel(device, config, 16);
  const normalization = { mean: [0.5, 0.25, 0.125], deviation: [0.5, 0.25, 0.5] } as const;
  const normalized = createModel(device, { ...config, normalization }, 16);
  const pixels = Float32Array.from({ length: 3 * 16 * 16 }, (_, i) => ((i * 37) % 256) / 256);
  const by = ({ mean, deviation }: typeof normalization) =>
    pixels.map((value, i) => (value - mean[i % 3]) / deviation[i % 3]);
  const featuresIn = async (model: Model, values: Float32Array<ArrayBuffer>) => {
    const tape = new Tape(device);
    const x = device.tensor([1, 16, 16, 3], values);
    const h = model.encoder.forward(model.tensors.pass(tape, { training: false }), x);
    const program = await tape.compile({ keep: [h] });
    const found = await program.runAndRead(h);
    program.dispose();
    device.free(x);
    return found;
  };
  // Powers of two: no step of it rounds.
  assert.equal(await featuresIn(normalized, pixels), await featuresIn(none, by(normalization)));
  throws(
    () => createModel(device, { ...config, normalization: { mean: [0, 0, 0], deviation: [1, 0, 1] } }, 16),
    ConfigError,
    /deviations above 0/,
  );
  for (const { tensors } of [none, normalized]) tensors.dispose();
});

files.after(async () => {
  (await trained()).trainer.dispose();
});

files.run();
