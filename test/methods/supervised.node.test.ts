import { suite } from "uvu";
import * as assert from "uvu/assert";
import { augment } from "../../src/augment/augment.js";
import { augmentationPolicies, noAugmentation } from "../../src/augment/policy.js";
import type { Dataset } from "../../src/data/dataset.js";
import { subset } from "../../src/data/views.js";
import { relativeError, UNIT } from "../../src/doctor/rounding.js";
import { Tape } from "../../src/engine/tape.js";
import { CheckpointError, ConfigError } from "../../src/errors.js";
import { classify, classifyFeatures } from "../../src/evaluation/classify.js";
import { Embedder } from "../../src/evaluation/embed.js";
import { accuracy } from "../../src/evaluation/knn.js";
import { decodeSafetensors } from "../../src/io/safetensors.js";
import type { Model } from "../../src/nn/model.js";
import { softmaxCrossEntropy } from "../../src/reference/cross-entropy.js";
import { decodeCheckpoint } from "../../src/training/checkpoint.js";
import { DEFAULT_CONFIG, type TrainingConfig } from "../../src/training/config.js";
import { decodeEncoder, encodeEncoder, readEncoder } from "../../src/training/encoder-file.js";
import { createModel } from "../../src/training/model.js";
import { type StepEvent, Trainer, type TrainerOptions } from "../../src/training/trainer.js";
import { rejects, throws } from "../data/expect.js";
import { testDevice } from "../lib/device.js";
import { expectNear, largest, plainNet, runSteps } from "../training/run-steps.js";
import { IMAGE_SIZE, SMALL_CONFIG, stripes } from "../training/small-set.js";

const training = suite("supervised training");

const images = stripes(28);

async function small(
  changes: Partial<TrainingConfig> = {},
  dataset: Dataset = images,
  options: TrainerOptions = {},
): Promise<Trainer> {
  const config = { ...SMALL_CONFIG, method: "supervised", ...changes } as const;
  return Trainer.create(await testDevice(), dataset, config, options);
}

/** Gives the classifier weights that are not zero, so that gradients pass it. */
function spreadClassifier({ tensors, encoder, classes }: Model): void {
  const weight = Float32Array.from({ length: encoder.features * classes }, (_, i) => Math.sin(3 * i) / 4);
  tensors.device.write(tensors.tensor("fc.weight"), weight);
  tensors.device.write(
    tensors.tensor("fc.bias"),
    Float32Array.from({ length: classes }, (_, c) => 0.1 * c),
  );
}

training("has the loss, the accuracy and the gradients of the reference", async () => {
  const device = await testDevice();
  const batch = 8;
  const config = { ...DEFAULT_CONFIG, ...SMALL_CONFIG, method: "supervised", batch, microBatch: batch } as const;
  const set = stripes(batch);
  const make = () => {
    const model = createModel(device, config, IMAGE_SIZE, 3);
    spreadClassifier(model);
    return model;
  };
  // The second of the two steps is compared: its weights are those after one.
  const { metrics, gradients } = await runSteps(config, set, { prepare: spreadClassifier });

  // The same two steps once more, the second by hand: representations from the device, the loss from the reference.
  const before = await runSteps({ ...config, epochs: 1 }, set, { prepare: spreadClassifier, count: 1 });
  const model = make();
  model.tensors.write(new Map([...before.values].map(([name, values]) => [name, Float32Array.from(values)])));
  const pixels = new Uint32Array(batch * IMAGE_SIZE * IMAGE_SIZE);
  await set.fetch(
    Uint32Array.from({ length: batch }, (_, i) => i),
    new Uint8Array(pixels.buffer),
  );
  const inputs = {
    bytes: device.tensor([batch, IMAGE_SIZE, IMAGE_SIZE], pixels, "images"),
    images: device.tensor(
      [batch],
      Uint32Array.from({ length: batch }, (_, i) => i),
      "image numbers",
    ),
    counter: device.tensor([2], Uint32Array.of(7, 1), "seed and epoch"),
  };
  const tape = new Tape(device);
  const view = augment(tape, inputs, augmentationPolicies.crop, IMAGE_SIZE, { views: 1 });
  assert.equal(view.shape, [batch, IMAGE_SIZE, IMAGE_SIZE, 3], "one view of each image");
  const pass = model.tensors.pass(tape, { training: true, movesRunning: false });
  const h = model.encoder.forward(pass, view);
  const forward = await tape.compile({ keep: [h] });
  const features = await forward.runAndRead(h);
  const dimension = model.encoder.features;
  const [weight, bias] = await Promise.all(
    ["fc.weight", "fc.bias"].map((name) => device.read(model.tensors.tensor(name))),
  );
  const logits = Float64Array.from({ length: batch * 3 }, (_, i) => {
    let sum = bias[i % 3];
    for (let d = 0; d < dimension; d++) sum += features[Math.floor(i / 3) * dimension + d] * weight[d * 3 + (i % 3)];
    return sum;
  });
  const { loss, dLogits } = softmaxCrossEntropy(logits, set.labels, 3);
  const right = set.labels.filter((label, row) => {
    const own = [...logits.subarray(3 * row, 3 * row + 3)];
    return own.indexOf(Math.max(...own)) === label;
  });

  // A logit is a dot product of as many terms as there are features; the loss is off by as much, and its softmax a little more.
  const tolerance = relativeError(dimension + 20) * largest(Float32Array.from(logits));
  assert.equal(Object.keys(metrics[1]), ["loss", "accuracy", "lossScale"]);
  assert.ok(Math.abs(metrics[1].loss - loss) <= tolerance, `${metrics[1].loss} and ${loss}`);
  assert.is("accuracy" in metrics[1] && metrics[1].accuracy, right.length / batch);

  const dWeight = Float32Array.from({ length: dimension * 3 }, (_, i) => {
    let sum = 0;
    for (let row = 0; row < batch; row++) {
      sum += features[row * dimension + Math.floor(i / 3)] * dLogits[row * 3 + (i % 3)];
    }
    return sum;
  });
  const dBias = Float32Array.from({ length: 3 }, (_, c) =>
    dLogits.reduce((sum, d, i) => sum + (i % 3 === c ? d : 0), 0),
  );
  const reach = tolerance * largest(features);
  expectNear(gradients.get("fc.weight"), dWeight, reach, "fc.weight");
  expectNear(gradients.get("fc.bias"), dBias, tolerance, "fc.bias");

  // The rest of the way back starts from the reference's gradient of the representations.
  const dh = Float32Array.from({ length: batch * dimension }, (_, i) => {
    let sum = 0;
    for (let c = 0; c < 3; c++) sum += dLogits[Math.floor(i / dimension) * 3 + c] * weight[(i % dimension) * 3 + c];
    return sum;
  });
  const seed = device.tensor([batch, dimension], dh, "gradient of the representations");
  tape.backward(h, seed);
  const encoder = model.tensors.parameters.filter(({ spec }) => !spec.name.startsWith("fc."));
  const found = encoder.map(({ value }) => tape.gradient(value));
  const back = await tape.compile({ keep: found.flatMap((gradient) => gradient ?? []) });
  back.run();
  for (const [i, { spec }] of encoder.entries()) {
    const gradient = found[i];
    const expected = gradient ? Float32Array.from(await device.read(gradient)) : new Float32Array();
    assert.ok(largest(expected) > 0, spec.name);
    // The same kernels from a gradient that is off by the tolerance, through four batch norms that divide by small deviations.
    expectNear(gradients.get(spec.name), expected, 100 * tolerance * largest(expected), spec.name);
  }
  for (const part of [forward, back, model.tensors]) part.dispose();
  for (const tensor of [...Object.values(inputs), seed]) device.free(tensor);
});

for (const optimizer of ["sgd", "adamw"] as const) {
  training(`in micro-batches gives the loss and the gradients of the undivided batch (${optimizer})`, async () => {
    const batch = 10;
    const set = stripes(batch);
    const config = { ...DEFAULT_CONFIG, ...SMALL_CONFIG, method: "supervised", batch, optimizer } as const;
    const steps = (microBatch: number) => runSteps({ ...config, microBatch }, set, { own: { encoder: plainNet() } });
    const whole = await steps(batch);
    for (const microBatch of [1, 3, 4, 5]) {
      const divided = await steps(microBatch);
      whole.metrics.forEach((expected, i) => {
        const found = divided.metrics[i];
        // Sums of 12 * 9 terms and fewer, and a mean.
        assert.ok(Math.abs(found.loss - expected.loss) <= relativeError(120) * expected.loss, `loss of step ${i + 1}`);
        const off = "accuracy" in found && "accuracy" in expected ? found.accuracy - expected.accuracy : 1;
        assert.ok(Math.abs(off) <= relativeError(batch), `accuracy of step ${i + 1}`);
      });
      for (const [name, gradient] of whole.gradients) {
        // Sums over 10 images and maps of 64 pixels of products of what is off as the loss is.
        expectNear(
          divided.gradients.get(name),
          gradient,
          largest(gradient) * 10 * 64 * UNIT * 4,
          `${microBatch}: ${name}`,
        );
      }
    }
  });
}

training("learns a small set by heart, and classifies it with the running statistics", async () => {
  const device = await testDevice();
  const trainer = await small({ augmentation: noAugmentation, epochs: 40 }, images);
  const metrics: StepEvent[] = [];
  await trainer.train({ onStep: (event) => void metrics.push(event) });
  // A classifier that starts at zero takes all classes to be equally likely.
  assert.ok(Math.abs(metrics[0].loss - Math.log(3)) < 1e-6, `${metrics[0].loss}`);
  for (const event of metrics.slice(-3)) assert.is("accuracy" in event && event.accuracy, 1);
  const { predictions, logits } = await classify(device, trainer.model, images);
  assert.is(accuracy(predictions, images.labels), 1);
  assert.is(logits.length, 28 * 3);

  const embedder = await Embedder.create(device, trainer.model);
  const features = await embedder.embed(images);
  const weights = await trainer.model.tensors.read();
  const [weight = [], bias = []] = [weights.get("fc.weight"), weights.get("fc.bias")];
  logits.forEach((logit, i) => {
    let [sum, magnitude] = [bias[i % 3], Math.abs(bias[i % 3])];
    for (let d = 0; d < features.dimension; d++) {
      const product = features.values[Math.floor(i / 3) * features.dimension + d] * weight[d * 3 + (i % 3)];
      sum += product;
      magnitude += Math.abs(product);
    }
    const tolerance = relativeError(features.dimension + 1) * magnitude;
    assert.ok(Math.abs(logit - sum) <= tolerance, `logit ${i} is ${logit}, not ${sum}`);
  });
  embedder.dispose();
  trainer.dispose();
});

training("classifies more images than go at once, and takes the first of equal logits", async () => {
  const device = await testDevice();
  const model = createModel(device, { ...DEFAULT_CONFIG, ...SMALL_CONFIG, method: "supervised" }, IMAGE_SIZE, 3);
  const rows = 1030;
  const values = Float32Array.from({ length: rows * 64 }, (_, i) => Math.cos(i * i));
  const undecided = await classifyFeatures(device, model, { values, rows, dimension: 64 });
  assert.equal(undecided.predictions, new Uint32Array(rows));
  spreadClassifier(model);
  const all = await classifyFeatures(device, model, { values, rows, dimension: 64 });
  assert.is(new Set(all.predictions).size, 3);
  for (const row of [0, 1023, 1024, 1029]) {
    const one = { values: values.slice(row * 64, (row + 1) * 64), rows: 1, dimension: 64 };
    const { logits, predictions } = await classifyFeatures(device, model, one);
    expectNear(all.logits.slice(row * 3, row * 3 + 3), logits, relativeError(66) * 64, `row ${row}`);
    assert.is(all.predictions[row], predictions[0]);
  }
  model.tensors.dispose();
});

for (const changes of [{ optimizer: "sgd" }, { microBatch: 3 }] as const) {
  training(`goes on from a checkpoint bit for bit (${JSON.stringify(changes)})`, async () => {
    const whole = await small({ checkpointEvery: 3, ...changes });
    const run = async (trainer: Trainer) => {
      const losses: number[] = [];
      const checkpoints = new Map<number, Uint8Array<ArrayBuffer>>();
      await trainer.train({
        onStep: ({ loss }) => void losses.push(loss),
        onCheckpoint: (bytes, step) => void checkpoints.set(step, bytes),
      });
      trainer.dispose();
      return { losses, checkpoints };
    };
    const { losses, checkpoints } = await run(whole);
    assert.equal([...checkpoints.keys()], [0, 3, 6]);
    const middle = decodeCheckpoint(checkpoints.get(3) ?? new Uint8Array());
    assert.equal(middle.classes, images.classes);
    assert.is(middle.config.method, "supervised");
    const resumed = await small({ checkpointEvery: 3, ...changes });
    resumed.restore(middle);
    const rest = await run(resumed);
    assert.equal(rest.losses, losses.slice(3));
    assert.equal(rest.checkpoints, new Map([[6, checkpoints.get(6)]]));
  });
}

training("a checkpoint of other classes, or of contrastive training, is refused", async () => {
  const trainer = await small();
  const checkpoint = decodeCheckpoint(await trainer.checkpoint());
  const renamed = await small({}, { ...images, classes: ["0", "2", "1"] });
  throws(() => renamed.restore(checkpoint), CheckpointError, /class 1 of the checkpoint.*"1", and here it is "2"/);
  const contrastive = await small({ method: "simclr" });
  throws(
    () => contrastive.restore(checkpoint),
    CheckpointError,
    /a training with method supervised, and this one has simclr/,
  );
  const withoutLabels = decodeCheckpoint(await contrastive.checkpoint());
  assert.equal(withoutLabels.classes, []);
  throws(
    () => trainer.restore(withoutLabels),
    CheckpointError,
    /a training with method simclr, and this one has supervised/,
  );
  for (const each of [trainer, renamed, contrastive]) each.dispose();
});

/** An encoder after an epoch of contrastive training, with its file. */
async function pretrain() {
  const trainer = await small({ method: "simclr", epochs: 1 });
  await trainer.train();
  const weights = await trainer.model.tensors.read();
  const file = await encodeEncoder(trainer.model, trainer.config, trainer.step);
  trainer.dispose();
  return { weights, file };
}

training("fine-tuning starts from an encoder's weights exactly, and trains all of them", async () => {
  const { weights, file } = await pretrain();
  const trainer = await small({ optimizer: "sgd", learningRate: 0.1 }, images, { initial: readEncoder(file) });
  const before = await trainer.model.tensors.read();
  for (const { name } of trainer.model.encoder.tensors) assert.equal(before.get(name), weights.get(name), name);
  assert.equal(before.get("fc.weight"), new Float32Array(64 * 3));
  assert.equal(before.get("fc.bias"), new Float32Array(3));
  await trainer.train();
  const after = await trainer.model.tensors.read();
  for (const [name, values] of after) assert.not.equal(values, before.get(name), name);
  const scratch = await small({ seed: 1 });
  assert.not.equal(
    (await scratch.model.tensors.read()).get("layers.0.conv.weight"),
    weights.get("layers.0.conv.weight"),
  );

  // The file of what came out has the classifier as well, and serves as an encoder all the same.
  const written = await encodeEncoder(trainer.model, trainer.config, trainer.step);
  const { tensors } = decodeSafetensors(written);
  assert.equal(tensors.get("fc.weight")?.shape, [3, 64]);
  assert.is(tensors.get("fc.weight")?.data[64 + 5], after.get("fc.weight")?.[5 * 3 + 1]);
  assert.equal(tensors.get("fc.bias"), { shape: [3], data: after.get("fc.bias") });
  const model = decodeEncoder(await testDevice(), written);
  assert.is(model.classes, 0);
  const stored = await model.tensors.read();
  for (const [name, values] of stored) assert.equal(values, after.get(name), name);
  for (const part of [trainer, scratch, model.tensors]) part.dispose();
});

training("is refused without labels or classes, and from an encoder that does not fit", async () => {
  const device = await testDevice();
  const { file } = await pretrain();
  const initial = readEncoder(file, { name: "runs/one/encoder.safetensors" });
  await rejects(small({}, { ...images, labels: null, classes: [] }), ConfigError, /stripes has no labels/, /folder/);
  await rejects(small({}, { ...images, classes: ["cat"] }), ConfigError, /one class \(cat\)/, /at least two/);
  const labels = Uint32Array.from({ length: images.length }, (_, i) => (i === 3 ? 9 : 0));
  await rejects(
    small({}, { ...images, labels }),
    ConfigError,
    /image 3 of .* has the label 9, and there are \d classes/,
  );
  await rejects(small({ method: "regression" }), ConfigError, /no method "regression": choose/);
  const pair = [noAugmentation, noAugmentation] as const;
  await rejects(small({ augmentation: pair }), ConfigError, /one augmentation policy, not 2/);
  await rejects(small({ augmentation: "byol" }), ConfigError, /one augmentation policy, not 2/);
  for (const [changes, message] of [
    [{ width: 0.5 }, /runs\/one\/encoder\.safetensors is of another architecture: convnet-0\.25x.*not convnet-0\.5x/],
    [{ encoder: "resnet18" }, /not resnet18-0\.25x/],
  ] as const) {
    await rejects(small(changes, images, { initial }), CheckpointError, message);
  }
  await rejects(small({}, stripes(28, { width: 20, height: 20 }), { initial }), CheckpointError, /16 x 16.*20 x 20/);
  throws(() => createModel(device, { ...DEFAULT_CONFIG, method: "supervised" }, 16), ConfigError, /0 classes/);
  const contrastive = createModel(device, { ...DEFAULT_CONFIG, ...SMALL_CONFIG }, 16);
  await rejects(classify(device, contrastive, subset(images, [0])), ConfigError, /no classifier/);
  contrastive.tensors.dispose();
});

training.run();
