import type { Device } from "../engine/device.js";

/** How a tiled kernel is cut up: see kernels/matmul.wgsl. */
export interface Tile {
  readonly LANES: number;
  readonly GROUPS: number;
  readonly ROWS: number;
  readonly COLS: number;
  readonly SHARE: number;
  readonly VECTOR: number;
}

/**
 * The tile for a result with so many columns. A GPU wants whole waves of 32 or 64 threads, and has caches for loads of the
 * same element. A software adapter runs a workgroup of 8 threads as one SIMD vector, and a load costs it as much as a dozen
 * multiplications: many outputs a thread, and where there are subgroups, the lanes load different elements and pass them on.
 * That counts on lanes in the order of the threads, which WebGPU does not promise and software adapters keep.
 */
export function columnTile(device: Device, columns: number): Tile {
  const VECTOR = columns % 4 === 0 ? 4 : 1;
  if (!device.adapter.software)
    return { LANES: 16, GROUPS: 4, ROWS: 8, COLS: columns > 32 ? 4 : 2, SHARE: 1, VECTOR: 1 };
  const SHARE = sharedLanes(device);
  if (SHARE > 1 && columns > 8) {
    const COLS = columns > 32 ? 8 : columns > 16 ? 4 : 2;
    return { LANES: 8, GROUPS: 1, ROWS: 32, COLS, SHARE, VECTOR: COLS < 4 ? 1 : VECTOR };
  }
  const COLS = columns > 8 ? 16 : columns;
  const LANES = Math.min(8, 2 ** Math.ceil(Math.log2(columns / COLS)));
  return { LANES, GROUPS: 8 / LANES, ROWS: 16, COLS, SHARE: 1, VECTOR: COLS % 4 === 0 ? VECTOR : 1 };
}

/** The tile of the kernels of NT-Xent, which hold a tile of factors in workgroup memory besides. */
export function contrastTile(device: Device): Omit<Tile, "GROUPS" | "VECTOR"> {
  if (!device.adapter.software) return { LANES: 64, ROWS: 8, COLS: 2, SHARE: 1 };
  const SHARE = sharedLanes(device);
  return SHARE > 1 ? { LANES: SHARE, ROWS: 32, COLS: 8, SHARE } : { LANES: 8, ROWS: 16, COLS: 8, SHARE };
}

/** Lanes that can pass values on to each other on a software adapter. */
function sharedLanes(device: Device): number {
  return device.has("subgroups") ? Math.min(8, device.gpu.adapterInfo.subgroupMinSize ?? 1) : 1;
}

/** The tile of a kernel whose workgroups are one row of threads on a GPU: a whole wave. */
export function rowTile(device: Device, columns: number): Tile {
  const tile = columnTile(device, columns);
  if (device.adapter.software) return tile;
  return { ...tile, LANES: 32, GROUPS: 1, COLS: Math.min(4, Math.ceil(columns / 32)) };
}

/** Threads side by side over the channels of a map: whole waves of a GPU, whole vectors of a software adapter. */
export function channelLanes(device: Device, channels: number): number {
  if (device.adapter.software && channels <= 16) return 8;
  return channels > 32 ? 64 : 32;
}

/** Rows that a thread of a pass over a map goes through: on a software adapter, a thread is dearer than a round of a loop. */
export function rowsPerThread(device: Device): number {
  return device.adapter.software ? 32 : 8;
}

/** Workgroups of a tiled kernel that keep the adapter busy. */
export function wantedWorkgroups(device: Device): number {
  return device.adapter.software ? 16 : 512;
}

/** Rows that a thread adds up before the second pass, so that there are enough workgroups and short second passes. */
export function rowsPerRun(rows: number): number {
  return Math.max(16, Math.min(512, 2 ** Math.ceil(Math.log2(Math.sqrt(rows)))));
}
