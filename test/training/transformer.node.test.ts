import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Device } from "../../src/engine/device.js";
import { ConfigError } from "../../src/errors.js";
import { decodeCheckpoint } from "../../src/training/checkpoint.js";
import type { TrainingConfig } from "../../src/training/config.js";
import { planTraining } from "../../src/training/plan.js";
import { Trainer } from "../../src/training/trainer.js";
import { rejects, sameBytes } from "../data/expect.js";
import { testDevice } from "../lib/device.js";
import { IMAGE_SIZE, SMALL_CONFIG, stripes } from "./small-set.js";

const transformers = suite("training of vision transformers");

const device = await testDevice();
const images = stripes(24);

const SMALL: Partial<TrainingConfig> = {
  ...{ ...SMALL_CONFIG, encoder: "vit-micro", width: 0.25, patch: 8, dropPath: 0.5 },
  options: { headOutput: 16 },
};

/** Trains to the end: the losses, and the checkpoints by their step. */
async function train(changes: Partial<TrainingConfig> = {}, from?: Uint8Array<ArrayBuffer>) {
  const trainer = await Trainer.create(device, images, { ...SMALL, ...changes });
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

transformers("goes on to the bit, and draws the same branches when blocks are computed again", async () => {
  const { checkpoints, losses } = await train({ checkpointEvery: 3 });
  const end = checkpoints.get(6) ?? new Uint8Array();
  const rest = await train({ checkpointEvery: 3 }, checkpoints.get(3));
  sameBytes(rest.checkpoints.get(6) ?? new Uint8Array(), end, "the checkpoint");
  const again = await train({ recompute: true });
  assert.equal(again.losses, losses);
});

transformers("draws the same branches in micro-batches", async () => {
  const [whole, cut, without] = await Promise.all([train(), train({ microBatch: 3 }), train({ dropPath: 0 })]);
  // Without batch norm, images do not see each other: some thousand roundings, and what Adam makes of them in few steps.
  for (const step of [0, 1, 2]) assert.ok(Math.abs(whole.losses[step] - cut.losses[step]) < 1e-3, `step ${step}`);
  assert.ok(Math.abs(whole.losses[0] - cut.losses[0]) < 1e-5);
  assert.ok(Math.abs(whole.losses[0] - without.losses[0]) > 1e-3);
});

transformers("a plan is within 5 % of what training takes", async () => {
  const own = new Device(device.gpu, device.adapter);
  const { bytes } = planTraining(own, SMALL, IMAGE_SIZE, { train: 24 });
  const trainer = await Trainer.create(own, images, SMALL);
  await trainer.train({ onCheckpoint: () => {} });
  const measured = own.memory.peakBytes;
  trainer.dispose();
  assert.ok(Math.abs(bytes.peak / measured - 1) < 0.05, `${bytes.peak} planned, ${measured} measured`);
});

if (device.has("shader-f16")) {
  transformers("in mixed precision the first loss is about the same", async () => {
    const [full, half] = await Promise.all([train({ epochs: 1 }), train({ epochs: 1, precision: "mixed" })]);
    // Four blocks with a dozen tensors of f16 each.
    assert.ok(Math.abs(full.losses[0] - half.losses[0]) < 0.02, `${full.losses[0]} and ${half.losses[0]}`);
    assert.ok(half.losses.every(Number.isFinite));
  });
}

transformers("settings of transformers are refused for other encoders", async () => {
  const settings = { patch: 8, pooling: "mean", positions: "sine", dropPath: 0.1, layerScale: 0.1 } as const;
  for (const key of ["patch", "pooling", "positions", "dropPath", "layerScale"] as const)
    await rejects(
      train({ ...SMALL_CONFIG, patch: 0, dropPath: 0, [key]: settings[key] }),
      ConfigError,
      new RegExp(`${key} is ${settings[key]}, a setting of transformers, and the encoder is ${SMALL_CONFIG.encoder}`),
    );
});

transformers("a norm of other encoders, and images that are no whole patches, are refused", async () => {
  await rejects(train({ norm: "group" }), ConfigError, /norm is "group", and a transformer has layer norm/);
  await rejects(train({ patch: 5 }), ConfigError, /16 x 16 pixels cannot be cut into patches of 5 x 5/);
});

transformers.run();
