import { suite } from "uvu";
import * as assert from "uvu/assert";
import { noAugmentation } from "../../src/augment/policy.js";
import { ConfigError } from "../../src/errors.js";
import { METHODS } from "../../src/methods/catalogue.js";
import { smallestCrop } from "../../src/training/smallest-crop.js";
import { throws } from "../data/expect.js";
import { testDevice } from "../lib/device.js";

const crops = suite("the smallest crop of a training");

crops("is that of its policies, smaller where two lie in each other, larger for small views", async () => {
  const device = await testDevice();
  const before = device.memory.currentBytes;
  const policy = (area: number, shared = 1) => ({
    ...noAugmentation,
    cropArea: [area, 1] as const,
    sharedCropArea: [shared, 1] as const,
  });
  assert.is(smallestCrop(device, {}, 32), 0.08);
  assert.is(smallestCrop(device, { augmentation: "cifar-weak" }, 32), 0.2);
  assert.is(smallestCrop(device, { augmentation: policy(0.5, 0.25) }, 32), 0.125);
  assert.is(smallestCrop(device, { augmentation: [policy(0.5), policy(0.1)] }, 32), 0.1);
  assert.is(smallestCrop(device, { augmentation: noAugmentation }, 32), 1);
  // Small views of half the side need a quarter of the pixels, and their crops begin at the policy's smallest.
  const small = { augmentation: policy(0.08), options: { smallViews: 2 } };
  assert.is(smallestCrop(device, small, 32), 0.08);
  throws(() => smallestCrop(device, {}, 0), ConfigError, /got 0/);
  throws(() => smallestCrop(device, { batch: -1 }, 32), ConfigError, /batch/);
  assert.is(device.memory.currentBytes, before, "nothing is made on the device");
});

for (const { name } of METHODS) {
  crops(`is known of ${name}`, async () => {
    const share = smallestCrop(await testDevice(), { method: name }, 64);
    assert.ok(share > 0 && share <= 1, `${share}`);
  });
}

crops.run();
