import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  ConfigError,
  DataError,
  datasetFromImages,
  datasetFromPixels,
  decodeNpy,
  Embedder,
  encodeNpy,
  nearest,
  ShapeError,
  Trainer,
  UsageError,
} from "../src/index.js";
import { rejects, throws } from "./data/expect.js";
import { testDevice } from "./lib/device.js";

const mistakes = suite("mistakes that no compiler is there to find");

/** Calls a function with what its declaration does not allow. */
function call(method: (...args: never[]) => unknown, ...args: readonly unknown[]): Promise<unknown> {
  return (async () => Reflect.apply(method, null, args))();
}

const pixels = new Uint8Array(2 * 16 * 16 * 3);
const images = datasetFromPixels({ pixels, channels: 3, width: 16, height: 16 });
const device = await testDevice();

mistakes("in the names of options are answered with the one that was meant", async () => {
  const input = { pixels, channels: 3, width: 16, height: 16, label: [0, 1] };
  await rejects(call(datasetFromPixels, input), ConfigError, /datasetFromPixels takes no label: did you mean labels\?/);
  const trainer = call(Trainer.create, device, images, {}, { intial: null });
  await rejects(trainer, ConfigError, /takes no intial: did you mean initial\?/);
  await rejects(
    call(datasetFromImages, [], { imagesize: 16 }),
    ConfigError,
    /takes no imagesize: did you mean imageSize\?/,
  );
});

mistakes("of one thing for another say what is wanted", async () => {
  await rejects(call(Trainer.create, Promise.resolve(device), images), UsageError, /a promise: await openDevice\(\)/);
  await rejects(call(Trainer.create, images, {}), UsageError, /a Device, as openDevice gives it, is wanted first/);
  await rejects(call(Embedder.create, device, { model: null }), UsageError, /that of a trainer is trainer\.model/);
  await rejects(
    call(nearest, device, new Float32Array(8), new Float32Array(8)),
    ShapeError,
    /\{ values, rows, dimension \}/,
  );
  await rejects(call(datasetFromImages, []), ConfigError, /datasetFromImages needs a size/);
  await rejects(call(datasetFromImages, { width: 1 }, { imageSize: 16 }), UsageError, /for one, give \[image\]/);
});

mistakes("of a set that is too small are told by its images, not by a batch that nobody gave", async () => {
  const one = datasetFromPixels({ pixels: new Uint8Array(16 * 16 * 3), channels: 3, width: 16, height: 16 });
  await rejects(Trainer.create(device, one), ConfigError, /there is 1 image to train on, and at least 2 are needed/);
});

mistakes("a file inside of larger memory, as Node reads it, is decoded as by itself", () => {
  for (const count of [8, 832, 4000]) {
    const values = Float32Array.from({ length: count }, (_, i) => i);
    const file = encodeNpy([count], values);
    for (const offset of [0, 1, 32]) {
      const memory = new Uint8Array(offset + file.length + 100).fill(255);
      memory.set(file, offset);
      const view = memory.subarray(offset, offset + file.length);
      // What Buffer does: its slices share their memory.
      Object.defineProperty(view, "slice", { value: view.subarray });
      assert.equal(decodeNpy(view).data, values);
    }
  }
  throws(() => decodeNpy(new Uint8Array(4)), DataError, /no \.npy file/);
});

mistakes.run();
