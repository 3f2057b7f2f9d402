import { suite } from "uvu";
import * as assert from "uvu/assert";
import { augmentationPolicies } from "../../src/augment/policy.js";
import type { Device } from "../../src/engine/device.js";
import { CheckpointError } from "../../src/errors.js";
import { Embedder } from "../../src/evaluation/embed.js";
import { decodeSafetensors, encodeSafetensors } from "../../src/io/safetensors.js";
import type { Model } from "../../src/nn/model.js";
import { torchShape, toTorch } from "../../src/nn/torch-layout.js";
import { decodeCheckpoint, parseConfig, restoreModel } from "../../src/training/checkpoint.js";
import { completeConfig, DEFAULT_CONFIG, type TrainingConfig } from "../../src/training/config.js";
import { decodeEncoder, encodeEncoder } from "../../src/training/encoder-file.js";
import { createModel } from "../../src/training/model.js";
import { Trainer } from "../../src/training/trainer.js";
import { throws } from "../data/expect.js";
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
  const embedder = await Embedder.create(device, model, 16);
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
  throws(() => decodeCheckpoint(encoder), CheckpointError, /no checkpoint of a training/, /"none"/);
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
    ...{ headLayers: 3, headHidden: 0, headOutput: 64, headBatchNorm: false },
    ...{ loss: "nt-logistic", temperature: 0.2, mining: "none", margin: 0.4, normalize: true },
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
  assert.equal(metadata, {
    encoder: "convnet",
    width: "0.25",
    stem: "cifar",
    norm: "batch",
    features: "64",
    imageSize: "16",
  });
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
  throws(() => decodeEncoder(device, unknown), CheckpointError, /does not say which encoder/);

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
  throws(() => decodeEncoder(device, checkpoint), CheckpointError, /does not say which encoder/);
  throws(() => decodeEncoder(device, encoder.subarray(0, encoder.length - 9)), CheckpointError, /./);
  const { tensors, metadata } = decodeSafetensors(encoder);
  const { "layers.2.conv.weight": _, ...others } = Object.fromEntries(tensors);
  const without = encodeSafetensors(new Map(Object.entries(others)), metadata);
  throws(() => decodeEncoder(device, without), CheckpointError, /layers\.2\.conv\.weight/);
  const wider = encodeSafetensors(tensors, { ...metadata, width: "0.5" });
  throws(
    () => decodeEncoder(device, wider),
    CheckpointError,
    /layers\.0\.conv\.weight has 216 elements.*\[16, 3, 3, 3\]/,
  );
  const unknown = encodeSafetensors(tensors, { ...metadata, encoder: "vgg" });
  throws(() => decodeEncoder(device, unknown), CheckpointError, /does not say which encoder/);
});

files.after(async () => {
  (await trained()).trainer.dispose();
});

files.run();
