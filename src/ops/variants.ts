import type { KernelDefinition } from "../../kernels/definition.js";
import { kernels } from "../../kernels/generated.js";
import type { Device } from "../engine/device.js";
import type { ConstantValues } from "../engine/pipelines.js";
import { fits, type Variant } from "../engine/variants.js";
import { ConfigError } from "../errors.js";
import { columnTiles, contrastTiles, rowTiles } from "./tiles.js";

/** Constants that are a variant's own. All others are given by the shapes, and every variant has them. */
type TileConstant = "LANES" | "GROUPS" | "ROWS" | "COLS" | "SHARE" | "VECTOR" | "DEPTH" | "ROW_THREADS" | "COL_THREADS";

/** Variants that take the place of this kernel. */
type VariantOf<Kernel> =
  Kernel extends KernelDefinition<infer Bindings, infer Params, infer Constants>
    ? Variant<Bindings, Params, Exclude<Constants, TileConstant>>
    : never;

export type MatmulVariant = VariantOf<typeof kernels.matmul>;
export type ConvolutionVariant = VariantOf<typeof kernels.conv2d>;
export type WeightGradientVariant = VariantOf<typeof kernels.conv2dWeightGradient>;
/** `columns` is the number of logits of a row that a workgroup computes at once. */
export type ContrastVariant = VariantOf<typeof kernels.ntXentPartials> & { readonly columns: number };
export type ContrastGradientVariant = VariantOf<typeof kernels.ntXentGradient>;

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

/** The first, which is the default, and those of the others that fit the device, each name once. */
function offer<V extends Variant>(device: Device, [preferred, ...others]: readonly V[]): readonly V[] {
  const offered = [preferred];
  for (const variant of others) {
    if (fits(device, variant) && !offered.some(({ name }) => name === variant.name)) offered.push(variant);
  }
  return offered;
}

/** Variants of the matrix product for a result with so many columns. */
export function matmulVariants(device: Device, columns: number): readonly MatmulVariant[] {
  return offer(
    device,
    columnTiles(device, columns).map((tile) => inRegisters(kernels.matmul, tile)),
  );
}

/** Variants of the convolution, and of its input gradient, for a result with so many channels. */
export function convolutionVariants(device: Device, channels: number): readonly ConvolutionVariant[] {
  return offer(
    device,
    columnTiles(device, channels).map((tile) => inRegisters(kernels.conv2d, tile)),
  );
}

/** Variants of the convolution's weight gradient for so many input and output channels. */
export function weightGradientVariants(
  device: Device,
  inChannels: number,
  outChannels: number,
): readonly WeightGradientVariant[] {
  return offer(
    device,
    rowTiles(device, inChannels, outChannels).map((tile) => inRegisters(kernels.conv2dWeightGradient, tile)),
  );
}

/** Variants of the first pass of NT-Xent. */
export function contrastVariants(device: Device): readonly ContrastVariant[] {
  return offer(
    device,
    contrastTiles(device).map((tile) => ({
      ...inRegisters(kernels.ntXentPartials, tile, 2 * 4 * tile.ROWS * tile.LANES),
      columns: tile.LANES * tile.COLS,
    })),
  );
}

/** Variants of the gradient of NT-Xent. */
export function contrastGradientVariants(device: Device): readonly ContrastGradientVariant[] {
  const DEPTH = 128;
  return offer(
    device,
    contrastTiles(device).map((tile) =>
      inRegisters(kernels.ntXentGradient, { ...tile, DEPTH }, 4 * tile.ROWS * (tile.LANES * tile.COLS + DEPTH)),
    ),
  );
}

/** Extents at which tiles change, with and without whole vectors of four, the widest first. */
const EXTENTS = [128, 126, 64, 62, 32, 30, 16, 14, 8, 6, 4, 3, 2, 1];

/** The names of all variants that a device offers, by operation; not every one of them at every shape. */
export function variantNames(device: Device): ReadonlyMap<string, readonly string[]> {
  const convolutions = EXTENTS.flatMap((channels) => convolutionVariants(device, channels));
  const offered: Readonly<Record<string, readonly Variant[]>> = {
    matmul: EXTENTS.flatMap((columns) => matmulVariants(device, columns)),
    conv2d: convolutions,
    "conv2d-input-gradient": convolutions,
    "conv2d-weight-gradient": EXTENTS.flatMap((rows) =>
      EXTENTS.flatMap((columns) => weightGradientVariants(device, rows, columns)),
    ),
    "nt-xent": contrastVariants(device),
    "nt-xent-gradient": contrastGradientVariants(device),
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
