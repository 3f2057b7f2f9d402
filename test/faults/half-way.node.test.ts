import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Device, openDevice } from "../../src/engine/device.js";
import { AdapterError, OutOfMemoryError, SimclrError } from "../../src/errors.js";
import type { TrainingConfig } from "../../src/training/config.js";
import { Trainer } from "../../src/training/trainer.js";
import { tuneFor } from "../../src/training/tune.js";
import { rejects } from "../data/expect.js";
import { wrapMethod } from "../engine/observe.js";
import { IMAGE_SIZE, SMALL_CONFIG, stripes } from "../training/small-set.js";
import { FAULTS, FailingGpu } from "./failing-gpu.js";
import { CREATIONS, failInTurn, prepared, training, USES } from "./half-way.js";

const halfWay = suite("what throws half-way");

const images = stripes(16);

/** What an allocation leaves behind shows at any later fault, so that not every one has to fail here. */
const STRIDE = 13;

for (const [name, work] of Object.entries({ ...CREATIONS, ...USES })) {
  halfWay(`leaves nothing of ${name} on the device`, async () => {
    assert.ok((await failInTurn(name, work, STRIDE)) > 2);
  });
}

halfWay("a device that fails while it is opened is closed again", async () => {
  await prepared;
  const { prototype } = GPUAdapter;
  const { requestDevice } = prototype;
  let destroyed = 0;
  /** Opens a device on a GPU that was prepared, and says what came of it. */
  const open = async (prepareGpu: (gpu: GPUDevice) => void) => {
    prototype.requestDevice = async function (descriptor) {
      const gpu = await requestDevice.call(this, descriptor);
      prepareGpu(gpu);
      wrapMethod(gpu, "destroy", (call) => {
        destroyed += 1;
        return call();
      });
      return gpu;
    };
    try {
      return await openDevice().then(
        (device) => device.close(),
        (error: unknown) => error,
      );
    } finally {
      prototype.requestDevice = requestDevice;
    }
  };
  let opened = 0;
  for (const fault of FAULTS) {
    for (let at = 1; ; at++) {
      const problem = await open((gpu) => new FailingGpu(gpu).failAt(fault, at));
      opened += 1;
      assert.is(destroyed, opened, `${fault} ${at}: ${String(problem)}`);
      if (problem === undefined) break;
      assert.instance(problem, SimclrError);
    }
  }
  assert.ok(opened > 6, `${opened} openings`);
  const refused = await open(() => {
    throw new Error("an injected fault");
  });
  assert.instance(refused, AdapterError);
});

halfWay("a training whose every buffer failed once is the same as another", async () => {
  const { failing, fresh } = await prepared;
  const losses = async (device: Device) => {
    const trainer = await Trainer.create(device, images, { ...SMALL_CONFIG, epochs: 2 });
    const found: number[] = [];
    await trainer.train({ onStep: ({ loss }) => void found.push(loss) });
    trainer.dispose();
    return found;
  };
  const expected = await losses(fresh());
  const device = fresh();
  for (const fault of FAULTS) {
    for (const at of [1, 4, 9]) {
      failing.failAt(fault, at);
      await Trainer.create(device, images, SMALL_CONFIG).then(
        (trainer) => trainer.dispose(),
        () => {},
      );
      failing.stop();
    }
  }
  assert.equal(await losses(device), expected);
});

halfWay("beyond the memory budget, a ResNet leaves nothing, and a small net trains after it", async () => {
  const { failing, fresh } = await prepared;
  const device = fresh();
  const large: Partial<TrainingConfig> = { ...SMALL_CONFIG, encoder: "resnet18", width: 0.5, memoryBudget: 8 };
  await rejects(Trainer.create(device, images, large), OutOfMemoryError, /needs \d+ MiB, and the memory budget is 8/);
  await rejects(
    tuneFor(device, { ...large, microBatch: "auto" }, IMAGE_SIZE),
    OutOfMemoryError,
    /needs \d+ MiB, and the memory budget is 8/,
  );
  assert.equal(failing.left, []);
  const release = await training({})(device);
  release();
  assert.equal(failing.left, []);
});

halfWay.run();
