import * as kernels from "../../kernels/generated.js";

/** How a kernel with tiles in workgroup memory is cut up: see kernels/lib/tile-product.wgsl. */
export interface WorkgroupTile {
  readonly ROW_THREADS: number;
  readonly COL_THREADS: number;
  readonly ROWS: number;
  readonly COLS: number;
  readonly DEPTH: number;
}

/** The same for the gradient of the contrastive losses, which takes DIMS dimensions at a time. */
export interface ContrastTile extends WorkgroupTile {
  readonly DIMS: number;
}

/**
 * A way to compute a heavy operation on a GPU. The constants that follow from the shapes, VECTOR among them, come on top of
 * those of the tile. VECTOR is 4 where the extents that neighbour in memory are multiples of 4, and 1 elsewhere: inner and cols
 * of a matrix product without transposition, the channels on both sides of a convolution, the dimensions of the contrastive losses.
 */
export interface GpuVariant<Kernel, Tile extends WorkgroupTile = WorkgroupTile> {
  /** For example "tile128x64x8-8x8": rows x columns x terms of a workgroup, rows x columns of a thread. */
  readonly name: string;
  readonly kernel: Kernel;
  readonly tile: Tile;
  /** Threads of a workgroup. */
  readonly threads: number;
  /** Bytes of workgroup memory, at most. */
  readonly workgroupBytes: number;
  /** Share of a GPU's multiply-add rate that a full workgroup can reach, as bench/gpu-compile finds it. */
  readonly rate: number;
  /** The same as measured on NVIDIA's GPUs, where that is known of all variants of an operation. */
  readonly nvidiaRate?: number;
}

// 8 x 8 sums a thread: what workgroup memory can feed on every GPU.
const square = { ROW_THREADS: 16, COL_THREADS: 16, ROWS: 8, COLS: 8, DEPTH: 8 };
const squareDeep = { ROW_THREADS: 16, COL_THREADS: 16, ROWS: 8, COLS: 8, DEPTH: 16 };
const tall = { ROW_THREADS: 16, COL_THREADS: 8, ROWS: 8, COLS: 8, DEPTH: 8 };
const wide = { ROW_THREADS: 8, COL_THREADS: 16, ROWS: 8, COLS: 8, DEPTH: 8 };
const small = { ROW_THREADS: 8, COL_THREADS: 8, ROWS: 8, COLS: 8, DEPTH: 8 };
// Fewer registers, and more waves, for GPUs that are short of the one and in need of the other.
const tallLight = { ROW_THREADS: 16, COL_THREADS: 16, ROWS: 8, COLS: 4, DEPTH: 16 };
const wideLight = { ROW_THREADS: 16, COL_THREADS: 16, ROWS: 4, COLS: 8, DEPTH: 16 };
const smallMedium = { ROW_THREADS: 8, COL_THREADS: 16, ROWS: 8, COLS: 4, DEPTH: 16 };
const smallLight = { ROW_THREADS: 16, COL_THREADS: 16, ROWS: 4, COLS: 4, DEPTH: 16 };
const tiny = { ROW_THREADS: 8, COL_THREADS: 8, ROWS: 4, COLS: 4, DEPTH: 16 };

/**
 * The tile of the kernels that hold everything in registers (kernels/matmul.wgsl, kernels/conv2d.wgsl) on GPUs: with more
 * sums a thread, RDNA 2 has too few waves for the stem of a ResNet. VECTOR comes on top.
 */
export const registerTile = { LANES: 16, GROUPS: 4, ROWS: 4, COLS: 4, SHARE: 1 } as const;

/**
 * The same where the lanes of a subgroup load different elements and hand them on: three in four vector instructions are
 * multiply-adds, without workgroup memory. With 32 rows, RDNA 2 has 7 waves a SIMD. VECTOR comes on top.
 */
export const sharingTile = { LANES: 32, GROUPS: 1, ROWS: 24, COLS: 4, SHARE: 24 } as const;

// The marks let bundlers leave out the tables, and kernels with them, of operations that a program has not.
/* @__NO_SIDE_EFFECTS__ */
function variant<Kernel, Tile extends WorkgroupTile>(
  kernel: Kernel,
  tile: Tile,
  rate: number,
  /** Of workgroup memory besides the two tiles. */
  extraBytes = 0,
  suffix = "",
): GpuVariant<Kernel, Tile> {
  const { ROW_THREADS, COL_THREADS, ROWS, COLS, DEPTH } = tile;
  const [rows, cols] = [ROW_THREADS * ROWS, COL_THREADS * COLS];
  return {
    name: `tile${rows}x${cols}x${DEPTH}-${ROWS}x${COLS}${suffix}`,
    kernel,
    tile,
    threads: ROW_THREADS * COL_THREADS,
    workgroupBytes: 4 * DEPTH * (rows + cols) + extraBytes,
    rate,
  };
}

/** A vector more in each row of both tiles, where both operands are transposed: see kernels/matmul-tiled.wgsl. */
/* @__NO_SIDE_EFFECTS__ */
function matmulVariant(tile: WorkgroupTile, rate: number): GpuVariant<typeof kernels.matmulTiled> {
  return variant(kernels.matmulTiled, tile, rate, 16 * (tile.ROW_THREADS * tile.ROWS + tile.DEPTH));
}

/** Variants of the matrix product; the default for large ones first. */
export const matmulTiles: readonly GpuVariant<typeof kernels.matmulTiled>[] = [
  matmulVariant(square, 0.93),
  matmulVariant(tall, 0.9),
  matmulVariant(wide, 0.91),
  matmulVariant(tallLight, 0.6),
  matmulVariant(smallMedium, 0.58),
  matmulVariant(smallLight, 0.41),
  matmulVariant(tiny, 0.38),
];

/** With `nvidiaRate` as measured on an H200, at 128 to 128 channels, 3 x 3, 256 maps of 16 x 16. */
/* @__NO_SIDE_EFFECTS__ */
function measuredVariant<Kernel>(kernel: Kernel, tile: WorkgroupTile, rate: number, nvidiaRate: number) {
  return { ...variant(kernel, tile, rate), nvidiaRate };
}

/** Variants of the convolution, and of its input gradient; the default for many channels first. */
export const convolutionTiles: readonly GpuVariant<typeof kernels.conv2dTiled>[] = [
  measuredVariant(kernels.conv2dTiled, square, 0.95, 0.52),
  measuredVariant(kernels.conv2dTiled, squareDeep, 0.95, 0.62),
  measuredVariant(kernels.conv2dTiled, tall, 0.92, 0.52),
  measuredVariant(kernels.conv2dTiled, wide, 0.92, 0.53),
  measuredVariant(kernels.conv2dTiled, small, 0.93, 0.6),
  measuredVariant(kernels.conv2dTiled, tallLight, 0.61, 0.62),
  measuredVariant(kernels.conv2dTiled, smallLight, 0.43, 0.6),
  measuredVariant(kernels.conv2dTiled, tiny, 0.4, 0.52),
];

/** Variants of the convolution's weight gradient; the default for many channels first. */
export const weightGradientTiles: readonly GpuVariant<typeof kernels.conv2dWeightGradientTiled>[] = [
  measuredVariant(kernels.conv2dWeightGradientTiled, square, 0.92, 0.58),
  measuredVariant(kernels.conv2dWeightGradientTiled, squareDeep, 0.86, 0.64),
  measuredVariant(kernels.conv2dWeightGradientTiled, tall, 0.85, 0.6),
  measuredVariant(kernels.conv2dWeightGradientTiled, wide, 0.89, 0.64),
  measuredVariant(kernels.conv2dWeightGradientTiled, small, 0.84, 0.43),
  measuredVariant(kernels.conv2dWeightGradientTiled, tallLight, 0.55, 0.68),
  measuredVariant(kernels.conv2dWeightGradientTiled, smallLight, 0.4, 0.5),
  measuredVariant(kernels.conv2dWeightGradientTiled, tiny, 0.36, 0.49),
];

/** Two numbers for each thread, to put the largest logits and the sums of a row together. */
/* @__NO_SIDE_EFFECTS__ */
function partialsVariant(tile: WorkgroupTile, rate: number): GpuVariant<typeof kernels.contrastPartialsTiled> {
  return variant(kernels.contrastPartialsTiled, tile, rate, 8 * tile.ROW_THREADS * tile.COL_THREADS);
}

/** Variants of the first pass of the contrastive losses; the default first. */
export const contrastTiles: readonly GpuVariant<typeof kernels.contrastPartialsTiled>[] = [
  partialsVariant(tallLight, 0.61),
  partialsVariant(wideLight, 0.6),
  partialsVariant(smallLight, 0.41),
  partialsVariant(tiny, 0.41),
];

/** The factors, and as much of z as DIMS dimensions need beyond the tile. */
/* @__NO_SIDE_EFFECTS__ */
function gradientVariant(
  tile: ContrastTile,
  rate: number,
): GpuVariant<typeof kernels.contrastGradientTiled, ContrastTile> {
  const [rows, cols] = [tile.ROW_THREADS * tile.ROWS, tile.COL_THREADS * tile.COLS];
  const extraBytes = 4 * (rows * cols + tile.DEPTH * Math.max(0, tile.DIMS - cols));
  return variant(kernels.contrastGradientTiled, tile, rate, extraBytes, `-dims${tile.DIMS}`);
}

/** Variants of the gradient of the contrastive losses; the default first. */
export const contrastGradientTiles: readonly GpuVariant<typeof kernels.contrastGradientTiled, ContrastTile>[] = [
  gradientVariant({ ROW_THREADS: 16, COL_THREADS: 8, ROWS: 4, COLS: 4, DEPTH: 8, DIMS: 128 }, 0.56),
  gradientVariant({ ROW_THREADS: 8, COL_THREADS: 16, ROWS: 4, COLS: 4, DEPTH: 8, DIMS: 128 }, 0.5),
  gradientVariant({ ROW_THREADS: 8, COL_THREADS: 8, ROWS: 4, COLS: 4, DEPTH: 8, DIMS: 128 }, 0.55),
  gradientVariant({ ROW_THREADS: 16, COL_THREADS: 8, ROWS: 4, COLS: 4, DEPTH: 8, DIMS: 64 }, 0.51),
  gradientVariant({ ROW_THREADS: 4, COL_THREADS: 16, ROWS: 4, COLS: 4, DEPTH: 8, DIMS: 128 }, 0.48),
];

/** What a tile is chosen for: the compute units of a middling GPU, and the threads that keep one of them busy. */
const COMPUTE_UNITS = 64;
const BUSY_THREADS = 128;
/** Multiply-adds and additions in the time of a byte from the second-level cache: what current GPUs come to. */
const FLOPS_PER_BYTE = 16;

/** A matrix product [rows, inner] x [inner, cols] that an operation amounts to. */
export interface ProductShape {
  readonly rows: number;
  readonly inner: number;
  readonly cols: number;
}

/** How a workgroup goes about its part of a product: its rows, columns and terms at a time, and what it needs for them. */
export interface WorkgroupShape {
  readonly rows: number;
  readonly cols: number;
  readonly depth: number;
  readonly threads: number;
  /** Multiply-adds in the time that a multiply-add takes where nothing holds it up. */
  readonly rate: number;
  /** Of an element of the operands. */
  readonly bytes: number;
}

/**
 * How long a product takes, in floating-point operations of one compute unit: rounds of workgroups, each as long as its arithmetic
 * or its loads take, whichever is longer. For comparing variants of one operation at one shape.
 */
export function estimatedProduct(workgroup: WorkgroupShape, { rows, inner, cols }: ProductShape): number {
  const share = Math.min(1, workgroup.threads / BUSY_THREADS);
  const workgroups = Math.ceil(rows / workgroup.rows) * Math.ceil(cols / workgroup.cols);
  const terms = Math.ceil(inner / workgroup.depth) * workgroup.depth;
  const arithmetic = (2 * workgroup.rows * workgroup.cols * terms) / workgroup.rate;
  const loads = workgroup.bytes * (workgroup.rows + workgroup.cols) * terms * FLOPS_PER_BYTE;
  return (Math.ceil((workgroups * share) / COMPUTE_UNITS) / share) * Math.max(arithmetic, loads);
}

/** The same for a variant in f32, on a vendor's GPUs. */
export function estimatedTime(
  { tile, threads, rate, nvidiaRate }: GpuVariant<unknown>,
  shape: ProductShape,
  vendor: string,
): number {
  const extents = { rows: tile.ROW_THREADS * tile.ROWS, cols: tile.COL_THREADS * tile.COLS, depth: tile.DEPTH };
  const ownRate = vendor === "nvidia" ? (nvidiaRate ?? rate) : rate;
  return estimatedProduct({ ...extents, threads, rate: ownRate, bytes: 4 }, shape);
}

/** Variants by their estimated time at a shape, the shortest first: the first is the default where nothing was tuned. */
export function byEstimate<V extends GpuVariant<unknown>>(
  variants: readonly V[],
  shape: ProductShape,
  vendor: string,
): V[] {
  return variants.toSorted((a, b) => estimatedTime(a, shape, vendor) - estimatedTime(b, shape, vendor));
}
