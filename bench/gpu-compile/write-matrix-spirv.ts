/**
 * Compiles WGSL modules with subgroup matrices, so that the layer of toolchain.ts writes down their SPIR-V: its child process, in Node,
 * where that layer is. Takes a JSON array of WGSL texts with an entry point `main` each; errors go to standard error.
 */
import { json } from "node:stream/consumers";
import { create, globals } from "webgpu";

const texts: unknown = await json(process.stdin);
if (!Array.isArray(texts)) throw new Error("an array of WGSL texts was expected");
Object.assign(globalThis, globals);
const gpu = create(["enable-dawn-features=allow_unsafe_apis"]);
const adapter = await gpu.requestAdapter();
if (!adapter) throw new Error("there is no WebGPU adapter: mesa-vulkan-drivers brings one");
const isListed = (feature: string): feature is GPUFeatureName => adapter.features.has(feature);
const { limits } = adapter;
const device = await adapter.requestDevice({
  requiredFeatures: ["chromium-experimental-subgroup-matrix", "subgroups", "shader-f16"].filter(isListed),
  requiredLimits: {
    maxComputeWorkgroupStorageSize: limits.maxComputeWorkgroupStorageSize,
    maxComputeInvocationsPerWorkgroup: limits.maxComputeInvocationsPerWorkgroup,
    maxComputeWorkgroupSizeX: limits.maxComputeWorkgroupSizeX,
  },
});
for (const code of texts) {
  const module = device.createShaderModule({ code: String(code) });
  // The layer lets each pipeline fail for want of memory, once it has the module.
  await device
    .createComputePipelineAsync({ layout: "auto", compute: { module, entryPoint: "main" } })
    .catch((error) => {
      if (/OUT_OF_HOST_MEMORY/.test(String(error))) return;
      console.error(String(error));
      process.exitCode = 1;
    });
}
// Dawn keeps the process alive.
setTimeout(() => process.exit(), 100);
