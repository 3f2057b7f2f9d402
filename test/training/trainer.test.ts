import { suite } from "uvu";
import * as assert from "uvu/assert";
import { noAugmentation } from "../../src/augment/policy.js";
import type { Dataset } from "../../src/data/dataset.js";
import { openDevice } from "../../src/engine/device.js";
import {
  CheckpointError,
  ConfigError,
  DataError,
  DeviceLostError,
  NonFiniteLossError,
  UsageError,
} from "../../src/errors.js";
import { simclr } from "../../src/methods/simclr.js";
import { decodeCheckpoint } from "../../src/training/checkpoint.js";
import type { TrainingConfig } from "../../src/training/config.js";
import { type StepEvent, Trainer } from "../../src/training/trainer.js";
import { rejects, throws } from "../data/expect.js";
import { testDevice } from "../lib/device.js";
import { IMAGE_SIZE, SMALL_CONFIG, stripes, withOriginals } from "./small-set.js";

const training = suite("training");

/** Four more than three whole batches. */
const images = stripes(28);

async function small(changes: Partial<TrainingConfig> = {}, dataset: Dataset = images): Promise<Trainer> {
  return Trainer.create(await testDevice(), dataset, { ...SMALL_CONFIG, ...changes });
}

/** What a step measured, without how long it took. */
function measured(event: StepEvent) {
  const { imagesPerSecond: _, ...rest } = event;
  return rest;
}

/** Trains to the end: what each step measured, and the checkpoints by their step. */
async function trainThrough(trainer: Trainer) {
  const steps: ReturnType<typeof measured>[] = [];
  const checkpoints = new Map<number, Uint8Array<ArrayBuffer>>();
  const epochs: number[] = [];
  const finished = await trainer.train({
    onStep: (event) => {
      steps.push(measured(event));
    },
    onEpoch: (epoch) => {
      epochs.push(epoch);
    },
    onCheckpoint: (bytes, step) => {
      checkpoints.set(step, bytes);
    },
  });
  assert.is(finished, true);
  return { steps, checkpoints, epochs };
}

training(
  "cuts views from originals: the same ones to the bit from those of an image's size, others from larger ones",
  async () => {
    const { steps } = await trainThrough(await small());
    const same = await trainThrough(await small({}, withOriginals(images, IMAGE_SIZE, IMAGE_SIZE)));
    assert.equal(same.steps, steps);
    const larger = withOriginals(images);
    const others = await trainThrough(await small({}, larger));
    assert.not.equal(others.steps[0].loss, steps[0].loss);
    // In micro-batches, each image has its own original again; group norm makes their sum the whole.
    const whole = await trainThrough(await small({ norm: "group" }, larger));
    const parts = await trainThrough(await small({ microBatch: 3, norm: "group" }, larger));
    whole.steps.forEach(({ loss }, i) => {
      assert.ok(Math.abs(parts.steps[i].loss / loss - 1) < 1e-3, `step ${i}: ${parts.steps[i].loss} and ${loss}`);
    });
  },
);

training("goes on from a checkpoint as if it had never stopped, bit for bit", async () => {
  const whole = await small({ checkpointEvery: 3 });
  assert.is(whole.steps, 6);
  const { steps, checkpoints, epochs } = await trainThrough(whole);
  assert.equal([...checkpoints.keys()], [0, 3, 6]);
  assert.equal(epochs, [1, 2]);
  assert.equal(
    steps.map(({ step, epoch }) => [step, epoch]),
    [1, 2, 3, 4, 5, 6].map((step) => [step, step / 3]),
  );

  const resumed = await small({ checkpointEvery: 3 });
  resumed.restore(decodeCheckpoint(checkpoints.get(3) ?? new Uint8Array()));
  const rest = await trainThrough(resumed);
  assert.equal(rest.steps, steps.slice(3));
  assert.equal(rest.checkpoints, new Map([[6, checkpoints.get(6)]]));
  assert.equal(rest.epochs, [2]);

  // Weights, statistics and the optimizer's moments moved, or the equality says nothing.
  const [early, late] = [3, 6].map((step) => decodeCheckpoint(checkpoints.get(step) ?? new Uint8Array()));
  assert.equal([early.step, late.step, late.images, late.imageSize], [3, 6, 28, 16]);
  for (const [name, values] of late.tensors) assert.not.equal(values, early.tensors.get(name), name);
  whole.dispose();
  resumed.dispose();
});

for (const optimizer of ["adamw", "sgd", "lars"] as const) {
  training(`stopped by a signal, saves, and can go on (${optimizer})`, async () => {
    const whole = await small({ optimizer });
    const { checkpoints } = await trainThrough(whole);
    const interrupted = await small({ optimizer });
    const controller = new AbortController();
    const saved: [number, Uint8Array<ArrayBuffer>][] = [];
    const finished = await interrupted.train({
      signal: controller.signal,
      onStep: ({ step }) => {
        if (step === 2) controller.abort();
      },
      onCheckpoint: (bytes, step) => {
        saved.push([step, bytes]);
      },
    });
    assert.is(finished, false);
    assert.is(saved.length, 2);
    const [[first], [step, bytes]] = saved;
    assert.is(first, 0);
    // At most the step in progress comes after the signal.
    assert.ok(step === 2 || step === 3, `saved after step ${step}`);
    assert.is(interrupted.step, step);
    const resumed = await small({ optimizer });
    resumed.restore(decodeCheckpoint(bytes));
    checkpoints.delete(0);
    assert.equal((await trainThrough(resumed)).checkpoints, checkpoints);
    for (const trainer of [whole, interrupted, resumed]) trainer.dispose();
  });
}

training(
  "in micro-batches sees the images of the whole batch twice, and goes on from a checkpoint bit for bit",
  async () => {
    const fetched: number[][] = [];
    const watched: Dataset = {
      ...images,
      fetch(indices, out) {
        fetched.push(Array.from(indices));
        return images.fetch(indices, out);
      },
    };
    const changes = { microBatch: 3, checkpointEvery: 3 };
    const divided = await small(changes, watched);
    assert.is(divided.config.microBatch, 3);
    const passes: string[] = [];
    await divided.train({ onMicroBatch: (begun, total) => void passes.push(`${begun} of ${total}`) });
    // 8 images are 2, 3 and 3.
    assert.equal(passes.slice(0, 7), ["1 of 6", "2 of 6", "3 of 6", "4 of 6", "5 of 6", "6 of 6", "1 of 6"]);
    assert.equal(
      fetched.slice(0, 6).map(({ length }) => length),
      [2, 3, 3, 2, 3, 3],
    );
    assert.equal(fetched.slice(3, 6), fetched.slice(0, 3));
    const orders = await small({}, watched);
    fetched.length = 0;
    await orders.train();
    assert.is(fetched.length, 6);
    divided.dispose();
    orders.dispose();

    const whole = await small(changes);
    const { steps, checkpoints } = await trainThrough(whole);
    const resumed = await small(changes);
    resumed.restore(decodeCheckpoint(checkpoints.get(3) ?? new Uint8Array()));
    const rest = await trainThrough(resumed);
    assert.equal(rest.steps, steps.slice(3));
    assert.equal(rest.checkpoints, new Map([[6, checkpoints.get(6)]]));
    whole.dispose();
    resumed.dispose();
  },
);

training("keeps a checkpoint before its first step, and one whenever its minutes are over", async () => {
  for (const [checkpointMinutes, expected] of [
    [1e-9, [0, 1, 2, 3, 4, 5, 6]],
    [0, [0, 6]],
    [60, [0, 6]],
  ] as const) {
    const trainer = await small({ checkpointMinutes });
    const { checkpoints } = await trainThrough(trainer);
    assert.equal([...checkpoints.keys()], expected);
    trainer.dispose();
  }
});

training("stopped before its first step, leaves a checkpoint too", async () => {
  const trainer = await small();
  const saved: number[] = [];
  const hooks = { signal: AbortSignal.abort(), onCheckpoint: (_: Uint8Array, step: number) => void saved.push(step) };
  assert.is(await trainer.train(hooks), false);
  assert.equal(saved, [0]);
  trainer.dispose();
});

training("takes whole batches of different images, in another order each epoch", async () => {
  const fetched: number[][] = [];
  const watched: Dataset = {
    ...images,
    fetch(indices, out) {
      fetched.push(Array.from(indices));
      return images.fetch(indices, out);
    },
  };
  const trainer = await small({ epochs: 3 }, watched);
  assert.equal([trainer.stepsPerEpoch, trainer.steps], [3, 9]);
  await trainer.train();
  assert.equal(
    fetched.map((batch) => batch.length),
    Array(9).fill(8),
  );
  const epochs = [0, 3, 6].map((start) => fetched.slice(start, start + 3).flat());
  for (const epoch of epochs) assert.is(new Set(epoch).size, 24);
  assert.not.equal(epochs[0], epochs[1]);
  assert.not.equal(epochs[1], epochs[2]);
  assert.ok(new Set(epochs.flat()).size > 24, "the images that are left out are not always the same");
  trainer.dispose();
});

training("the loss falls", async () => {
  const trainer = await small({ epochs: 12 });
  const { steps } = await trainThrough(trainer);
  const mean = (part: typeof steps) => part.reduce((sum, { loss }) => sum + loss, 0) / part.length;
  const [first, last] = [mean(steps.slice(0, 3)), mean(steps.slice(-9))];
  // log(2N - 1) is what embeddings that say nothing reach.
  assert.ok(last < first - 0.2 && last < Math.log(15) - 0.3, `from ${first} to ${last}`);
  assert.ok(steps.some(({ contrastiveAccuracy }) => contrastiveAccuracy > 0));
  for (const { contrastiveAccuracy, outputStd } of steps) {
    // Of 16 anchors, some are right.
    assert.ok(contrastiveAccuracy >= 0 && contrastiveAccuracy <= 1 && Number.isInteger(16 * contrastiveAccuracy));
    assert.ok(outputStd > 0 && outputStd <= 1 / Math.sqrt(128) + 1e-6, `${outputStd}`);
  }
  trainer.dispose();
});

training("the loss falls with group norm, too", async () => {
  const trainer = await small({ norm: "group", epochs: 24 });
  const { steps } = await trainThrough(trainer);
  const mean = (part: typeof steps) => part.reduce((sum, { loss }) => sum + loss, 0) / part.length;
  const [first, last] = [mean(steps.slice(0, 3)), mean(steps.slice(-9))];
  assert.ok(last < first - 0.1 && last < Math.log(15) - 0.15, `from ${first} to ${last}`);
  trainer.dispose();
});

training("a seed decides everything", async () => {
  const losses: number[][] = [];
  for (const seed of [1, 1, 2]) {
    const trainer = await small({ seed, epochs: 1 });
    losses.push((await trainThrough(trainer)).steps.map(({ loss }) => loss));
    trainer.dispose();
  }
  assert.equal(losses[0], losses[1]);
  assert.not.equal(losses[0], losses[2]);
});

training("the learning rate warms up and falls", async () => {
  const trainer = await small({ epochs: 4, warmupEpochs: 2, learningRate: 0.1, learningRateScaling: "linear" });
  const peak = (0.1 * 8) / 256;
  const rates = Array.from({ length: trainer.steps }, (_, step) => trainer.learningRate(step) / peak);
  for (let step = 0; step < 6; step++) assert.ok(Math.abs(rates[step] - (step + 1) / 6) < 1e-12);
  for (let step = 7; step < 12; step++) assert.ok(rates[step] < rates[step - 1]);
  trainer.dispose();
});

training("gives everything back", async () => {
  const device = await testDevice();
  const trainer = await small();
  await trainer.train();
  await trainer.checkpoint();
  trainer.dispose();
  const before = device.memory.currentBytes;
  const again = await small();
  await again.train();
  await again.checkpoint();
  again.dispose();
  assert.is(device.memory.currentBytes, before);
});

training("a loss that is not finite ends it, and no checkpoint is written any more", async () => {
  const saved: number[] = [];
  const onCheckpoint = (_: Uint8Array, step: number) => void saved.push(step);
  const diverging = await small({ learningRate: 1e30, checkpointEvery: 2 });
  await rejects(diverging.train({ onCheckpoint }), NonFiniteLossError, /loss became NaN at step 2/, /learning rate/);
  // A temperature is not the learning rate's fault, and nobody kept a checkpoint here.
  const cold = await small({ options: { temperature: 1e-9 } });
  const error: unknown = await cold.train().catch((reason: unknown) => reason);
  assert.instance(error, NonFiniteLossError);
  if (!(error instanceof NonFiniteLossError)) return;
  assert.match(error.message, /^the loss became NaN at step 2: a temperature of 1e-9/);
  assert.not.match(error.message, /learning rate|checkpoint/);
  assert.is(error.step, 2);
  cold.dispose();
  // In float32 this rate is infinite: the first loss is finite, and the weights after it are not.
  const broken = await small({ learningRate: 1e39, checkpointEvery: 1 });
  await rejects(broken.train({ onCheckpoint }), NonFiniteLossError, /no longer finite after step 1/);
  assert.equal(saved, [0, 0], "none but those before the first steps");
  diverging.dispose();
  broken.dispose();
});

training("an image that can no longer be read ends it", async () => {
  let calls = 0;
  const failing: Dataset = {
    ...images,
    async fetch(indices, out) {
      if (++calls === 3) throw new DataError("the disk is gone");
      await images.fetch(indices, out);
    },
  };
  const trainer = await small({}, failing);
  const seen: number[] = [];
  await rejects(trainer.train({ onStep: ({ step }) => void seen.push(step) }), DataError, /the disk is gone/);
  assert.ok(seen.length <= 2);
  trainer.dispose();
});

training("a hook that fails ends it with its error", async () => {
  const trainer = await small();
  const onStep = async ({ step }: StepEvent) => {
    if (step === 2) throw new CheckpointError("the disk is full");
  };
  await rejects(trainer.train({ onStep }), CheckpointError, /the disk is full/);
  trainer.dispose();
});

training("a device that is lost in the middle of a step ends it", async () => {
  const device = await openDevice();
  const trainer = await Trainer.create(device, images, SMALL_CONFIG);
  const saved: number[] = [];
  const lost = trainer.train({
    onStep: ({ step }) => {
      if (step === 2) device.gpu.destroy();
    },
    onCheckpoint: (_, step) => void saved.push(step),
  });
  // A read-back may fail before the loss is announced.
  const message = /was lost|did not finish/;
  await rejects(lost, DeviceLostError, message);
  await rejects(trainer.train(), DeviceLostError, message);
  assert.equal(saved, [0]);
  device.close();
});

training("is refused where the configuration is out of its range", async () => {
  const device = await testDevice();
  const wrong: [Partial<TrainingConfig>, RegExp][] = [
    [{ batch: 29 }, /batch of 29.*28 images/],
    [{ batch: 1 }, /batch is 1/],
    [{ batch: 7.5 }, /batch is 7\.5/],
    [{ options: { temperature: 0 } }, /temperature is 0; it must be a number above 0/],
    [{ options: { temperature: -0.5 } }, /temperature is -0\.5/],
    [{ options: { temperature: Number.NaN } }, /temperature is NaN/],
    [{ options: { margin: -0.1 } }, /margin is -0\.1; it must be a number from 0/],
    [{ options: { margin: Number.POSITIVE_INFINITY } }, /margin is Infinity/],
    [{ options: { negatives: "semi-hard", margin: 0 } }, /no semi-hard negatives/],
    [{ options: { negatives: "hard", loss: "nt-logistic" } }, /negatives are hard, and that comes with NT-Xent/],
    [{ options: { negatives: "decoupled", normalize: false } }, /negatives are decoupled, and that comes with NT-Xent/],
    [{ options: { negatives: "semi-hard", views: 3 } }, /more than two views.*not with semi-hard negatives/],
    [{ options: { negatives: "debiased", smallViews: 1 } }, /negatives are debiased, and small views come with all/],
    [{ options: { classPrior: 1 } }, /classPrior is 1; it must be a number from 0, below 1/],
    [{ options: { hardness: -1 } }, /hardness is -1; it must be a number from 0/],
    [{ options: { temprature: 0.1 } }, /simclr has no option temprature; it has .*temperature/],
    [{ options: { normalize: "yes" } }, /normalize is "yes"; it must be true or false/],
    [{ method: "simclear" }, /no method "simclear": choose simclr, /],
    [{ epochs: 0 }, /epochs is 0/],
    [{ seed: -1 }, /seed is -1.*from 0 to 4294967295/],
    [{ seed: 2 ** 32 }, /seed is 4294967296/],
    [{ learningRate: 0 }, /learningRate is 0/],
    [{ learningRate: Number.POSITIVE_INFINITY }, /learningRate is Infinity/],
    [{ weightDecay: -1 }, /weightDecay is -1/],
    [{ warmupEpochs: 3 }, /warmupEpochs is 3.*2 epochs/],
    [{ checkpointEvery: 0 }, /checkpointEvery is 0/],
    [{ checkpointMinutes: -1 }, /checkpointMinutes is -1/],
    [{ evaluateEvery: -1 }, /evaluateEvery is -1/],
    [{ width: 0 }, /width 0 /],
    [{ options: { headOutput: 0 } }, /headOutput is 0; it must be a whole number from 1/],
    // What a file or a caller without types may hold.
    [{ encoder: JSON.parse('"vgg"') }, /encoder is "vgg"; choose convnet, resnet18/],
    [{ optimizer: JSON.parse('"adam"') }, /optimizer is "adam"/],
    [{ options: { loss: "triplet" } }, /loss is "triplet"; choose nt-xent, nt-logistic, margin-triplet/],
    [{ options: { negatives: "far" } }, /negatives is "far"/],
    [{ augmentation: JSON.parse('"none"') }, /augmentation is "none"/],
    [{ augmentation: { ...noAugmentation, hue: 1 } }, /hue is 1/],
    [{ augmentation: [noAugmentation, { ...noAugmentation, cutoutSide: 2 }] }, /cutoutSide is 2/],
    [{ stem: JSON.parse('"tiny"') }, /stem is "tiny"/],
    [{ norm: JSON.parse('"layer"') }, /norm is "layer"; choose batch, group/],
    [{ learningRateScaling: JSON.parse('"cubic"') }, /learningRateScaling is "cubic"/],
  ];
  const before = device.memory.currentBytes;
  for (const [change, message] of wrong) await rejects(small(change), ConfigError, message);
  await rejects(small({}, stripes(28, { width: 20 })), ConfigError, /20 x 16 pixels/, /image size/);
  assert.is(device.memory.currentBytes, before);
});

training("a checkpoint of another training is refused", async () => {
  const trainer = await small();
  const checkpoint = decodeCheckpoint(await trainer.checkpoint());
  const others: [Partial<TrainingConfig>, Dataset, RegExp][] = [
    [{ width: 0.5 }, images, /width 0\.25, and this one has 0\.5: make the trainer with the checkpoint's conf/],
    [{ norm: "group" }, images, /norm batch, and this one has group/],
    [{ options: { headLayers: 3 } }, images, /headLayers 2, and this one has 3/],
    [{ optimizer: "sgd" }, images, /optimizer adamw, and this one has sgd/],
    [{ batch: 4 }, images, /batch 8, and this one has 4/],
    [{ microBatch: 4 }, images, /microBatch 8, and this one has 4/],
    [{ seed: 2 }, images, /seed 1, and this one has 2/],
    [{ augmentation: noAugmentation }, images, /a training with another augmentation than this one/],
    [{}, stripes(27), /on 28 images, and there are 27/],
    [{}, stripes(28, { width: 20, height: 20 }), /on images of 16 pixels, and these have 20/],
  ];
  for (const [changes, dataset, message] of others) {
    const other = await small(changes, dataset);
    throws(() => other.restore(checkpoint), CheckpointError, message);
    assert.is(other.step, 0);
    other.dispose();
  }
  // What no step depends on may be different.
  const other = await small({ memoryBudget: 1000, recompute: true, evaluateEvery: 1, checkpointEvery: 2 });
  other.restore(checkpoint);
  other.dispose();
  trainer.dispose();
});

training("goes on with more epochs from where their schedule is, and with no fewer than are done", async () => {
  const done = await small();
  await done.train();
  const checkpoint = decodeCheckpoint(await done.checkpoint());
  assert.is(done.learningRate(6), 0);
  const longer = await small({ epochs: 4 });
  longer.restore(checkpoint);
  // Half of a cosine is half of its peak.
  assert.ok(Math.abs(longer.learningRate(6) - 1.5e-3) < 1e-9);
  const { steps, checkpoints } = await trainThrough(longer);
  assert.equal(
    steps.map(({ step, learningRate }) => [step, learningRate]),
    [7, 8, 9, 10, 11, 12].map((step) => [step, longer.learningRate(step - 1)]),
  );
  assert.is(decodeCheckpoint(checkpoints.get(12) ?? new Uint8Array()).config.epochs, 4);
  const shorter = await small({ epochs: 1 });
  const message = /of step 6, and 1 epoch of 3 steps would be over before it: go on with 2 epochs or more/;
  throws(() => shorter.restore(checkpoint), CheckpointError, message);
  throws(() => longer.restore({ ...checkpoint, step: 999 }), CheckpointError, /go on with 333 epochs or more/);
  for (const trainer of [done, longer, shorter]) trainer.dispose();
});

training("says which images a step takes, in a random order and in a method's own", async () => {
  const clips = {
    clip: Uint32Array.from({ length: 28 }, (_, i) => i % 2),
    time: Uint32Array.from({ length: 28 }, (_, i) => i >> 1),
  };
  for (const method of ["simclr", "tcn"]) {
    const fetched: number[][] = [];
    const watched: Dataset = {
      ...images,
      clips,
      fetch(indices, out) {
        fetched.push(Array.from(indices));
        return images.fetch(indices, out);
      },
    };
    const trainer = await small({ method }, watched);
    await trainer.train();
    assert.is(fetched.length, 6);
    assert.equal(
      fetched.map((_, step) => Array.from(trainer.imagesOf(step))),
      fetched,
      method,
    );
    trainer.dispose();
  }
});

training(
  "warns of settings that lead to nothing, and after an interruption of what it would have warned of",
  async () => {
    const alike = { ...images, fetch: async (_: ArrayLike<number>, out: Uint8Array) => void out.fill(100) };
    const told = async (trainer: Trainer, past: StepEvent[] = []) => {
      const [warnings, events]: [string[], StepEvent[]] = [[], []];
      await trainer.train({
        past,
        onStep: (event) => void events.push(event),
        onWarning: (message, step) => void warnings.push(`${step}: ${message}`),
      });
      trainer.dispose();
      return { warnings, events };
    };
    const changes = { epochs: 8, learningRate: 1e6, augmentation: noAugmentation };
    const whole = await told(await small(changes, alike));
    assert.is(whole.warnings.length, 2, whole.warnings.join("\n"));
    assert.match(whole.warnings[0], /^0: a learning rate of 1000000 is beyond all that adamw/);
    assert.match(whole.warnings[1], /^20: .*collapsed/);
    // From step 12 on, with what the steps before measured.
    const first = await small({ ...changes, checkpointEvery: 12 }, alike);
    let bytes: Uint8Array = new Uint8Array();
    const onCheckpoint = (saved: Uint8Array, step: number) => {
      if (step === 12) bytes = saved;
    };
    await first.train({ onCheckpoint });
    const resumed = await small(changes, alike);
    resumed.restore(decodeCheckpoint(bytes));
    assert.equal((await told(resumed, whole.events.slice(0, 12))).warnings, whole.warnings.slice(1));
    first.dispose();
  },
);

training("keys that no configuration has are refused with the one that was meant", async () => {
  // As plain JavaScript calls it, which no compiler checks.
  const make = async (config: unknown, own: unknown = {}) =>
    Reflect.apply(Trainer.create, Trainer, [await testDevice(), images, config, own]);
  for (const [config, message] of [
    [{ batchSize: 8 }, "a configuration has no batchSize: did you mean batch?"],
    [{ lr: 0.1 }, "a configuration has no lr: did you mean learningRate?"],
    [{ Epochs: 8 }, "did you mean epochs?"],
    [{ toString: 1 }, "a configuration has no toString: it has method, options, encoder, "],
    [{ temperature: 0.1 }, "temperature is an option of the method simclr: give it as options: { temperature: ... }"],
    [{ method: "moco", queue: 64 }, "queue is an option of the method moco"],
    [{ options: { temprature: 0.1 } }, "did you mean temperature?"],
    [
      { encoder: { name: "mine" } },
      "encoder of a configuration is a name, and this is an Object: one of your own goes",
    ],
    [{ method: simclr }, "Trainer.create(device, images, config, { method })"],
    [{ optimizer: () => null }, "optimizer of a configuration is a name"],
  ] as const)
    await rejects(make(config), ConfigError, message);
  // What is undefined stands for its default.
  const trainer = await make({ ...SMALL_CONFIG, seed: undefined, options: { temperature: undefined } });
  assert.equal([trainer.config.seed, trainer.config.options.temperature], [1, 0.5]);
  trainer.dispose();
});

training("takes one set of images, and no pair of them", async () => {
  const create = async (given: unknown) => Reflect.apply(Trainer.create, Trainer, [await testDevice(), given, {}]);
  for (const [given, message] of [
    [{ train: images, test: null }, "this is an ImageSet, which has two parts: pass images.train"],
    [Promise.resolve(images), "this is a promise: await it"],
    [[images], "this is an Array"],
    [undefined, "this is undefined"],
  ] as const)
    await rejects(create(given), UsageError, "a Dataset is wanted, and ", message);
});

training("a method of one's own goes before the one that a configuration names", async () => {
  const device = await testDevice();
  const method = { ...simclr, name: "mine" };
  const trainer = await Trainer.create(device, images, { ...SMALL_CONFIG, method: "byol" }, { method });
  assert.is(trainer.config.method, "mine");
  assert.equal(Object.keys(trainer.config.options), Object.keys(simclr.options));
  trainer.dispose();
});

training("does one thing at a time, and nothing after it was disposed of", async () => {
  const trainer = await small();
  const checkpoint = decodeCheckpoint(await trainer.checkpoint());
  const first = trainer.train();
  const message = "this trainer is training: wait until its train() ends";
  await rejects(trainer.train(), UsageError, message);
  throws(() => trainer.restore(checkpoint), UsageError, message);
  throws(() => trainer.dispose(), UsageError, message);
  assert.is(await first, true);
  // One that ended may be called again, also after it failed.
  assert.is(await trainer.train(), true);
  trainer.restore(checkpoint);
  const failing = trainer.train({ onStep: () => Promise.reject(new RangeError("full")) });
  await rejects(failing, RangeError, "full");
  trainer.restore(checkpoint);
  assert.is(await trainer.train(), true);
  for (let round = 0; round < 2; round++) {
    trainer.dispose();
    const gone = "this trainer was disposed of: make another one";
    await rejects(trainer.train(), UsageError, gone);
    await rejects(trainer.checkpoint(), UsageError, gone);
    throws(() => trainer.restore(checkpoint), UsageError, gone);
  }
});

training.run();
