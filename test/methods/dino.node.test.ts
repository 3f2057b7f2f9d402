import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Device } from "../../src/engine/device.js";
import { ConfigError } from "../../src/errors.js";
import { decodeCheckpoint } from "../../src/training/checkpoint.js";
import { completeConfig, type TrainingConfig } from "../../src/training/config.js";
import { createParts, disposeParts } from "../../src/training/model.js";
import { planTraining } from "../../src/training/plan.js";
import { type StepEvent, Trainer } from "../../src/training/trainer.js";
import { rejects, sameBytes } from "../data/expect.js";
import { testDevice } from "../lib/device.js";
import { IMAGE_SIZE, SMALL_CONFIG, stripes } from "../training/small-set.js";

const distilling = suite("dino in training");

const device = await testDevice();
const images = stripes(24);

const options = { headHidden: 16, headOutput: 12, headBatchNorm: false, prototypes: 9, smallViews: 2 };
/** A transformer, whose small views have positions of their own. */
const CONFIG: Partial<TrainingConfig> = {
  ...{ ...SMALL_CONFIG, encoder: "vit-micro", width: 0.25, patch: 8, method: "dino", options, checkpointEvery: 3 },
};

/** Trains: what each step measured, and the checkpoints by step. */
async function train(config: Partial<TrainingConfig> = {}, from?: Uint8Array<ArrayBuffer>) {
  const trainer = await Trainer.create(device, images, { ...CONFIG, ...config });
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

distilling("goes on to the bit, its prototypes stand still in the first epoch, and its centre moves", async () => {
  const { checkpoints, steps } = await train({ weightDecay: 0 });
  const at = (step: number, name: string) => [...(tensorsOf(checkpoints.get(step)).get(name) ?? [])];
  assert.equal(at(3, "model.head.last.weight"), at(0, "model.head.last.weight"));
  assert.ok(at(6, "model.head.last.weight").every((value, i) => value !== at(3, "model.head.last.weight")[i]));
  assert.ok(
    at(0, "method.center").every((value) => value === 0) && at(3, "method.center").every((value) => value !== 0),
  );
  for (const { loss, teacherEntropy, divergence, prototypesUsed } of steps) {
    assert.ok(Number.isInteger(prototypesUsed) && prototypesUsed >= 1 && prototypesUsed <= 9, `${prototypesUsed}`);
    assert.ok(teacherEntropy >= 0 && teacherEntropy <= Math.log(9) + 1e-5);
    assert.ok(divergence > 0 && Math.abs(teacherEntropy + divergence - loss) < 1e-5);
  }
  const rest = await train({ weightDecay: 0 }, checkpoints.get(3));
  sameBytes(rest.checkpoints.get(6) ?? new Uint8Array(), checkpoints.get(6) ?? new Uint8Array(), "the checkpoint");
});

distilling("takes micro-batches, which without batch norm change nothing but roundings", async () => {
  const [whole, cut] = await Promise.all([train(), train({ microBatch: 3 })]);
  for (const step of [0, 1, 2]) {
    // Centre, teacher and loss follow from the whole batch; Adam makes more of a rounding than it is.
    assert.ok(Math.abs(whole.steps[step].loss - cut.steps[step].loss) < 1e-4, `step ${step}`);
  }
});

distilling("a plan is within 5 % of what training takes", async () => {
  const own = new Device(device.gpu, device.adapter);
  const { bytes } = planTraining(own, CONFIG, IMAGE_SIZE, { train: 24 });
  const trainer = await Trainer.create(own, images, CONFIG);
  await trainer.train({ onCheckpoint: () => {} });
  const measured = own.memory.peakBytes;
  trainer.dispose();
  assert.ok(Math.abs(bytes.peak / measured - 1) < 0.05, `${bytes.peak} planned, ${measured} measured`);
});

distilling(
  "says where the teacher is uniform, where all outputs are one, and refuses small views that are none",
  async () => {
    const parts = createParts(device, completeConfig(CONFIG), { imageSize: IMAGE_SIZE, classes: 0 });
    const healthy = { loss: 1.8, outputStd: 0.1, outputRank: 3, teacherEntropy: 1.2, prototypesUsed: 4 };
    assert.is(parts.learner.collapse(healthy), null);
    assert.match(parts.learner.collapse({ ...healthy, teacherEntropy: Math.log(9) }) ?? "", /all prototypes alike/);
    assert.match(parts.learner.collapse({ ...healthy, prototypesUsed: 1 }) ?? "", /to one prototype/);
    assert.match(parts.learner.collapse({ ...healthy, outputStd: 1e-3 }) ?? "", /collapsed to a point/);
    disposeParts(parts);
    await rejects(
      train({ options: { ...options, smallSize: 40 } }),
      ConfigError,
      /smallSize is 40; it must be at most the 16 pixels/,
    );
  },
);

distilling.run();
