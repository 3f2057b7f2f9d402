// Loaded before a program of Node (`--import`): adapters give devices with WebGPU's default limits, 128 MiB a binding, as some
// adapters have no more. A program that opens no such device ends with exit code 77.
import { globals } from "webgpu";

const { prototype } = globals.GPUAdapter;
const { requestDevice } = prototype;
let opened = 0;
prototype.requestDevice = async function ({ requiredLimits, ...descriptor } = {}) {
  const device = await requestDevice.call(this, descriptor);
  if (device.limits.maxStorageBufferBindingSize === 2 ** 27 && device.limits.maxBufferSize === 2 ** 28) opened += 1;
  return device;
};
process.on("exit", () => {
  if (opened === 0) process.exitCode = 77;
});
