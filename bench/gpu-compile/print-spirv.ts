/**
 * Compiles WGSL modules with Dawn so that it prints their SPIR-V: the child process of toolchain.ts, in Node. Takes a JSON array of
 * WGSL texts with an entry point `main` each; what Dawn prints goes to standard output, its errors to the other one.
 */
import { json } from "node:stream/consumers";
import { create, globals } from "webgpu";

const texts: unknown = await json(process.stdin);
if (!Array.isArray(texts)) throw new Error("an array of WGSL texts was expected");
Object.assign(globalThis, globals);
const gpu = create(["enable-dawn-features=allow_unsafe_apis,dump_shaders"]);
const adapter = await gpu.requestAdapter();
if (!adapter)
  throw new Error("there is no WebGPU adapter: install a driver, a software one (mesa-vulkan-drivers) will do");
const device = await adapter.requestDevice({
  requiredFeatures: adapter.features.has("subgroups") ? ["subgroups"] : [],
  // The other limits stay at their defaults: variants have to do with those.
  requiredLimits: { maxStorageBuffersPerShaderStage: adapter.limits.maxStorageBuffersPerShaderStage },
});
device.addEventListener("uncapturederror", ({ error }) => {
  console.error(error.message);
  process.exitCode = 1;
});
for (const code of texts) {
  const module = device.createShaderModule({ code: String(code) });
  device.createComputePipeline({ layout: "auto", compute: { module, entryPoint: "main" } });
  await device.queue.onSubmittedWorkDone();
}
// What is left of the output has to get out, and Dawn keeps the process alive.
setTimeout(() => process.exit(), 100);
