import type { Variant } from "./choices.js";
import type { Device } from "./device.js";

/** True where a device has the limits and the subgroups that a variant needs. */
export function fits(device: Device, { tile, threads, workgroupBytes }: Variant): boolean {
  const { limits, adapterInfo } = device.gpu;
  const lanes = device.has("subgroups") ? (adapterInfo.subgroupMinSize ?? 1) : 1;
  return (
    threads <= limits.maxComputeInvocationsPerWorkgroup &&
    workgroupBytes <= limits.maxComputeWorkgroupStorageSize &&
    Number(tile.SHARE ?? 1) <= lanes
  );
}
