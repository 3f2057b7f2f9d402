import { suite } from "uvu";
import * as assert from "uvu/assert";
import { testDevice } from "../lib/device.js";

const half = suite("f16 in Node");

half("is there, so that what is tested where it is, is tested somewhere", async () => {
  const device = await testDevice();
  assert.ok(device.has("shader-f16"), `${device.adapter.name} has no shader-f16`);
});

half.run();
