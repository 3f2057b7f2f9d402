import type { KernelDefinition, KernelValues } from "../../kernels/definition.js";
import * as kernels from "../../kernels/generated.js";
import { Device } from "../../src/engine/device.js";
import type { ConstantValues } from "../../src/engine/pipelines.js";
import {
  contrastGradientTiles,
  contrastTiles,
  convolutionTiles,
  type GpuVariant,
  matmulTiles,
  type ProductShape,
  registerTile,
  sharingTile,
  weightGradientTiles,
} from "../../src/ops/gpu-tiles.js";
import { contrastTiles as contrastRegisterTiles, rowTiles, wantedWorkgroups } from "../../src/ops/tiles.js";
import { type ConvolutionLayer, type NetShapes, type Product, shapesOf } from "./layers.js";

/** A variant of an operation at a shape. */
export interface Case {
  readonly operation: string;
  readonly shape: string;
  readonly variant: string;
  readonly kernel: KernelDefinition;
  readonly constants: ConstantValues;
  /** Parameters and constants. */
  readonly values: KernelValues;
  /** Multiply-adds of a thread in a round of the outer loop over the terms; 0 where it is not known. */
  readonly fmaPerRound: number;
  /** The tile as `src/ops/gpu-tiles.ts` has it, and the matrix product; none for what is held in registers only. */
  readonly tiled?: { readonly variant: GpuVariant<unknown>; readonly product: ProductShape };
}

/** The variant that holds everything in registers: the first kernel of each operation. */
const REGISTERS = "registers";
/** The same where the lanes of a subgroup share what they load. */
const SUBGROUPS = "registers, subgroups";

function caseOf(
  operation: string,
  shape: string,
  variant: string,
  kernel: KernelDefinition,
  params: KernelValues,
  constants: ConstantValues,
  rest: Pick<Case, "fmaPerRound" | "tiled">,
): Case {
  const values: Record<string, number> = { ...params };
  for (const [name, { value }] of Object.entries(kernel.constants)) values[name] = Number(constants[name] ?? value);
  return { operation, shape, variant, kernel, constants, values, ...rest };
}

function tiledCase(
  operation: string,
  shape: string,
  variant: GpuVariant<KernelDefinition>,
  params: KernelValues,
  constants: ConstantValues,
  product: ProductShape,
): Case {
  const { ROWS, COLS, DEPTH } = variant.tile;
  const all = { ...constants, ...variant.tile };
  const rest = { fmaPerRound: ROWS * COLS * DEPTH, tiled: { variant, product } };
  return caseOf(operation, shape, variant.name, variant.kernel, params, all, rest);
}

const inRegisters = { fmaPerRound: 0 };

/** The forms of a kernel that holds everything in registers: with few columns, lanes have nothing to share. */
function registerForms(columns: number, VECTOR: number) {
  const alone = { name: REGISTERS, tile: { ...registerTile, VECTOR } };
  return columns > 32 ? [alone, { name: SUBGROUPS, tile: { ...sharingTile, VECTOR } }] : [alone];
}

function matmulCases({ rows, inner, cols }: Product): Case[] {
  const forms = [
    { name: "", TRANSPOSE_A: false, TRANSPOSE_B: false, rows, inner, cols },
    // The gradients of both operands.
    { name: ", b transposed", TRANSPOSE_A: false, TRANSPOSE_B: true, rows, inner: cols, cols: inner },
    { name: ", a transposed", TRANSPOSE_A: true, TRANSPOSE_B: false, rows: inner, inner: rows, cols },
  ];
  return forms.flatMap(({ name, TRANSPOSE_A, TRANSPOSE_B, ...product }) => {
    const shape = `${product.rows} x ${product.inner} x ${product.cols}${name}`;
    const even = product.inner % 4 === 0 && product.cols % 4 === 0;
    const VECTOR = even && !TRANSPOSE_A && !TRANSPOSE_B ? 4 : 1;
    const constants = { TRANSPOSE_A, TRANSPOSE_B };
    return [
      ...matmulTiles.map((variant) =>
        tiledCase("matmul", shape, variant, { ...product }, { ...constants, VECTOR }, product),
      ),
      ...registerForms(product.cols, even && !TRANSPOSE_B ? 4 : 1).map(({ name, tile }) =>
        caseOf("matmul", shape, name, kernels.matmul, { ...product }, { ...tile, ...constants }, inRegisters),
      ),
    ];
  });
}

function convolutionCases(device: Device, layer: ConvolutionLayer): Case[] {
  const { batch, kernel, stride, padding, input, output } = layer;
  const [[IN_HEIGHT, IN_WIDTH, IN_CHANNELS], [OUT_HEIGHT, OUT_WIDTH, OUT_CHANNELS]] = [input, output];
  const [KERNEL_HEIGHT, KERNEL_WIDTH] = kernel;
  const padded = (pixels: number) => ({ PADDING_Y: pixels, PADDING_X: pixels });
  const window = { STRIDE_Y: stride, STRIDE_X: stride, ...padded(padding), KERNEL_HEIGHT, KERNEL_WIDTH };
  const forward = { ...window, IN_HEIGHT, IN_WIDTH, IN_CHANNELS, OUT_HEIGHT, OUT_WIDTH, OUT_CHANNELS };
  const shape = `${kernel.join("x")}/${stride} ${IN_CHANNELS}-${OUT_CHANNELS} ${IN_HEIGHT}x${IN_WIDTH} n${batch}`;
  const VECTOR = IN_CHANNELS % 4 === 0 && OUT_CHANNELS % 4 === 0 ? 4 : 1;
  const taps = KERNEL_HEIGHT * KERNEL_WIDTH;
  const directions = [
    {
      operation: "convolution",
      constants: { ...forward, RUN_TAPS: KERNEL_WIDTH },
      product: { rows: batch * OUT_HEIGHT * OUT_WIDTH, inner: taps * IN_CHANNELS, cols: OUT_CHANNELS },
    },
    // With stride 1, a convolution with the weights turned round.
    {
      operation: "input gradient",
      constants: {
        ...window,
        ...{ IN_HEIGHT: OUT_HEIGHT, IN_WIDTH: OUT_WIDTH, IN_CHANNELS: OUT_CHANNELS },
        ...{ OUT_HEIGHT: IN_HEIGHT, OUT_WIDTH: IN_WIDTH, OUT_CHANNELS: IN_CHANNELS },
        ...padded(stride === 1 ? KERNEL_HEIGHT - 1 - padding : padding),
        TRANSPOSED: stride > 1,
        PHASES_Y: stride,
        PHASES_X: stride,
        RUN_TAPS: stride === 1 ? KERNEL_WIDTH : 1,
      },
      product: {
        rows: batch * IN_HEIGHT * IN_WIDTH,
        inner: (taps * OUT_CHANNELS) / stride ** 2,
        cols: IN_CHANNELS,
      },
    },
  ];
  const cases = directions
    // No gradient reaches the images.
    .filter(({ operation }) => operation === "convolution" || IN_CHANNELS > 3)
    .flatMap(({ operation, constants, product }) => [
      ...convolutionTiles.map((variant) =>
        tiledCase(operation, shape, variant, { batch }, { ...constants, VECTOR }, product),
      ),
      // Over the few channels of images, the compilers write out the loop over a row of the window, and run out of registers.
      ...(constants.IN_CHANNELS < 4
        ? []
        : registerForms(product.cols, product.cols % 4 === 0 ? 4 : 1).map(({ name, tile }) =>
            caseOf(operation, shape, name, kernels.conv2d, { batch }, { ...tile, ...constants }, inRegisters),
          )),
    ]);
  const [rows, pixels] = [taps * IN_CHANNELS, batch * OUT_HEIGHT * OUT_WIDTH];
  const operation = "weight gradient";
  for (const variant of weightGradientTiles) {
    const { ROW_THREADS, COL_THREADS, ROWS, COLS } = variant.tile;
    const blocks = Math.ceil(rows / (ROW_THREADS * ROWS)) * Math.ceil(OUT_CHANNELS / (COL_THREADS * COLS));
    const splits = Math.ceil(wantedWorkgroups(device) / blocks);
    // Splits are so many products one beside the other.
    const product = { rows: rows * splits, inner: Math.ceil(pixels / splits), cols: OUT_CHANNELS };
    cases.push(tiledCase(operation, shape, variant, { batch, splits }, { ...forward, VECTOR }, product));
  }
  const forms = [
    { name: REGISTERS, tile: rowTiles(device, OUT_CHANNELS)[0] },
    ...registerForms(OUT_CHANNELS, VECTOR).slice(1),
  ];
  for (const { name, tile } of forms) {
    const splits = Math.ceil(wantedWorkgroups(device) / (rows / tile.ROWS));
    const constants = { ...forward, ...tile };
    cases.push(caseOf(operation, shape, name, kernels.conv2dWeightGradient, { batch, splits }, constants, inRegisters));
  }
  return cases;
}

function contrastCases(device: Device, rows: number, dim: number): Case[] {
  const shape = `2N ${rows}, dimension ${dim}`;
  // A panel of all columns.
  const panel = { column_rows: rows, first_column: 0, width: rows, same_block: 1, continues: 0 };
  const params = { ...panel, rows, dim, inverse_temperature: 2, splits: 8 };
  const [registers] = contrastRegisterTiles(device);
  const product = { rows, inner: dim, cols: rows };
  return [
    ...contrastTiles.map((variant) => tiledCase("nt-xent", shape, variant, params, { VECTOR: 4 }, product)),
    caseOf("nt-xent", shape, REGISTERS, kernels.contrastPartials, params, registers, inRegisters),
    ...contrastGradientTiles.map((variant): Case => {
      const constants = { VECTOR: 4, ...variant.tile };
      const rest = { fmaPerRound: 0, tiled: { variant, product: { rows, inner: rows, cols: dim } } };
      return caseOf("nt-xent gradient", shape, variant.name, variant.kernel, params, constants, rest);
    }),
    caseOf("nt-xent gradient", shape, REGISTERS, kernels.contrastGradient, params, registers, inRegisters),
  ];
}

function batchNormCases({ net, batchNorms }: NetShapes): Case[] {
  return batchNorms.map(({ kernel, constants, params }) => {
    const chosen = Object.entries(constants).map(([name, value]) => `${name} ${Number(value)}`);
    return caseOf("batch norm", `${net} ${chosen.join(" ")}`, kernel.name, kernel, params, constants, inRegisters);
  });
}

/** Every GPU variant of every heavy kernel at the shapes of these nets. */
export function casesOf(device: Device, nets: readonly string[]): Case[] {
  const gpuLike = new Device(device.gpu, { ...device.adapter, software: false });
  const cases = nets.flatMap((net) => {
    const shapes = shapesOf(device, net);
    return [
      ...shapes.products.flatMap((product) => matmulCases(product)),
      ...shapes.convolutions.flatMap((layer) => convolutionCases(gpuLike, layer)),
      ...batchNormCases(shapes),
    ];
  });
  return [...cases, ...matmulCases({ rows: 1024, inner: 1024, cols: 1024 }), ...contrastCases(gpuLike, 4096, 128)];
}
