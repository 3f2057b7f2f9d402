import * as kernels from "../../kernels/generated.js";
import type { Tape } from "../engine/tape.js";
import type { Tensor } from "../engine/tensor.js";
import { ntXentInPanels } from "../losses/nt-xent.js";
import { sumSplits } from "../ops/column-sums.js";
import { transpose } from "../ops/elementwise.js";
import type { WorkgroupTile } from "../ops/gpu-tiles.js";
import type { Conv2dShape } from "../reference/conv2d.js";
import type { MatmulShape } from "../reference/matmul.js";
import { bothAxes, type PerAxis, windowOutputSize } from "../reference/window.js";
import { type Check, checkOf, evaluate, gradientOf, type Input, type Subject } from "./check.js";
import { type ContrastTiles, withContrastTiles } from "./contrast-tiles.js";
import {
  type ConvolutionInputs,
  convolutionInputs,
  convolutionSubject,
  convolutionText,
} from "./convolution-checks.js";
import { type NtXentInputs, ntXentInputs, ntXentSubject, ntXentTolerance } from "./loss-checks.js";
import { type MatmulInputs, matmulSubject } from "./matmul-checks.js";
import { randomInputs } from "./random-inputs.js";
import { type StoredType, typeText } from "./rounding.js";

/** Small, so that shapes of a few rows fill several tiles. */
const smallTile: WorkgroupTile = { ROW_THREADS: 2, COL_THREADS: 4, ROWS: 4, COLS: 4, DEPTH: 4 };

/** More threads than either tile has vectors to load. */
const manyThreads: WorkgroupTile = { ROW_THREADS: 8, COL_THREADS: 4, ROWS: 3, COLS: 4, DEPTH: 4 };

const smallContrastTiles: ContrastTiles = { partials: smallTile, gradient: { ...smallTile, ROWS: 2, DIMS: 16 } };

/** A matrix product by one kernel: of both operands, whether they are taken transposed. */
export type Product = (
  tape: Tape,
  a: readonly [Tensor, transposed: boolean],
  b: readonly [Tensor, transposed: boolean],
  extents: readonly [rows: number, inner: number, cols: number],
) => Tensor;

/** The outputs c, da and db of `matmulSubject`, each by one product. */
export function productOutputs(
  tape: Tape,
  input: Input,
  { a, b, dc, m, n, k, transposeA = false, transposeB = false }: MatmulInputs,
  product: Product,
  type?: StoredType,
): Readonly<Record<string, Tensor>> {
  const left = input(a, transposeA ? [k, m] : [m, k], type);
  const right = input(b, transposeB ? [n, k] : [k, n], type);
  const gradient = input(dc, [m, n], type);
  return {
    c: product(tape, [left, transposeA], [right, transposeB], [m, k, n]),
    da: transposeA
      ? product(tape, [right, transposeB], [gradient, true], [k, n, m])
      : product(tape, [gradient, false], [right, !transposeB], [m, n, k]),
    db: transposeB
      ? product(tape, [gradient, true], [left, transposeA], [n, m, k])
      : product(tape, [left, !transposeA], [gradient, false], [k, m, n]),
  };
}

/** The outputs c, da and db of `matmulSubject`, by the tiled kernel. */
function tiledMatmulSubject(tile: WorkgroupTile): Subject<MatmulInputs> {
  return {
    ...matmulSubject,
    compute: (device, inputs) =>
      evaluate(device, (tape, input) => {
        const { m, n, k, type } = inputs;
        const even = [m, n, k].every((extent) => extent % 4 === 0);
        const product: Product = (tape, [a, TRANSPOSE_A], [b, TRANSPOSE_B], [rows, inner, cols]) => {
          const y = tape.tensor([rows, cols], "product", type);
          const VECTOR = even && !TRANSPOSE_A && !TRANSPOSE_B ? 4 : 1;
          const constants = { ...tile, VECTOR, TRANSPOSE_A, TRANSPOSE_B };
          tape.launch(kernels.matmulTiled, { a, b, y }, { rows, inner, cols }, constants);
          return y;
        };
        return productOutputs(tape, input, inputs, product, type);
      }),
  };
}

/** The constants of a convolution's kernels, besides those of a tile: for both directions, and for each. */
export function convolutionConstants(inputs: Conv2dShape) {
  const { height, width, inChannels, outChannels, kernelHeight, kernelWidth } = inputs;
  const [stride, padding, dilation] = [inputs.stride, inputs.padding, inputs.dilation ?? 1].map(bothAxes);
  const out = windowOutputSize(inputs);
  const window = {
    VECTOR: inChannels % 4 === 0 && outChannels % 4 === 0 ? 4 : 1,
    ...{ STRIDE_Y: stride[0], STRIDE_X: stride[1] },
    ...{ PADDING_Y: padding[0], PADDING_X: padding[1] },
    ...{ DILATION_Y: dilation[0], DILATION_X: dilation[1] },
    KERNEL_HEIGHT: kernelHeight,
    KERNEL_WIDTH: kernelWidth,
  };
  return {
    out,
    forward: {
      ...window,
      ...{ IN_HEIGHT: height, IN_WIDTH: width, IN_CHANNELS: inChannels },
      ...{ OUT_HEIGHT: out.height, OUT_WIDTH: out.width, OUT_CHANNELS: outChannels },
    },
    backward: {
      ...window,
      ...{ IN_HEIGHT: out.height, IN_WIDTH: out.width, IN_CHANNELS: outChannels },
      ...{ OUT_HEIGHT: height, OUT_WIDTH: width, OUT_CHANNELS: inChannels },
      ...{ TRANSPOSED: true, PHASES_Y: stride[0], PHASES_X: stride[1] },
    },
  };
}

/** The outputs of `convolutionSubject`, by the tiled kernels. */
function tiledConvolutionSubject(tile: WorkgroupTile, splits: number): Subject<ConvolutionInputs> {
  return {
    ...convolutionSubject,
    compute: (device, inputs) =>
      evaluate(device, (tape, input) => {
        const { batch, height, width, inChannels, outChannels, kernelHeight, kernelWidth, type } = inputs;
        const { out, forward, backward } = convolutionConstants(inputs);
        const x = input(inputs.x, [batch, height, width, inChannels], type);
        const weight = input(inputs.weight, [kernelHeight, kernelWidth, inChannels, outChannels]);
        const dy = input(inputs.dy, [batch, out.height, out.width, outChannels], type);
        const y = tape.tensor(dy.shape, "y", type);
        const dx = tape.tensor(x.shape, "dx", type);
        const flipped = transpose(tape, weight);
        const parts = tape.tensor([splits, weight.size], "parts");
        tape.launch(kernels.conv2dTiled, { x, weight, y }, { batch }, { ...tile, ...forward });
        tape.launch(kernels.conv2dTiled, { x: dy, weight: flipped, y: dx }, { batch }, { ...tile, ...backward });
        tape.launch(kernels.conv2dWeightGradientTiled, { x, dy, parts }, { batch, splits }, { ...tile, ...forward });
        return { y, dx, dWeight: sumSplits(tape, tape.device, parts, weight.shape, "dWeight") };
      }),
  };
}

/** Columns of a panel in checks of NT-Xent: no multiple of a tile. */
const PANEL = 28;

/** The outputs of `ntXentSubject`, by the tiled kernels. */
function tiledNtXentSubject(tiles: ContrastTiles): Subject<NtXentInputs> {
  const tileColumns = tiles.partials.COL_THREADS * tiles.partials.COLS;
  return {
    ...ntXentSubject,
    tolerance: (inputs) => ntXentTolerance(inputs, tileColumns),
    compute: (device, { rows, dimension, temperature, z: data }) =>
      evaluate(device, (tape, input) => {
        const z = input(data, [rows, dimension]);
        tape.watch(z);
        return withContrastTiles(tape, tiles, () => {
          const { loss, accuracy, spread } = ntXentInPanels(tape, [z], temperature, PANEL);
          tape.backward(loss);
          return { loss, accuracy, spread, dz: gradientOf(tape, z) };
        });
      }),
  };
}

/** A check of the tiled matrix product and both of its gradients. */
export function checkTiledMatmul(tile: WorkgroupTile, shape: MatmulShape, type?: StoredType): Check {
  const { m, n, k, transposeA, transposeB } = shape;
  const flip = (transposed?: boolean) => (transposed ? " transposed" : "");
  const text = `${m} x ${k}${flip(transposeA)} by ${k} x ${n}${flip(transposeB)}, and gradients, ${tileText(tile)}${typeText(type)}`;
  return checkOf(["matmulTiled"], text, tiledMatmulSubject(tile), () => {
    const random = randomInputs(2, type);
    return { ...shape, type, a: random.normal(m * k), b: random.normal(k * n), dc: random.normal(m * n) };
  });
}

/** A check of the tiled convolution and both of its gradients, that of the weights in so many splits. */
export function checkTiledConvolution(
  tile: WorkgroupTile,
  shape: Conv2dShape,
  splits: number,
  type?: StoredType,
): Check {
  const text = `${convolutionText(shape)}, and gradients, ${tileText(tile)}${typeText(type)}`;
  return checkOf(
    ["conv2dTiled", "conv2dWeightGradientTiled", "sumSplits", "transpose"],
    text,
    tiledConvolutionSubject(tile, splits),
    () => ({ ...shape, type, ...convolutionInputs(shape, randomInputs(3, type)) }),
  );
}

/** A check of the tiled kernels of NT-Xent. */
export function checkTiledNtXent(tiles: ContrastTiles, rows: number, dimension: number, temperature: number): Check {
  const { partials, gradient } = tiles;
  const text = `2N = ${rows}, dimension ${dimension}, temperature ${temperature}, and gradient, ${tileText(partials)} and ${tileText(gradient)}`;
  const used = ["contrastPartialsTiled", "contrastGradientTiled", "ntXentCombine"] as const;
  return checkOf(used, text, tiledNtXentSubject(tiles), () => ({
    ...ntXentInputs(rows, dimension, temperature),
    cut: { blocks: [rows], panel: PANEL },
  }));
}

function tileText({ ROW_THREADS, COL_THREADS, ROWS, COLS, DEPTH }: WorkgroupTile): string {
  return `tiles of ${ROW_THREADS * ROWS} x ${COL_THREADS * COLS} x ${DEPTH}`;
}

interface TiledSetting {
  readonly tile?: WorkgroupTile;
  readonly dilation?: PerAxis;
  readonly type?: StoredType;
}

function convolution(
  [batch, height, width, inChannels]: readonly [number, number, number, number],
  outChannels: number,
  [kernelHeight, kernelWidth]: readonly [number, number],
  stride: PerAxis,
  padding: PerAxis,
  splits: number,
  { tile = smallTile, dilation, type }: TiledSetting = {},
): Check {
  const shape = { batch, height, width, inChannels, outChannels, kernelHeight, kernelWidth, stride, padding, dilation };
  return checkTiledConvolution(tile, shape, splits, type);
}

/**
 * Checks of the kernels with tiles in workgroup memory: all transpositions; convolutions whose channels fill rounds of DEPTH
 * terms, vectors of 4 or neither, forward and in both gradients; 1x1; windows of 1 to 7, strides 1 to 3; axes that differ, and
 * dilation, with phases that no tap reads; one row, one column, one image, one channel; splits that get no pixel; NT-Xent with more rows and dimensions than a tile.
 */
export const tiledChecks: readonly Check[] = [
  checkTiledMatmul(smallTile, { m: 13, n: 37, k: 19 }),
  checkTiledMatmul(smallTile, { m: 20, n: 36, k: 12 }),
  checkTiledMatmul(smallTile, { m: 37, n: 5, k: 67, transposeA: true }),
  checkTiledMatmul(smallTile, { m: 9, n: 13, k: 131, transposeB: true }),
  checkTiledMatmul(smallTile, { m: 36, n: 20, k: 28, transposeA: true, transposeB: true }),
  checkTiledMatmul(manyThreads, { m: 50, n: 21, k: 13 }),
  checkTiledMatmul(smallTile, { m: 1, n: 37, k: 5 }),
  checkTiledMatmul(smallTile, { m: 41, n: 1, k: 1 }),
  convolution([2, 7, 5, 3], 5, [3, 3], 1, 1, 3),
  convolution([1, 6, 8, 8], 16, [3, 3], 2, 1, 2),
  convolution([2, 5, 7, 12], 20, [3, 3], 2, 1, 1, { tile: { ...smallTile, DEPTH: 8 } }),
  convolution([2, 13, 11, 3], 5, [7, 7], 2, 3, 4),
  convolution([3, 8, 10, 3], 2, [3, 5], 3, 2, 5),
  convolution([1, 3, 5, 70], 67, [1, 1], 1, 0, 3),
  convolution([2, 5, 3, 8], 12, [1, 1], 1, 0, 2),
  convolution([1, 6, 7, 1], 1, [1, 1], 2, 0, 14),
  convolution([1, 9, 8, 8], 16, [3, 2], [2, 1], [1, 2], 2),
  convolution([2, 9, 8, 3], 5, [3, 3], [1, 2], 2, 3, { dilation: [3, 2] }),
  convolution([1, 7, 8, 8], 12, [2, 3], 2, [1, 2], 2, { dilation: [1, 2] }),
  checkTiledNtXent(smallContrastTiles, 4, 3, 0.5),
  checkTiledNtXent(smallContrastTiles, 66, 21, 0.2),
  checkTiledNtXent(smallContrastTiles, 68, 20, 0.05),
];

/** With f16, products in vectors of 4 and not, and convolutions: channels in vectors of 4, some of them, and none; an odd number of elements. */
export const halfTiledChecks: readonly Check[] = [
  checkTiledMatmul(smallTile, { m: 20, n: 36, k: 12 }, "f16"),
  checkTiledMatmul(smallTile, { m: 9, n: 13, k: 31, transposeB: true }, "f16"),
  convolution([1, 7, 5, 3], 5, [3, 3], 1, 1, 3, { type: "f16" }),
  convolution([1, 6, 8, 8], 16, [3, 3], 2, 1, 2, { type: "f16" }),
  convolution([3, 8, 10, 4], 2, [3, 5], 3, 2, 5, { type: "f16" }),
  convolution([2, 5, 3, 8], 12, [1, 1], 1, 0, 2, { type: "f16" }),
];
