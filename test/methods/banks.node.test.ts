import { suite } from "uvu";
import * as assert from "uvu/assert";
import { augmentationPolicies } from "../../src/augment/policy.js";
import { ConfigError } from "../../src/errors.js";
import { decodeCheckpoint } from "../../src/training/checkpoint.js";
import { completeConfig, type TrainingConfig } from "../../src/training/config.js";
import { createParts, disposeParts } from "../../src/training/model.js";
import { type StepEvent, Trainer } from "../../src/training/trainer.js";
import { rejects, sameBytes, throws } from "../data/expect.js";
import { testDevice } from "../lib/device.js";
import { IMAGE_SIZE, SMALL_CONFIG, stripes } from "../training/small-set.js";

const banks = suite("banks and prototypes in training");

const device = await testDevice();
const images = stripes(24);

/** Trains: what each step measured, and the checkpoints by step. */
async function train(config: Partial<TrainingConfig>, from?: Uint8Array<ArrayBuffer>) {
  const trainer = await Trainer.create(device, images, { ...SMALL_CONFIG, ...config });
  if (from) trainer.restore(decodeCheckpoint(from));
  const steps: StepEvent[] = [];
  const checkpoints = new Map<number, Uint8Array<ArrayBuffer>>();
  await trainer.train({
    onStep: (event) => void steps.push(event),
    onCheckpoint: (bytes, step) => void checkpoints.set(step, bytes),
  });
  trainer.dispose();
  return { steps, checkpoints };
}

function tensorsOf(bytes: Uint8Array<ArrayBuffer> | undefined) {
  return decodeCheckpoint(bytes ?? new Uint8Array()).tensors;
}

banks("instdisc finds its constant in the first step, keeps it, and goes on to the bit", async () => {
  const options = { headOutput: 12, loss: "nce", noise: 16 };
  const config = { method: "instdisc", options, checkpointEvery: 2 };
  const { checkpoints } = await train(config);
  const constants = [0, 2, 4, 6].map(
    (step) => tensorsOf(checkpoints.get(step)).get("method.normalizer.logarithm")?.[0],
  );
  assert.is(constants[0], 0);
  // About n times the mean of exp(s) of random directions.
  assert.ok(Math.abs((constants[1] ?? 0) - Math.log(24) - 1 / (2 * 12 * 0.1 ** 2)) < 3, `${constants}`);
  assert.equal(constants.slice(1), [constants[1], constants[1], constants[1]]);
  const rest = await train(config, checkpoints.get(2));
  const end = checkpoints.get(6) ?? new Uint8Array();
  sameBytes(rest.checkpoints.get(6) ?? new Uint8Array(), end, "the checkpoint");
});

banks("instdisc moves the rows of the images of a step, and keeps them of length 1", async () => {
  const config = { method: "instdisc", options: { headOutput: 12 }, checkpointEvery: 1 };
  const { checkpoints } = await train(config);
  const [before, after] = [0, 1].map((step) => tensorsOf(checkpoints.get(step)).get("method.bank") ?? []);
  const rows = Array.from({ length: 24 }, (_, row) => row);
  const moved = rows.filter((row) =>
    before.slice(12 * row, 12 * row + 12).some((value, i) => value !== after[12 * row + i]),
  );
  assert.is(moved.length, 8);
  for (const row of rows) {
    const length = Math.hypot(...after.slice(12 * row, 12 * row + 12));
    assert.ok(Math.abs(length - 1) < 1e-6, `row ${row} has a length of ${length}`);
  }
});

banks("instdisc takes one view", () => {
  const config = completeConfig({ ...SMALL_CONFIG, method: "instdisc", augmentation: augmentationPolicies.byol });
  const facts = { imageSize: IMAGE_SIZE, classes: 0, images: 24 };
  throws(() => createParts(device, config, facts), ConfigError, /one augmentation policy, not 2/);
});

banks("swav's prototypes stand still in the first epoch, and have length 1", async () => {
  const config = { method: "swav", options: { headOutput: 12, prototypes: 9 }, checkpointEvery: 1, weightDecay: 0.1 };
  const { checkpoints } = await train(config);
  const at = (step: number) => tensorsOf(checkpoints.get(step)).get("model.prototypes.weight") ?? [];
  const apart = (a: ArrayLike<number>, b: ArrayLike<number>) =>
    Math.max(...Array.from(a, (value, i) => Math.abs(value - b[i])));
  // Made of length 1 again after every step, whatever the decay: but for roundings.
  assert.ok(apart(at(3), at(0)) < 1e-6, `${apart(at(3), at(0))}`);
  assert.ok(apart(at(4), at(3)) > 1e-3, `${apart(at(4), at(3))}`);
  const end = at(6);
  for (let row = 0; row < 9; row++) assert.ok(Math.abs(Math.hypot(...end.slice(12 * row, 12 * row + 12)) - 1) < 1e-6);
});

banks("swav with small views and a queue goes on to the bit, also in micro-batches", async () => {
  const options = { headOutput: 12, prototypes: 9, smallViews: 2, queue: 12, queueEpochs: 0 };
  const config = { method: "swav", options, checkpointEvery: 3, microBatch: 5 };
  const { checkpoints, steps } = await train(config);
  for (const { prototypesUsed, assignmentEntropy, meanEntropy } of steps) {
    assert.ok(prototypesUsed >= 1 && prototypesUsed <= 9 && Number.isInteger(prototypesUsed));
    for (const entropy of [assignmentEntropy, meanEntropy]) assert.ok(entropy >= 0 && entropy <= Math.log(9) + 1e-5);
  }
  const rest = await train(config, checkpoints.get(3));
  sameBytes(rest.checkpoints.get(6) ?? new Uint8Array(), checkpoints.get(6) ?? new Uint8Array(), "the checkpoint");
});

banks("swav says where all views have one prototype, and refuses a queue that holds no step", async () => {
  const parts = createParts(device, completeConfig({ ...SMALL_CONFIG, method: "swav" }), {
    imageSize: IMAGE_SIZE,
    classes: 0,
  });
  const healthy = { loss: 6, outputStd: 0.05, prototypesUsed: 3 };
  assert.is(parts.learner.collapse(healthy), null);
  assert.match(parts.learner.collapse({ ...healthy, prototypesUsed: 1 }) ?? "", /prototypes have collapsed/);
  disposeParts(parts);
  await rejects(
    train({ method: "swav", options: { queue: 7 } }),
    ConfigError,
    /queue is 7; it must hold the 8 embeddings/,
  );
});

banks.run();
