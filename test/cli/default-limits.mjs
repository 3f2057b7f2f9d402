// Loaded before a program of Node (`--import`): adapters give devices with WebGPU's default limits, 128 MiB a binding, as some
// adapters have no more.
import { globals } from "webgpu";

const { prototype } = globals.GPUAdapter;
const { requestDevice } = prototype;
prototype.requestDevice = function ({ requiredLimits, ...descriptor } = {}) {
  return requestDevice.call(this, descriptor);
};
