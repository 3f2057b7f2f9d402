import type { KernelDefinition } from "../../kernels/definition.js";
import * as kernels from "../../kernels/generated.js";
import type { Variant } from "../engine/choices.js";
import type { Device } from "../engine/device.js";
import type { ConstantValues } from "../engine/pipelines.js";
import { fits } from "../engine/variants.js";
import { ConfigError } from "../errors.js";
import {
  byEstimate,
  contrastGradientTiles as contrastGradientWorkgroupTiles,
  contrastTiles as contrastWorkgroupTiles,
  convolutionTiles,
  estimatedTime,
  type GpuVariant,
  matmulTiles,
  type ProductShape,
  weightGradientTiles,
} from "./gpu-tiles.js";
import {
  estimatedMatrixTime,
  type MatrixTile,
  matrixTileBytes,
  matrixTileExtents,
  matrixTileName,
  matrixTiles,
  matrixTileThreads,
  type Operands,
} from "./matrix-tiles.js";
import { columnTiles, contrastTiles, rowTiles, wantedWorkgroups } from "./tiles.js";

/** Constants that are a variant's own. All others are given by the shapes, and every variant has them. */
type TileConstant =
  | ("LANES" | "GROUPS" | "ROWS" | "COLS" | "SHARE" | "VECTOR" | "DEPTH")
  | ("ROW_THREADS" | "COL_THREADS" | "DIMS" | "RUN_TAPS")
  | keyof MatrixTile;

/** Variants that take the place of this kernel. */
type VariantOf<Kernel> =
  Kernel extends KernelDefinition<infer Bindings, infer Params, infer Constants>
    ? Variant<Bindings, Params, Exclude<Constants, TileConstant>>
    : never;

export type MatmulVariant = VariantOf<typeof kernels.matmul>;
export type ConvolutionVariant = VariantOf<typeof kernels.conv2d> & {
  /** Whether it takes the weight in the type of x, and for the input gradient as it is: others take f32, and it turned round. */
  readonly forUnits?: boolean;
};
export type WeightGradientVariant = VariantOf<typeof kernels.conv2dWeightGradient>;
/** `columns` is the number of logits of a row that a workgroup computes at once. */
export type ContrastVariant = VariantOf<typeof kernels.contrastPartials> & { readonly columns: number };
export type ContrastGradientVariant = VariantOf<typeof kernels.contrastGradient>;

interface RegisterTile {
  readonly LANES: number;
  readonly GROUPS?: number;
  readonly ROWS: number;
  readonly COLS: number;
  readonly SHARE?: number;
  readonly VECTOR?: number;
}

/** A variant whose threads, LANES x GROUPS in a workgroup, hold ROWS x COLS results each in registers. */
function inRegisters<Bindings extends string, Params extends string, Constants extends string>(
  kernel: KernelDefinition<Bindings, Params, Constants>,
  tile: RegisterTile & ConstantValues<Constants>,
  workgroupBytes = 0,
): Variant<Bindings, Params, Constants> {
  const { LANES, GROUPS = 1, ROWS, COLS, SHARE = 1, VECTOR = 1 } = tile;
  const threads = GROUPS > 1 ? `${LANES}x${GROUPS}` : LANES;
  const name = `lanes${threads}-${ROWS}x${COLS}${VECTOR > 1 ? "v" : ""}${SHARE > 1 ? `-share${SHARE}` : ""}`;
  return { name, kernel, tile, threads: LANES * GROUPS, workgroupBytes };
}

/** A variant with tiles in workgroup memory, which loads four neighbours at once where `vectors` allows it. */
function inWorkgroups<Bindings extends string, Params extends string, Constants extends string>(
  { name, kernel, tile, threads, workgroupBytes }: GpuVariant<KernelDefinition<Bindings, Params, Constants>>,
  vectors: boolean,
): Variant<Bindings, Params, Constants> {
  return { name, kernel, tile: { ...tile, VECTOR: vectors ? 4 : 1 }, threads, workgroupBytes };
}

/** A variant for matrix units, which loads four neighbours at once where `vectors` allows it. */
function byUnits<Bindings extends string, Params extends string, Constants extends string>(
  kernel: KernelDefinition<Bindings, Params, Constants>,
  tile: MatrixTile,
  vectors: boolean,
): Variant<Bindings, Params, Constants> {
  return {
    name: matrixTileName(tile),
    kernel,
    tile: { ...tile, VECTOR: vectors ? 4 : 1 },
    threads: matrixTileThreads(tile),
    workgroupBytes: matrixTileBytes(tile),
  };
}

/** Tiles for matrix units that are offered at a shape: each is a pipeline to compile when it is tuned. */
const OFFERED_UNIT_TILES = 6;
/** The same of tiles without, where there are units. */
const OFFERED_OTHER_TILES = 3;

/** The tiles for a device's matrix units, the fastest for a product first. */
function unitTiles(device: Device, operands: Operands, time: (tile: MatrixTile) => number): MatrixTile[] {
  return matrixTiles(device, operands)
    .filter((tile) => matrixTileBytes(tile) <= device.gpu.limits.maxComputeWorkgroupStorageSize)
    .toSorted((a, b) => time(a) - time(b))
    .slice(0, OFFERED_UNIT_TILES);
}

/** The first, which is the default, and those of the others that fit the device, each name once. */
function offer<V extends Variant>(device: Device, variants: readonly V[]): readonly V[] {
  const offered: V[] = [];
  for (const variant of variants) {
    if (fits(device, variant) && !offered.some(({ name }) => name === variant.name)) offered.push(variant);
  }
  return offered;
}

/** Results with so few columns leave most of a workgroup's tile empty. */
const FEW_COLUMNS = 8;

/**
 * Variants of one operation: on a software adapter, those in registers, for barriers and workgroup memory are dear there; on a
 * GPU, those for matrix units first, where it has them, and those in workgroup memory, unless there are too few columns for them.
 */
function choose<V extends Variant>(
  device: Device,
  columns: number,
  registers: readonly V[],
  workgroups: () => V[],
  units: () => V[] = () => [],
) {
  if (device.adapter.software) return offer(device, registers);
  if (columns <= FEW_COLUMNS) return offer(device, [...registers, ...workgroups()]);
  const first = units();
  const others = [...workgroups(), ...registers];
  return offer(device, first.length > 0 ? [...first, ...others.slice(0, OFFERED_OTHER_TILES)] : others);
}

const isVector = (extent: number) => extent % 4 === 0;

/** What the variants of a matrix product depend on, besides its extents. */
export interface ProductOptions {
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  /** What the operands may be rounded to; f32 by default. */
  readonly operands?: Operands;
}

/** Variants of the matrix product. */
export function matmulVariants(
  device: Device,
  shape: ProductShape,
  { transposeA = false, transposeB = false, operands = "f32" }: ProductOptions = {},
): readonly MatmulVariant[] {
  const { rows, inner, cols } = shape;
  const vectors = !transposeA && !transposeB && isVector(inner) && isVector(cols);
  const lines = [transposeA ? rows : inner, transposeB ? inner : cols, cols];
  return choose<MatmulVariant>(
    device,
    shape.cols,
    columnTiles(device, shape.cols).map((tile) => {
      const variant = inRegisters(kernels.matmul, tile);
      return transposeB ? { ...variant, tile: { ...tile, VECTOR: 1 } } : variant;
    }),
    () => byEstimate(matmulTiles, shape, device.adapter.vendor).map((variant) => inWorkgroups(variant, vectors)),
    () =>
      unitTiles(device, operands, (tile) => estimatedMatrixTime(tile, shape)).map((tile) =>
        byUnits(kernels.matmulMatrix, tile, lines.every(isVector)),
      ),
  );
}

/** What the variants of a convolution depend on. */
interface ConvolutionShape {
  /** Of what is read. */
  readonly channels: number;
  /** Taps whose elements lie one after another. */
  readonly runTaps: number;
  /** The longer side of the window. */
  readonly window: number;
  /** The matrix product that it amounts to. */
  readonly shape: ProductShape;
  /** What activations are stored in; f32 by default. */
  readonly type?: Operands;
}

/** The sides of a window that the convolution in workgroup memory can have at most: see kernels/conv2d-tiled.wgsl. */
const LARGEST_WINDOW = 15;

/** Variants of the convolution, and of its input gradient. */
export function convolutionVariants(
  device: Device,
  { channels, runTaps, window, shape, type = "f32" }: ConvolutionShape,
): readonly ConvolutionVariant[] {
  const vectors = isVector(channels) && isVector(shape.cols);
  // With few channels, a loop over one tap at a time would be all overhead.
  const RUN_TAPS = channels < 16 ? runTaps : 1;
  return choose<ConvolutionVariant>(
    device,
    shape.cols,
    columnTiles(device, shape.cols).map((tile) => inRegisters(kernels.conv2d, { ...tile, RUN_TAPS })),
    () =>
      window > LARGEST_WINDOW
        ? []
        : byEstimate(convolutionTiles, shape, device.adapter.vendor).map((variant) => inWorkgroups(variant, vectors)),
    () =>
      window > LARGEST_WINDOW
        ? []
        : unitTiles(device, type, (tile) => estimatedMatrixTime(tile, shape)).map((tile) => ({
            ...byUnits(kernels.conv2dMatrix, tile, vectors),
            forUnits: true,
          })),
  );
}

/** Variants of the convolution's weight gradient, from so many input channels; `shape` is the matrix product it amounts to. */
export function weightGradientVariants(
  device: Device,
  channels: number,
  shape: ProductShape,
  type: Operands = "f32",
): readonly WeightGradientVariant[] {
  const vectors = isVector(channels) && isVector(shape.cols);
  // Splits are so many products one beside the other.
  const inSplits = (rows: number, cols: number): ProductShape => {
    const blocks = Math.ceil(shape.rows / rows) * Math.ceil(shape.cols / cols);
    const splits = Math.ceil(wantedWorkgroups(device) / blocks);
    return { rows: shape.rows * splits, inner: Math.ceil(shape.inner / splits), cols: shape.cols };
  };
  const time = (variant: (typeof weightGradientTiles)[number]) => {
    const { ROW_THREADS, COL_THREADS, ROWS, COLS } = variant.tile;
    return estimatedTime(variant, inSplits(ROW_THREADS * ROWS, COL_THREADS * COLS), device.adapter.vendor);
  };
  return choose<WeightGradientVariant>(
    device,
    shape.cols,
    rowTiles(device, shape.cols).map((tile) => inRegisters(kernels.conv2dWeightGradient, tile)),
    () => weightGradientTiles.toSorted((a, b) => time(a) - time(b)).map((variant) => inWorkgroups(variant, vectors)),
    () =>
      unitTiles(device, type, (tile) => estimatedMatrixTime(tile, inSplits(...matrixTileExtents(tile)))).map((tile) =>
        byUnits(kernels.conv2dWeightGradientMatrix, tile, vectors),
      ),
  );
}

/** Variants of the first pass of the contrastive losses, whose workgroups keep up to seven numbers of a row and a thread. */
export function contrastVariants(device: Device): readonly ContrastVariant[] {
  const registers = contrastTiles(device).map((tile) => ({
    ...inRegisters(kernels.contrastPartials, tile, 7 * 4 * tile.ROWS * tile.LANES),
    columns: tile.LANES * tile.COLS,
  }));
  return choose<ContrastVariant>(device, Number.POSITIVE_INFINITY, registers, () =>
    contrastWorkgroupTiles.map((variant) => ({
      ...inWorkgroups(variant, true),
      columns: variant.tile.COL_THREADS * variant.tile.COLS,
    })),
  );
}

/** Dimensions that the kernels of the contrastive gradient hold at once; there are others for more. */
export const FUSED_GRADIENT_DIMENSIONS = 128;

/**
 * Variants of the gradient of the contrastive losses. Above `FUSED_GRADIENT_DIMENSIONS` those in workgroup memory alone, which
 * compute the logits once for each run of DIMS dimensions: none on a software adapter.
 */
export function contrastGradientVariants(
  device: Device,
  dim = FUSED_GRADIENT_DIMENSIONS,
): readonly ContrastGradientVariant[] {
  const DEPTH = FUSED_GRADIENT_DIMENSIONS;
  const tiles = dim > DEPTH ? [] : contrastTiles(device);
  const registers = tiles.map((tile) =>
    inRegisters(kernels.contrastGradient, { ...tile, DEPTH }, 4 * tile.ROWS * (tile.LANES * tile.COLS + DEPTH)),
  );
  return choose<ContrastGradientVariant>(device, Number.POSITIVE_INFINITY, registers, () =>
    contrastGradientWorkgroupTiles.map((variant) => inWorkgroups(variant, true)),
  );
}

/** A tile of the contrastive losses whose vectors of four are single elements where the dimensions are no multiple of four. */
export function withVectors(tile: ConstantValues, dim: number): ConstantValues {
  return isVector(dim) ? tile : { ...tile, VECTOR: 1 };
}

/** Extents at which tiles change, with and without whole vectors of four, the widest first. */
const EXTENTS = [128, 126, 64, 62, 32, 30, 16, 14, 8, 6, 4, 3, 2, 1];

/** The names of all variants that a device offers, by operation; not every one of them at every shape. */
export function variantNames(device: Device): ReadonlyMap<string, readonly string[]> {
  const shapes = EXTENTS.map((cols): ProductShape => ({ rows: 64, inner: 64, cols }));
  const types: readonly Operands[] = device.matrixUnits.length > 0 ? ["f32", "f16"] : ["f32"];
  const convolutions = types.flatMap((type) =>
    shapes.flatMap((shape) =>
      convolutionVariants(device, { channels: shape.cols, runTaps: 1, window: 1, shape, type }),
    ),
  );
  const offered: Readonly<Record<string, readonly Variant[]>> = {
    matmul: types.flatMap((operands) => shapes.flatMap((shape) => matmulVariants(device, shape, { operands }))),
    conv2d: convolutions,
    "conv2d-input-gradient": convolutions,
    "conv2d-weight-gradient": EXTENTS.flatMap((rows) =>
      types.flatMap((type) =>
        shapes.flatMap((shape) => weightGradientVariants(device, shape.cols, { ...shape, rows }, type)),
      ),
    ),
    contrast: contrastVariants(device),
    "contrast-gradient": contrastGradientVariants(device),
  };
  return new Map(
    Object.entries(offered).map(([operation, variants]) => [operation, [...new Set(variants.map(({ name }) => name))]]),
  );
}

/**
 * Makes an operation use one variant wherever it has it, whatever was tuned. What was recorded before stays as it is.
 * @throws ConfigError for an operation without variants, or a variant that this device does not offer.
 */
export function forceVariant(device: Device, operation: string, variant: string): void {
  const all = variantNames(device);
  const names = all.get(operation);
  if (!names) {
    throw new ConfigError(`"${operation}" has no variants: choose an operation of ${[...all.keys()].join(", ")}`);
  }
  if (!names.includes(variant)) {
    throw new ConfigError(
      `${operation} has no variant "${variant}" on this adapter: choose one of ${names.join(", ")}`,
    );
  }
  device.choices.force(operation, variant);
}

/** An extent that changes with the batch or the data set, as a class: all from just above half of it share a choice. */
export function extentClass(extent: number): number {
  return 2 ** Math.ceil(Math.log2(extent));
}
