/**
 * Deno's adapters do not list subgroups and grant them all the same, to who asks: its compiler, naga, has the operations and
 * is short of the standard in details (gfx-rs/wgpu issues 5555 and 8202). Other runtimes list what they have.
 */
const unlisted = (): readonly GPUFeatureName[] => ("Deno" in globalThis ? ["subgroups"] : []);

/**
 * A device with those of the optional features that the adapter has.
 * @throws what the adapter throws.
 */
export async function requestWithFeatures(
  adapter: GPUAdapter,
  optional: readonly GPUFeatureName[],
  descriptor: GPUDeviceDescriptor,
): Promise<GPUDevice> {
  const listed = optional.filter((feature) => adapter.features.has(feature));
  const hoped = unlisted().filter((feature) => optional.includes(feature) && !adapter.features.has(feature));
  const request = (requiredFeatures: GPUFeatureName[]) => adapter.requestDevice({ ...descriptor, requiredFeatures });
  if (hoped.length === 0) return request(listed);
  return request([...listed, ...hoped]).catch(() => request(listed));
}

/** The line that a kernel with subgroup operations starts with, in the standard's WGSL. */
export const SUBGROUPS_DIRECTIVE = "enable subgroups;\n";

/** True where a device's compiler takes the directive: naga refuses it, and compiles the operations without it. */
export async function takesSubgroupsDirective(gpu: GPUDevice): Promise<boolean> {
  gpu.pushErrorScope("validation");
  gpu.createShaderModule({
    label: "subgroups directive",
    code: `${SUBGROUPS_DIRECTIVE}@compute @workgroup_size(1) fn main() {}`,
  });
  return (await gpu.popErrorScope()) === null;
}
