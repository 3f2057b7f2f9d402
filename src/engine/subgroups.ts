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
  optional: readonly string[],
  descriptor: GPUDeviceDescriptor,
): Promise<GPUDevice> {
  // What an adapter lists is a feature's name, whether the standard has it or not.
  const isListed = (feature: string): feature is GPUFeatureName => adapter.features.has(feature);
  const listed = optional.filter(isListed);
  const hoped = unlisted().filter((feature) => optional.includes(feature) && !adapter.features.has(feature));
  const request = (requiredFeatures: GPUFeatureName[]) => adapter.requestDevice({ ...descriptor, requiredFeatures });
  if (hoped.length === 0) return request(listed);
  return request([...listed, ...hoped]).catch(() => request(listed));
}

/** The line that a kernel with subgroup operations starts with, in the standard's WGSL. */
export const SUBGROUPS_DIRECTIVE = "enable subgroups;\n";

/** The lines that a kernel for matrix units starts with. */
export const MATRIX_DIRECTIVE = `${SUBGROUPS_DIRECTIVE}enable chromium_experimental_subgroup_matrix;\n`;

/** The line that a kernel starts with which asks for a size of subgroups. */
export const PINNED_DIRECTIVE = "enable subgroup_size_control;\n";

/** True where a device's compiler takes the directive: naga refuses it, and compiles the operations without it. */
export async function takesSubgroupsDirective(gpu: GPUDevice): Promise<boolean> {
  gpu.pushErrorScope("validation");
  gpu.createShaderModule({
    label: "subgroups directive",
    code: `${SUBGROUPS_DIRECTIVE}@compute @workgroup_size(1) fn main() {}`,
  });
  return (await gpu.popErrorScope()) === null;
}
