import type { Device } from "../engine/device.js";

/**
 * How the tiled kernels are cut up. A software adapter runs a workgroup of 8 threads as one SIMD vector: 8 lanes, and more
 * outputs a thread. A GPU wants whole waves of 32 or 64 threads.
 */
export function columnTile(device: Device, columns: number): { LANES: number; GROUPS: number; COLS: number } {
  if (!device.adapter.software) return { LANES: 16, GROUPS: 4, COLS: columns > 32 ? 4 : 2 };
  return { LANES: 8, GROUPS: 1, COLS: columns > 32 ? 8 : columns > 8 ? 4 : 1 };
}

/** Threads side by side over the channels of a map. */
export function channelLanes(device: Device, channels: number): number {
  if (device.adapter.software) return 8;
  return channels > 32 ? 64 : 32;
}

/** Workgroups of a tiled kernel that keep the adapter busy. */
export function wantedWorkgroups(device: Device): number {
  return device.adapter.software ? 16 : 512;
}

/** Rows that a thread adds up before the second pass, so that there are enough workgroups and short second passes. */
export function rowsPerRun(rows: number): number {
  return Math.max(16, Math.min(512, 2 ** Math.ceil(Math.log2(Math.sqrt(rows)))));
}
