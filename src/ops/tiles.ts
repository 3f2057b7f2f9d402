import type { Device } from "../engine/device.js";
import { registerTile, sharingTile } from "./gpu-tiles.js";

/** How a tiled kernel is cut up: see kernels/matmul.wgsl. */
export interface Tile {
  readonly LANES: number;
  readonly GROUPS: number;
  readonly ROWS: number;
  readonly COLS: number;
  readonly SHARE: number;
  readonly VECTOR: number;
}

/** The default, and others that may be faster. */
type Tiles<T> = readonly [T, ...T[]];

/** The least power of two that is no less than a number. */
function powerOfTwoFrom(value: number): number {
  return 2 ** Math.ceil(Math.log2(value));
}

/**
 * Tiles for a result with so many columns. A GPU wants whole waves of 32 or 64 threads, and has caches for loads of the
 * same element. A software adapter runs a workgroup of 8 threads as one SIMD vector, and a load costs it as much as a dozen
 * multiplications: many outputs a thread, and where there are subgroups, the lanes load different elements and pass them on.
 * Where lanes share, a workgroup is one subgroup, no larger than the smallest one that the adapter may make.
 */
export function columnTiles(device: Device, columns: number): Tiles<Tile> {
  if (!device.adapter.software) {
    const COLS = columns > 32 ? registerTile.COLS : 2;
    const tile = { ...registerTile, COLS, VECTOR: COLS % 4 === 0 && columns % 4 === 0 ? 4 : 1 };
    const tiles: Tiles<Tile> = [tile, { ...tile, ROWS: 2 * tile.ROWS }];
    const LANES = sharedLanes(device, sharingTile.LANES);
    if (LANES < 8 || columns <= 32) return tiles;
    // A divisor of the rows.
    const SHARE = LANES < sharingTile.SHARE ? 8 : sharingTile.SHARE;
    return [...tiles, { ...sharingTile, LANES, SHARE, VECTOR: tile.VECTOR }];
  }
  const vector = (COLS: number) => (COLS % 4 === 0 && columns % 4 === 0 ? 4 : 1);
  const alone = (ROWS: number): Tile => {
    const COLS = Math.min(16, powerOfTwoFrom(columns));
    const LANES = Math.min(8, powerOfTwoFrom(columns / COLS));
    return { LANES, GROUPS: 8 / LANES, ROWS, COLS, SHARE: 1, VECTOR: vector(COLS) };
  };
  const SHARE = sharedLanes(device, 8);
  if (SHARE > 1 && SHARE < 8) {
    // SwiftShader, with 4 lanes, compiles larger tiles for minutes.
    const tile = { LANES: 8, GROUPS: 1, ROWS: 4, COLS: columns > 8 ? 4 : 1, SHARE: 1, VECTOR: 1 };
    return [tile, { ...tile, ROWS: 2 }];
  }
  if (SHARE === 1 || columns <= 8) return [alone(16), alone(8)];
  const sharing = (ROWS: number): Tile => {
    const COLS = columns > 32 ? 8 : columns > 16 ? 4 : 2;
    return { LANES: 8, GROUPS: 1, ROWS, COLS, SHARE, VECTOR: vector(COLS) };
  };
  // 256 results a thread, where the columns allow it.
  const rows = columns > 32 ? 32 : 64;
  return [sharing(rows), sharing(48), sharing(16), alone(16)];
}

/** Lanes that can pass values on to each other, up to a number. */
function sharedLanes(device: Device, most: number): number {
  return device.has("subgroups") ? Math.min(most, device.gpu.adapterInfo.subgroupMinSize ?? 1) : 1;
}

/** Tiles of a kernel whose workgroups are one row of threads: on a GPU, the row is a whole wave. */
export function rowTiles(device: Device, columns: number): Tiles<Tile> {
  const [first, ...others] = columnTiles(device, columns).map((tile) => {
    if (device.adapter.software || tile.SHARE > 1) return tile;
    return { ...tile, LANES: 32, GROUPS: 1, COLS: Math.min(4, Math.ceil(columns / 32)), VECTOR: 1 };
  });
  return [first, ...others];
}

/** How the passes of the contrastive losses are cut up. */
export type ContrastTile = Omit<Tile, "GROUPS">;

/** Tiles of the passes of the contrastive losses: 64 columns of logits or more, so that sums of exponentials are seldom scaled. */
export function contrastTiles(device: Device): Tiles<ContrastTile> {
  const SHARE = sharedLanes(device, 8);
  const tile = (LANES: number, ROWS: number, COLS: number, share = 1) => {
    return { LANES, ROWS, COLS, SHARE: share, VECTOR: COLS % 4 === 0 ? 4 : 1 };
  };
  if (!device.adapter.software) return [tile(64, 8, 2), tile(64, 4, 2), tile(32, 8, 4)];
  if (SHARE === 8) return [tile(8, 32, 8, SHARE), tile(8, 16, 8, SHARE)];
  return SHARE > 1 ? [tile(8, 4, 4), tile(8, 2, 4)] : [tile(8, 16, 8), tile(8, 8, 8)];
}

/** Tiles of products of small matrices: no wider than attention's, a few tens of rows and columns. */
export function batchedTile(device: Device) {
  return device.adapter.software
    ? { LANES: 8, GROUPS: 1, ROWS: 8, COLS: 4 }
    : { LANES: 16, GROUPS: 8, ROWS: 4, COLS: 4 };
}

/**
 * How the kernels of attention are cut up: see kernels/attention.wgsl. Threads of one subgroup hand elements on to each other; where
 * there are none, each thread works alone.
 */
export function attentionTile(device: Device, tokens: number) {
  const { software } = device.adapter;
  const LANES = sharedLanes(device, software ? 8 : 32);
  if (LANES < 8)
    return { LANES: 1, BLOCKS: software ? 8 : 32, SHARE: 1, ROWS: software ? 1 : 2, COLS: software ? 1 : 2 };
  if (!software) return { LANES, BLOCKS: 1, SHARE: LANES, ROWS: LANES, COLS: 2 };
  // Larger tiles compile for seconds and gain little; with few tokens, they go past the last one.
  return { LANES, BLOCKS: 1, SHARE: LANES, ROWS: tokens > FEW_TOKENS ? 2 * LANES : LANES, COLS: 1 };
}

/** So many tokens leave tiles of twice as many rows partly empty. */
const FEW_TOKENS = 128;

/** Threads side by side over so many channels, and neighbouring channels that each takes at once. */
export function channelTile(device: Device, channels: number): { readonly LANES: number; readonly VECTOR: number } {
  const VECTOR = channels % 4 === 0 ? 4 : 1;
  const threads = channels / VECTOR;
  // Whole waves of a GPU, whole vectors of a software adapter.
  if (device.adapter.software && threads <= 16) return { LANES: 8 * Math.ceil(threads / 8), VECTOR };
  return { LANES: threads > 32 ? 64 : 32, VECTOR };
}

/** Threads of a kernel whose workgroups have a few channels and all rows: side by side over channels, in strands over rows. */
export function strandTile(device: Device, channels: number) {
  const VECTOR = channels % 4 === 0 ? 4 : 1;
  // A GPU wants many workgroups, and each as large as it may be; a software adapter, one vector of threads.
  return device.adapter.software ? { LANES: 8, GROUPS: 1, VECTOR } : { LANES: 4, GROUPS: 64, VECTOR };
}

/** Threads of a workgroup on a GPU whose strands take turns with rows. */
const STRAND_THREADS = 256;

/**
 * The first pass of sums over the rows of a map [rows, channels], a run of ROWS rows a workgroup. On a GPU, a workgroup is as
 * large as it may be, and there are enough of them to hide the time of loads; on a software adapter, one strand goes through
 * a whole run.
 */
export function runTile(device: Device, rows: number, channels: number) {
  const { LANES, VECTOR } = channelTile(device, channels);
  if (device.adapter.software) return { LANES, GROUPS: 1, VECTOR, ROWS: rowsPerRun(rows) };
  const lanes = Math.min(LANES, powerOfTwoFrom(channels / VECTOR));
  const GROUPS = STRAND_THREADS / lanes;
  const blocks = Math.ceil(channels / VECTOR / lanes);
  // Eight rows a thread at least: as many as the statistics take at once.
  const perThread = Math.max(8, Math.ceil((rows * blocks) / GROUPS / wantedWorkgroups(device)));
  return { LANES: lanes, GROUPS, VECTOR, ROWS: GROUPS * perThread };
}

/** The second pass: so many runs of so many elements. On a GPU, a thread has a few parts of an element to add up, not all. */
export function combineTile(device: Device, runs: number, elements: number) {
  if (device.adapter.software) return { LANES: 64, GROUPS: 1 };
  const GROUPS = Math.max(1, Math.min(32, powerOfTwoFrom(runs / 8)));
  return { LANES: Math.max(8, Math.min(64, STRAND_THREADS / GROUPS, powerOfTwoFrom(elements))), GROUPS };
}

/** The same for parts of any sum: a thread of a software adapter, which is dear, goes through several elements. */
export function splitsTile(device: Device, splits: number, elements: number) {
  return { ...combineTile(device, splits, elements), ELEMENTS: device.adapter.software ? 8 : 1 };
}

/** Threads that share a row. */
export function lanesPerRow(device: Device): number {
  return device.adapter.software ? 8 : 64;
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
  return Math.max(16, Math.min(512, powerOfTwoFrom(Math.sqrt(rows))));
}
