import type { Device } from "../engine/device.js";
import { type MatrixUnits, type SubgroupSize, subgroupSizeOf } from "../engine/matrix-units.js";
import type { ElementType } from "../engine/tensor.js";
import { estimatedProduct, type ProductShape } from "./gpu-tiles.js";

/** How a kernel for matrix units is cut up: see kernels/lib/fragments.wgsl and kernels/lib/matrix-tiles.wgsl. */
export interface MatrixTile {
  readonly UNIT_ROWS: number;
  readonly UNIT_COLS: number;
  readonly UNIT_TERMS: number;
  readonly LANES: number;
  readonly ROW_SUBGROUPS: number;
  readonly COL_SUBGROUPS: number;
  /** Fragments of a subgroup. */
  readonly ROWS: number;
  readonly COLS: number;
  readonly DEPTH: number;
  /** Whether operands are f16. */
  readonly ROUNDED: boolean;
  /** Whether there are matrix units; they are emulated otherwise. */
  readonly UNITS: boolean;
  readonly PINNED: boolean;
}

/** A cut that fits any units: subgroups along rows and columns, and rows, columns and terms of one of them. */
interface Cut {
  readonly subgroups: readonly [rows: number, cols: number];
  readonly each: readonly [rows: number, cols: number];
  readonly depth: number;
  /** Whether it takes more registers than RDNA 3 has, as bench/gpu-compile finds it: for NVIDIA's GPUs alone, whose operands take half. */
  readonly roomy?: true;
}

// None has been measured on a GPU yet. The larger the tile, the fewer bytes of global memory a multiply-add takes; the larger what a
// subgroup has of it, the fewer of workgroup memory.
const CUTS: readonly Cut[] = [
  { subgroups: [2, 2], each: [64, 64], depth: 32, roomy: true },
  { subgroups: [4, 2], each: [64, 64], depth: 32, roomy: true },
  { subgroups: [2, 4], each: [64, 32], depth: 32 },
  { subgroups: [2, 2], each: [64, 32], depth: 32, roomy: true },
  { subgroups: [2, 2], each: [32, 64], depth: 32, roomy: true },
  { subgroups: [4, 2], each: [32, 32], depth: 32 },
  { subgroups: [4, 2], each: [32, 32], depth: 16 },
  { subgroups: [2, 2], each: [32, 32], depth: 32 },
  { subgroups: [2, 2], each: [32, 32], depth: 16 },
  { subgroups: [2, 2], each: [32, 32], depth: 64, roomy: true },
  { subgroups: [4, 1], each: [32, 32], depth: 32 },
  { subgroups: [2, 2], each: [16, 16], depth: 64 },
];

/** Rows and columns of the results of a workgroup. */
export function matrixTileExtents(tile: MatrixTile): readonly [rows: number, cols: number] {
  return [tile.ROW_SUBGROUPS * tile.ROWS * tile.UNIT_ROWS, tile.COL_SUBGROUPS * tile.COLS * tile.UNIT_COLS];
}

/** Threads of a workgroup. */
export function matrixTileThreads({ ROW_SUBGROUPS, COL_SUBGROUPS, LANES }: MatrixTile): number {
  return ROW_SUBGROUPS * COL_SUBGROUPS * LANES;
}

/** Bytes of workgroup memory, whichever way round the operands lie in it: both tiles, their padding, and a fragment a subgroup. */
export function matrixTileBytes(tile: MatrixTile): number {
  const { ROW_SUBGROUPS, COL_SUBGROUPS, UNIT_ROWS, UNIT_COLS, DEPTH, ROUNDED } = tile;
  const padded = (extent: number) => extent * DEPTH + 8 * Math.max(extent, DEPTH);
  const [rows, cols] = matrixTileExtents(tile);
  const results = 4 * ROW_SUBGROUPS * COL_SUBGROUPS * UNIT_ROWS * (UNIT_COLS + 4);
  return (ROUNDED ? 2 : 4) * (padded(rows) + padded(cols)) + results;
}

/** For example "matrix128x64x32-64x32": rows x columns x terms of a workgroup, rows x columns of a subgroup. */
export function matrixTileName(tile: MatrixTile): string {
  const { ROWS, COLS, UNIT_ROWS, UNIT_COLS, DEPTH } = tile;
  return `matrix${matrixTileExtents(tile).join("x")}x${DEPTH}-${ROWS * UNIT_ROWS}x${COLS * UNIT_COLS}`;
}

/** The cuts that these units fill, on subgroups of this size; with registers for all of them, or for most. */
export function matrixTilesFor(
  { operands, rows, cols, terms }: MatrixUnits,
  size: SubgroupSize,
  manyRegisters: boolean,
): MatrixTile[] {
  return CUTS.filter(({ roomy = false }) => manyRegisters || !roomy).flatMap(({ subgroups, each, depth }) => {
    const threads = subgroups[0] * subgroups[1] * size.lanes;
    const tile: MatrixTile = {
      ...{ UNIT_ROWS: rows, UNIT_COLS: cols, UNIT_TERMS: terms },
      ...{ LANES: size.lanes, ROW_SUBGROUPS: subgroups[0], COL_SUBGROUPS: subgroups[1] },
      ...{ ROWS: each[0] / rows, COLS: each[1] / cols, DEPTH: depth },
      ...{ ROUNDED: operands === "f16", UNITS: true, PINNED: size.pinned },
    };
    const whole = [tile.ROWS, tile.COLS, depth / terms].every((count) => Number.isInteger(count));
    // Of each line of a tile, a thread loads the same vectors.
    const lines = [depth, ...matrixTileExtents(tile)].map((extent) => extent / 4);
    return whole && threads % size.largest === 0 && lines.every((vectors) => threads % vectors === 0) ? [tile] : [];
  });
}

/** What an operation allows: f32 where its results are to be those of f32, or f16, for which f32 will do as well. */
export type Operands = Exclude<ElementType, "u32">;

/**
 * The tiles for the matrix units of a device that multiply operands of this type and add in f32; none where it has no such units, or
 * has subgroups that cannot be relied on. Where f16 will do and there is only f32, that.
 */
export function matrixTiles(device: Device, operands: Operands): MatrixTile[] {
  const size = subgroupSizeOf(device.gpu);
  if (!size) return [];
  const fitting = (type: Operands) =>
    device.matrixUnits.filter((units) => units.operands === type && units.sums === "f32");
  const rounded = operands === "f16" ? fitting("f16") : [];
  // Of several, the one with the largest fragments: it does most for a load.
  const work = ({ rows, cols, terms }: MatrixUnits) => rows * cols * terms;
  const best = (rounded.length > 0 ? rounded : fitting("f32")).toSorted((a, b) => work(b) - work(a));
  return best[0] ? matrixTilesFor(best[0], size, device.adapter.vendor === "nvidia") : [];
}

/** Multiply-adds that matrix units do at most in the time of one without, where kernels come to them this way. */
const MOST = 12;
/** FLOPs in the time of a byte of workgroup memory: 128 bytes and 128 multiply-adds a clock. */
const FLOPS_PER_WORKGROUP_BYTE = 2;

/** Multiply-adds of a tile in the time of one: what workgroup memory feeds of a subgroup's fragments. Not measured. */
function rateOf({ ROWS, COLS, UNIT_ROWS, UNIT_COLS, ROUNDED }: MatrixTile): number {
  const [rows, cols] = [ROWS * UNIT_ROWS, COLS * UNIT_COLS];
  const flopsPerByte = (2 * rows * cols) / ((ROUNDED ? 2 : 4) * (rows + cols));
  return Math.min(MOST, flopsPerByte / FLOPS_PER_WORKGROUP_BYTE);
}

/** How long a tile takes for a product, as `estimatedProduct` counts. */
export function estimatedMatrixTime(tile: MatrixTile, shape: ProductShape): number {
  const [rows, cols] = matrixTileExtents(tile);
  return estimatedProduct(
    {
      ...{ rows, cols, depth: tile.DEPTH, threads: matrixTileThreads(tile) },
      ...{ rate: rateOf(tile), bytes: tile.ROUNDED ? 2 : 4 },
    },
    shape,
  );
}
