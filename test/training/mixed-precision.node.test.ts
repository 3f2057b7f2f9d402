import { suite } from "uvu";
import * as assert from "uvu/assert";
import { roundToHalf } from "../../src/doctor/rounding.js";
import { openDevice } from "../../src/engine/device.js";
import { planMemory } from "../../src/engine/planner.js";
import { ConfigError, NonFiniteLossError } from "../../src/errors.js";
import { withLossScale } from "../../src/optim/loss-scale.js";
import { sgd } from "../../src/optim/sgd.js";
import { decodeCheckpoint, parseConfig } from "../../src/training/checkpoint.js";
import { DEFAULT_CONFIG, type TrainingConfig } from "../../src/training/config.js";
import { createParts, disposeParts } from "../../src/training/model.js";
import { divided, recordStep } from "../../src/training/step.js";
import { Trainer } from "../../src/training/trainer.js";
import { tuneFor } from "../../src/training/tune.js";
import { rejects } from "../data/expect.js";
import { withoutFeatures } from "../engine/observe.js";
import { testDevice } from "../lib/device.js";
import { IMAGE_SIZE, SMALL_CONFIG, stripes } from "./small-set.js";

const mixed = suite("training in mixed precision");

const device = await testDevice();
const images = stripes(28);

mixed("is refused on an adapter without f16, which is named, before anything is made", async () => {
  const without = await withoutFeatures(openDevice);
  const before = without.memory.currentBytes;
  const config: Partial<TrainingConfig> = { ...SMALL_CONFIG, precision: "mixed" };
  const message = new RegExp(`"${without.adapter.name.replace(/[^\w ]/g, "\\$&")}".*shader-f16.*use f32`);
  await rejects(Trainer.create(without, images, config), ConfigError, message);
  await rejects(tuneFor(without, config, IMAGE_SIZE), ConfigError, message);
  assert.is(without.memory.currentBytes, before);
  without.close();
});

mixed("is refused with group norm", async () => {
  const config: Partial<TrainingConfig> = { ...SMALL_CONFIG, norm: "group", precision: "mixed" };
  await rejects(Trainer.create(device, images, config), ConfigError, /^mixed precision comes with batch norm only/);
});

mixed("is something to ask for: f32 is what configurations without it mean", async () => {
  const { precision: _, ...older } = DEFAULT_CONFIG;
  assert.is(parseConfig(older).precision, "f32");
  const config: Partial<TrainingConfig> = { ...SMALL_CONFIG, precision: JSON.parse('"f16"') };
  await rejects(Trainer.create(device, images, config), ConfigError, /precision is "f16"; choose f32, mixed/);
});

/** Runs where the device has f16; where it has not, the test above is what there is to test. */
function withHalf(name: string, test: () => Promise<void> | void): void {
  if (device.has("shader-f16")) mixed(name, test);
}

/** Trains to the end: the losses, and the checkpoints by their step. */
async function train(changes: Partial<TrainingConfig>, from?: Uint8Array<ArrayBuffer>) {
  const trainer = await Trainer.create(device, images, { ...SMALL_CONFIG, ...changes });
  if (from) trainer.restore(decodeCheckpoint(from));
  const losses: number[] = [];
  const checkpoints = new Map<number, Uint8Array<ArrayBuffer>>();
  await trainer.train({
    onStep: ({ loss }) => void losses.push(loss),
    onCheckpoint: (bytes, step) => void checkpoints.set(step, bytes),
  });
  trainer.dispose();
  return { losses, checkpoints };
}

/** Trains with SGD, whose steps are as large as the gradients: the losses and loss scales, and all parameters at the end. */
async function trainWithSgd(
  precision: TrainingConfig["precision"],
  prepare: (trainer: Trainer) => Promise<void> | void,
  changes: Partial<TrainingConfig> = {},
) {
  const config: Partial<TrainingConfig> = {
    ...SMALL_CONFIG,
    optimizer: "sgd",
    learningRate: 0.003,
    epochs: 4,
    precision,
    ...changes,
  };
  const trainer = await Trainer.create(device, images, config);
  await prepare(trainer);
  const losses: number[] = [];
  const scales: number[] = [];
  await trainer.train({
    onStep({ loss, lossScale }) {
      losses.push(loss);
      scales.push(lossScale);
    },
  });
  const values = await Promise.all(trainer.model.tensors.parameters.map(({ value }) => device.read(value)));
  trainer.dispose();
  return { losses, scales, parameters: values.flatMap((one) => [...one]) };
}

withHalf("goes the way of f32, as far as that goes one way", async () => {
  const f32 = await trainWithSgd("f32", () => {});
  // The same, begun a rounding to f16 beside it: with so few images, rectifiers that switch make much of little.
  const beside = await trainWithSgd("f32", async ({ model }) => {
    const rounded = [...(await model.tensors.read())].map(([name, values]) => [name, values.map(roundToHalf)] as const);
    model.tensors.write(new Map(rounded));
  });
  // A scale at which no step is skipped.
  const half = await trainWithSgd("mixed", ({ optimizer }) => device.write(optimizer.lossScale, Float32Array.of(1024)));
  const apart = ({ parameters }: typeof f32) =>
    Math.sqrt(parameters.reduce((sum, value, i) => sum + (value - f32.parameters[i]) ** 2, 0));
  assert.equal(f32.scales, Array(12).fill(1));
  assert.equal(half.scales, Array(12).fill(1024));
  assert.ok(apart(half) > 0);
  // One rounding there; here one for each of the eight tensors that a value and its gradient pass through.
  assert.ok(apart(half) < 8 * apart(beside), `${apart(half)} from f32, and what is begun beside it ${apart(beside)}`);
  // Before the first step, a similarity of two embeddings is off by about a rounding, 2^-11; the temperature is 0.5.
  assert.ok(Math.abs(half.losses[0] - f32.losses[0]) < 2 ** -10, `${half.losses[0]} and ${f32.losses[0]}`);
});

withHalf("goes on from a checkpoint as if it had never stopped, bit for bit, with its loss scale", async () => {
  const config: Partial<TrainingConfig> = { precision: "mixed", checkpointEvery: 3 };
  const { losses, checkpoints } = await train(config);
  const early = checkpoints.get(3) ?? new Uint8Array();
  const { tensors } = decodeCheckpoint(early);
  assert.ok((tensors.get("optimizer.loss_scale")?.[0] ?? 0) > 1);
  assert.ok(tensors.has("optimizer.good_steps"));
  const rest = await train(config, early);
  assert.equal(rest.losses, losses.slice(3));
  assert.equal(rest.checkpoints, new Map([[6, checkpoints.get(6)]]));
});

withHalf("serves supervised training as well, also in micro-batches", async () => {
  for (const microBatch of [8, 3]) {
    const changes = { method: "supervised", microBatch, epochs: 1 } as const;
    const f32 = await trainWithSgd("f32", () => {}, changes);
    const half = await trainWithSgd(
      "mixed",
      ({ optimizer }) => device.write(optimizer.lossScale, Float32Array.of(1024)),
      changes,
    );
    assert.equal(half.scales, Array(3).fill(1024));
    // The classifier starts at zero: logits stay small, and are off by about a rounding, 2^-11 of themselves.
    half.losses.forEach((loss, i) => {
      assert.ok(Math.abs(loss - f32.losses[i]) < 2 ** -11, `${loss} and ${f32.losses[i]} at step ${i + 1}`);
    });
    assert.ok(Math.max(...half.parameters.map((value, i) => Math.abs(value - f32.parameters[i]))) > 0);
  }
});

withHalf("skips steps whose gradients are too large for f16, and then goes on", async () => {
  const config: TrainingConfig = { ...DEFAULT_CONFIG, ...SMALL_CONFIG, precision: "mixed" };
  const parts = createParts(device, config, { imageSize: IMAGE_SIZE, classes: 0 });
  const { model } = parts;
  parts.optimizer.dispose();
  const optimizer = withLossScale(model.tensors, sgd(model.tensors), { initial: 2 ** 60 });
  const step = await recordStep(divided({ ...parts, optimizer }, config.batch)).compile();
  const weights = async () => {
    const all = await Promise.all(model.tensors.parameters.map(({ value }) => device.read(value)));
    return all.map((values) => [...values]);
  };
  const initial = await weights();
  let [skipped, scale] = [0, 2 ** 60];
  for (let i = 1; skipped === i - 1; i++) {
    optimizer.setStep(i, 0.01);
    const { metrics } = await step.submit(async ({ bytes }) => {
      device.write(
        bytes,
        Uint32Array.from({ length: bytes.size }, (_, at) => (at * 2654435761) | 0xff000000),
      );
      return { images: new Uint32Array(config.batch), labels: null };
    });
    const { loss, lossScale } = await metrics;
    assert.ok(Number.isFinite(loss));
    assert.is(lossScale, scale);
    const [now] = await device.read(optimizer.lossScale);
    if (now === scale) break;
    assert.is(now, scale / 2);
    assert.equal(await weights(), initial);
    [skipped, scale] = [skipped + 1, now];
  }
  assert.ok(skipped > 20, `${skipped} steps were skipped`);
  assert.ok(scale > 1, "the scale does not fall further than it has to");
  const moved = await weights();
  assert.not.equal(moved, initial);
  assert.ok(moved.flat().every(Number.isFinite));
  for (const part of [step, optimizer]) part.dispose();
  model.tensors.dispose();
});

withHalf("ends where activations are too large for f16, even where rectifiers hide that from the loss", async () => {
  const trainer = await Trainer.create(device, images, { ...SMALL_CONFIG, precision: "mixed", epochs: 10 });
  const values = await trainer.model.tensors.read();
  const weight = values.get("layers.1.conv.weight") ?? new Float32Array();
  device.write(
    trainer.model.tensors.tensor("layers.1.conv.weight"),
    weight.map((value) => 1e6 * value),
  );
  // The larger one of NaN and 0 may be either.
  await rejects(
    trainer.train(),
    NonFiniteLossError,
    /20 steps .* infinite.* too large for f16; train in f32|the loss became/,
  );
  trainer.dispose();
});

/** Bytes of the intermediate tensors of a step that are alive at once. */
function liveBytes(config: TrainingConfig, imageSize: number): number {
  const parts = createParts(device, config, { imageSize, classes: 0 });
  const recording = recordStep(divided(parts, config.batch));
  const [{ tape }] = recording.tapes;
  const { liveBytes } = planMemory(tape.launches, new Set());
  recording.free();
  disposeParts(parts);
  return liveBytes;
}

withHalf("takes about half of the memory", () => {
  const config: TrainingConfig = { ...DEFAULT_CONFIG, encoder: "resnet18", width: 0.5, batch: 32 };
  const [f32, half] = (["f32", "mixed"] as const).map((precision) => liveBytes({ ...config, precision }, 32));
  // What stays f32: two passes' worth of partial sums of weight gradients, the views before they are stored, the head.
  assert.ok(half > 0.5 * f32 && half < 0.55 * f32, `${half} bytes of ${f32}`);
});

mixed.run();
