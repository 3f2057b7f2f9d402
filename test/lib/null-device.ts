import { create, globals } from "webgpu";
import { Device } from "../../src/engine/device.js";

/** A configuration of matrix units, as WebGPU names it. */
export interface Configuration {
  readonly componentType: string;
  readonly resultComponentType: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

/** What NVIDIA's GPUs and AMD's have, and what Apple's have. */
export const configurations = {
  f16: { componentType: "f16", resultComponentType: "f32", M: 16, N: 16, K: 16 },
  f32: { componentType: "f32", resultComponentType: "f32", M: 8, N: 8, K: 8 },
} as const satisfies Readonly<Record<string, Configuration>>;

// Dawn's crashes when it is collected while a device is open.
const opened: GPU[] = [];

/**
 * A device of Dawn's null backend, which compiles WGSL, matrix units included, takes every command and computes nothing. It is made
 * to claim these configurations, subgroups of 32 lanes and NVIDIA as its vendor.
 */
export async function nullDevice(claimed: readonly Configuration[]): Promise<Device> {
  Object.assign(globalThis, globals);
  const gpu = create(["backend=null", "enable-dawn-features=allow_unsafe_apis"]);
  opened.push(gpu);
  const adapter = await gpu.requestAdapter();
  if (!adapter) throw new Error("Dawn has no null backend");
  const isListed = (feature: string): feature is GPUFeatureName => adapter.features.has(feature);
  const wanted = ["chromium-experimental-subgroup-matrix", "subgroup-size-control", "subgroups", "shader-f16"];
  const { maxBufferSize, maxStorageBufferBindingSize, maxStorageBuffersPerShaderStage } = adapter.limits;
  const device = await adapter.requestDevice({
    requiredFeatures: wanted.filter(isListed),
    requiredLimits: { maxBufferSize, maxStorageBufferBindingSize, maxStorageBuffersPerShaderStage },
  });
  const missing = wanted.find((feature) => !device.features.has(feature));
  if (missing !== undefined) throw new Error(`Dawn's null backend has no ${missing}`);
  const value = { subgroupMinSize: 32, subgroupMaxSize: 32, subgroupMatrixConfigs: claimed };
  Object.defineProperty(device, "adapterInfo", { value });
  return new Device(device, { name: "null", vendor: "nvidia", architecture: "", software: false });
}
