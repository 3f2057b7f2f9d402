import type { KernelDefinition, KernelValues } from "../../kernels/definition.js";
import * as kernels from "../../kernels/generated.js";
import { textTable } from "../../src/cli/table.js";
import { type ConstantValues, constantsOf, specialize } from "../../src/engine/pipelines.js";
import { type MatrixTile, matrixTileName, matrixTilesFor } from "../../src/ops/matrix-tiles.js";
import { matrixLoop } from "./assembly.js";
import type { ConvolutionLayer } from "./layers.js";
import { type Compiled, Toolchain } from "./toolchain.js";

/** A GPU with matrix units that RADV compiles for without the hardware, and whose assembly LLVM 15 knows. */
const FAMILY = "navi31";

const LANES = 32;
/** Of these GPUs; NVIDIA's have the same among theirs. */
const UNITS = { operands: "f16", sums: "f32", rows: 16, cols: 16, terms: 16 } as const;

interface Case {
  readonly operation: string;
  readonly shape: string;
  readonly tile: MatrixTile;
  readonly kernel: KernelDefinition;
  readonly constants: ConstantValues;
}

function productCases(tile: MatrixTile): Case[] {
  const shape = "4096 x 4096 x 4096";
  return [
    { operation: "matmul", constants: {} },
    { operation: "matmul, b transposed", constants: { TRANSPOSE_B: true } },
    { operation: "matmul, a transposed", constants: { TRANSPOSE_A: true } },
  ].map(({ operation, constants }) => {
    return { operation, shape, tile, kernel: kernels.matmulMatrix, constants: { ...constants, VECTOR: 4 } };
  });
}

function convolutionCases(
  tile: MatrixTile,
  { batch, kernel, stride, padding, input, output }: ConvolutionLayer,
): Case[] {
  const [[IN_HEIGHT, IN_WIDTH, IN_CHANNELS], [OUT_HEIGHT, OUT_WIDTH, OUT_CHANNELS]] = [input, output];
  const window = {
    ...{ KERNEL_HEIGHT: kernel[0], KERNEL_WIDTH: kernel[1], STRIDE_Y: stride, STRIDE_X: stride },
    ...{ PADDING_Y: padding, PADDING_X: padding, VECTOR: IN_CHANNELS % 4 === 0 ? 4 : 1 },
  };
  const forward = { ...window, IN_HEIGHT, IN_WIDTH, IN_CHANNELS, OUT_HEIGHT, OUT_WIDTH, OUT_CHANNELS };
  const backward = {
    ...window,
    ...{ IN_HEIGHT: OUT_HEIGHT, IN_WIDTH: OUT_WIDTH, IN_CHANNELS: OUT_CHANNELS },
    ...{ OUT_HEIGHT: IN_HEIGHT, OUT_WIDTH: IN_WIDTH, OUT_CHANNELS: IN_CHANNELS },
    ...{ TRANSPOSED: true, PHASES_Y: stride, PHASES_X: stride },
  };
  const shape = `${kernel.join("x")}/${stride} ${IN_CHANNELS}-${OUT_CHANNELS} ${IN_HEIGHT}x${IN_WIDTH} n${batch}`;
  const { conv2dMatrix, conv2dWeightGradientMatrix } = kernels;
  return [
    { operation: "convolution", shape, tile, kernel: conv2dMatrix, constants: forward },
    // No gradient reaches the images.
    ...(IN_CHANNELS > 3
      ? [{ operation: "input gradient", shape, tile, kernel: conv2dMatrix, constants: backward }]
      : []),
    { operation: "weight gradient", shape, tile, kernel: conv2dWeightGradientMatrix, constants: forward },
  ];
}

const HEADING = [
  ...["operation", "shape", "variant", "registers", "spilled", "scratch", "workgroup B", "waves/SIMD", "instructions"],
  ...["matrix of all", "FLOPs/B"],
];

function row({ operation, shape, tile, kernel, constants }: Case, { statistics, assembly }: Compiled) {
  const value = (name: string) => statistics[name] ?? Number.NaN;
  const loop = matrixLoop(assembly);
  const params: KernelValues = { rows: 4096, inner: 4096, cols: 4096, batch: 256, splits: 1 };
  const values = { ...params, ...constantsOf(kernel, { ...tile, ...constants, HALF: true }) };
  const spilled = value("Spilled VGPRs") + value("Spilled SGPRs");
  const name = matrixTileName(tile);
  const faults = [
    ...(spilled > 0 || !Number.isFinite(spilled) ? [`${spilled} registers spilled`] : []),
    ...(value("Scratch size") > 0 ? [`${value("Scratch size")} bytes of scratch`] : []),
    ...(loop.matrix === 0 ? ["no matrix instruction"] : []),
  ].map((fault) => `${operation} ${shape}, ${name}, ${FAMILY}: ${fault}`);
  const cells = [
    ...[operation, shape, name, value("VGPRs"), spilled, value("Scratch size"), value("LDS size")],
    ...[value("Subgroups per SIMD"), value("Instructions"), `${loop.matrix} of ${loop.all}`],
    kernel.bytes ? (kernel.flops(values) / kernel.bytes(values)).toFixed(0) : "",
  ].map(String);
  return { cells, faults };
}

/**
 * What Mesa's compiler for RDNA 3 makes of all tiles for matrix units, with f16 operands: at every one of these layers, and at a large matrix product.
 * Prints a table; returns what is wrong.
 */
export async function reportMatrixUnits(layers: readonly ConvolutionLayer[]): Promise<string[]> {
  const tiles = matrixTilesFor(UNITS, { lanes: LANES, pinned: false, largest: LANES }, false);
  const cases = tiles.flatMap((tile) => [
    ...productCases(tile),
    ...layers.flatMap((layer) => convolutionCases(tile, layer)),
  ]);
  const toolchain = await Toolchain.open();
  try {
    const modules = cases.map(({ kernel, tile, constants }) => ({
      code: specialize(kernel, { ...tile, ...constants, HALF: true }),
      bindings: `${"s".repeat(kernel.bindings.length)}u`,
    }));
    const spirv = await toolchain.toMatrixSpirv(modules);
    const compiled = await toolchain.compile(spirv, FAMILY, LANES);
    const rows = cases.map((subject, i) => row(subject, compiled[i]));
    console.log(textTable([HEADING, ...rows.map(({ cells }) => cells)]));
    return rows.flatMap(({ faults }) => faults);
  } finally {
    await toolchain.close();
  }
}
