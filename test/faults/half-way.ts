/** Everything that takes device memory, with every buffer and every compilation failing in turn. */
import * as assert from "uvu/assert";
import { Device, openDevice } from "../../src/engine/device.js";
import { OutOfMemoryError, SimclrError } from "../../src/errors.js";
import { Embedder } from "../../src/evaluation/embed.js";
import { Evaluator } from "../../src/evaluation/evaluation.js";
import { qualityIndicators } from "../../src/evaluation/indicators.js";
import { linearProbe } from "../../src/evaluation/linear-probe.js";
import { logisticRegression } from "../../src/evaluation/logistic-regression.js";
import { decodeCheckpoint } from "../../src/training/checkpoint.js";
import type { TrainingConfig } from "../../src/training/config.js";
import { decodeEncoder, encodeEncoder, readEncoder } from "../../src/training/encoder-file.js";
import { Trainer, type TrainerOptions } from "../../src/training/trainer.js";
import { SMALL_CONFIG, stripes } from "../training/small-set.js";
import { FAULTS, FailingGpu } from "./failing-gpu.js";

const images = stripes(16);

/** A GPU that can fail, and an encoder that was made before it does. */
async function prepare() {
  const device = await openDevice();
  const trainer = await Trainer.create(device, images, SMALL_CONFIG);
  const encoder = await encodeEncoder(trainer.model, trainer.config, 0);
  trainer.dispose();
  const failing = new FailingGpu(device.gpu);
  return {
    encoder,
    failing,
    /** A device with figures and compiled kernels of its own. */
    fresh: () => new Device(device.gpu, device.adapter),
  };
}
export const prepared = prepare();

/** Something that takes device memory, and what gives it back. */
type Work = (device: Device) => Promise<() => void>;

/** Makes a trainer. */
export function training(config: Partial<TrainingConfig>, options: TrainerOptions = {}): Work {
  return async (device) => {
    const trainer = await Trainer.create(device, images, { ...SMALL_CONFIG, epochs: 1, ...config }, options);
    return () => trainer.dispose();
  };
}

const model = async (device: Device) => decodeEncoder(device, (await prepared).encoder);

/** What is made, and leaves the device usable where it is not. */
export const CREATIONS: Readonly<Record<string, Work>> = {
  "a trainer of simclr": training({ optimizer: "lars" }),
  "a trainer of simclr in micro-batches": training({ microBatch: 3, optimizer: "adamw" }),
  "a trainer of byol, with a teacher": training({ method: "byol", optimizer: "sgd" }),
  "a trainer of byol in micro-batches": training({ method: "byol", microBatch: 3 }),
  "a trainer of moco, with a queue": training({ method: "moco", microBatch: "auto" }),
  "a supervised trainer in micro-batches": training({ method: "supervised", microBatch: 4 }),
  "a trainer that recomputes": training({ recompute: true }),
  "a trainer in mixed precision": async (device) =>
    device.has("shader-f16") ? training({ precision: "mixed" })(device) : () => {},
};

/** What is made and used: where there is no memory for reading something back, the device says so from then on. */
export const USES: Readonly<Record<string, Work>> = {
  "a trainer that starts from an encoder": async (device) =>
    training({}, { initial: readEncoder((await prepared).encoder) })(device),
  "a trainer that goes on": async (device) => {
    const trainer = await Trainer.create(device, images, { ...SMALL_CONFIG, method: "moco" });
    try {
      trainer.restore(decodeCheckpoint(await trainer.checkpoint()));
    } finally {
      trainer.dispose();
    }
    return () => {};
  },
  "an embedder": async (device) => {
    const net = await model(device);
    try {
      const embedder = await Embedder.create(device, net);
      try {
        await embedder.embed(images);
      } finally {
        embedder.dispose();
      }
    } finally {
      net.tensors.dispose();
    }
    return () => {};
  },
  "an evaluation": async (device) => {
    const net = await model(device);
    try {
      const evaluator = await Evaluator.create(device, net, { train: images, test: images });
      try {
        const found = await evaluator.knn();
        const labelled = { features: found.train, labels: images.labels };
        await linearProbe(device, labelled, labelled, images.classes.length, { epochs: 1 });
        await logisticRegression(device, labelled, labelled, images.classes.length, { maxIterations: 2 });
        await qualityIndicators(device, found.train, found.test);
      } finally {
        evaluator.dispose();
      }
    } finally {
      net.tensors.dispose();
    }
    return () => {};
  },
};

/**
 * Has every `stride`th buffer and compilation of some work fail, one at a time.
 * @returns how many did
 * @throws where something is left on the device, or the error is not the library's own
 */
export async function failInTurn(name: string, work: Work, stride: number): Promise<number> {
  const { failing, fresh } = await prepared;
  let faults = 0;
  for (const fault of FAULTS) {
    for (let at = 1; ; at += stride) {
      const device = fresh();
      failing.failAt(fault, at);
      const problem = await work(device).then(
        (release) => release(),
        (error: unknown) => error,
      );
      if (!failing.stop()) {
        assert.is(problem, undefined, `${name} works without faults: ${String(problem)}`);
        break;
      }
      faults += 1;
      const what = `${fault} ${at} of ${name}`;
      assert.ok(problem instanceof SimclrError, `${what}: ${String(problem)}`);
      assert.equal(failing.left, [], `${what} leaves buffers after ${problem.message}`);
      if (Object.hasOwn(CREATIONS, name)) device.check();
      if (fault === "memory") assert.instance(problem, OutOfMemoryError);
    }
  }
  return faults;
}
