import type { Device } from "../engine/device.js";

/** How a tiled kernel is cut up: see kernels/matmul.wgsl. */
export interface Tile {
  readonly LANES: number;
  readonly GROUPS: number;
  readonly ROWS: number;
  readonly COLS: number;
  readonly SHARE: number;
}

/** The default, and others that may be faster. */
type Tiles<T> = readonly [T, ...T[]];

/**
 * Tiles for a result with so many columns. A GPU wants whole waves of 32 or 64 threads, and has caches for loads of the
 * same element. A software adapter runs a workgroup of 8 threads as one SIMD vector, and a load costs it as much as a dozen
 * multiplications: many outputs a thread, and where there are subgroups, the lanes load different elements and pass them on.
 * That counts on lanes in the order of the threads, which WebGPU does not promise and software adapters keep.
 */
export function columnTiles(device: Device, columns: number): Tiles<Tile> {
  if (!device.adapter.software) {
    const tile = (LANES: number, GROUPS: number, ROWS: number): Tile => {
      return { LANES, GROUPS, ROWS, COLS: columns > 32 ? 4 : 2, SHARE: 1 };
    };
    return [tile(16, 4, 8), tile(16, 4, 4), tile(16, 8, 4), tile(32, 4, 8)];
  }
  const SHARE = device.has("subgroups") ? Math.min(8, device.gpu.adapterInfo.subgroupMinSize ?? 1) : 1;
  const tile = (ROWS: number, COLS: number): Tile => ({ LANES: 8, GROUPS: 1, ROWS, COLS, SHARE });
  if (SHARE > 1) {
    const cols = columns > 16 ? 4 : columns > 8 ? 2 : 1;
    return [tile(16, cols), tile(32, cols), tile(8, cols), { ...tile(8, 2 * cols), SHARE: 1 }];
  }
  if (columns > 32) return [tile(4, 8), tile(8, 4), tile(8, 8)];
  const cols = columns > 8 ? 4 : 1;
  return [tile(8, cols), tile(4, cols), tile(16, cols)];
}

/** Tiles of a kernel whose workgroups are one row of threads: on a GPU, the row is a whole wave. */
export function rowTiles(device: Device, rows: number, columns: number): Tiles<Omit<Tile, "GROUPS">> {
  const [first, ...others] = columnTiles(device, columns).map(({ LANES, ROWS, COLS, SHARE }) => {
    const tile = { LANES, ROWS: rows > ROWS / 2 ? ROWS : Math.max(SHARE, ROWS / 2), COLS, SHARE };
    return device.adapter.software ? tile : { ...tile, LANES: 32, COLS: Math.min(4, Math.ceil(columns / 32)) };
  });
  return [first, ...others];
}

/** How the passes of NT-Xent are cut up. */
export interface ContrastTile {
  readonly LANES: number;
  readonly ROWS: number;
  readonly COLS: number;
}

/** Tiles of NT-Xent's passes: 64 columns of logits or more, so that sums of exponentials are seldom scaled. */
export function contrastTiles(device: Device): Tiles<ContrastTile> {
  const tile = (LANES: number, ROWS: number, COLS: number): ContrastTile => ({ LANES, ROWS, COLS });
  if (device.adapter.software) return [tile(8, 8, 8), tile(8, 4, 8)];
  return [tile(64, 8, 2), tile(64, 4, 2), tile(32, 8, 4)];
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
