import * as kernels from "../../kernels/generated.js";
import type { Device } from "../engine/device.js";
import { sumSplits } from "../ops/column-sums.js";
import { type MatrixTile, matrixTileExtents, matrixTiles } from "../ops/matrix-tiles.js";
import { type Conv2dShape, conv2dForward, conv2dInputGradient, conv2dWeightGradient } from "../reference/conv2d.js";
import { type MatmulShape, matmulBackward, matmulForward } from "../reference/matmul.js";
import { type Check, checkOf, evaluate, type Outputs, type Subject } from "./check.js";
import {
  type ConvolutionInputs,
  convolutionInputs,
  convolutionSubject,
  convolutionText,
} from "./convolution-checks.js";
import { type MatmulInputs, matmulSubject } from "./matmul-checks.js";
import { randomInputs } from "./random-inputs.js";
import { relativeError, type StoredType, sizes, stored, typeText } from "./rounding.js";
import { convolutionConstants, type Product, productOutputs } from "./tiled-checks.js";

/** The products of a matrix, by name. */
type Values = Readonly<Record<string, Float64Array>>;

/**
 * Tolerances of sums of products with so many terms each. What operands lose when they are rounded to f16 comes on top, and matrix
 * units may cut sums off where others round them: twice the error.
 */
function tolerances(
  { ROUNDED, UNITS }: MatrixTile,
  values: (size: (of: Float64Array) => Float64Array) => Values,
  terms: Readonly<Record<string, number>>,
): Outputs {
  const exact = values((of) => sizes(of, false));
  const most = values((of) => sizes(of, ROUNDED));
  return Object.fromEntries(
    Object.entries(most).map(([name, sums]) => {
      const share = relativeError((UNITS ? 2 : 1) * (terms[name] + 1));
      return [name, sums.map((sum, i) => sum - exact[name][i] + share * sum)];
    }),
  );
}

/** What f16 does to results that are stored in it. */
function onceStored(
  outputs: Outputs,
  values: Outputs,
  type: StoredType | undefined,
  names: readonly string[],
): Outputs {
  return Object.fromEntries(
    Object.entries(outputs).map(([name, tolerance]) => [
      name,
      names.includes(name) ? stored(tolerance, values[name], type) : tolerance,
    ]),
  );
}

/** The outputs c, da and db of `matmulSubject`, by the kernel for matrix units; f16 tensors give f16. */
function matrixMatmulSubject(tile: MatrixTile, type?: StoredType): Subject<MatmulInputs> {
  return {
    ...matmulSubject,
    compute: (device, inputs) =>
      evaluate(device, (tape, input) => {
        const VECTOR = [inputs.m, inputs.n, inputs.k].every((extent) => extent % 4 === 0) ? 4 : 1;
        const product: Product = (tape, [a, TRANSPOSE_A], [b, TRANSPOSE_B], [rows, inner, cols]) => {
          const y = tape.tensor([rows, cols], "product", type);
          const constants = { ...tile, VECTOR, TRANSPOSE_A, TRANSPOSE_B };
          tape.launch(kernels.matmulMatrix, { a, b, y }, { rows, inner, cols }, constants);
          return y;
        };
        return productOutputs(tape, input, inputs, product, type);
      }),
    tolerance: (inputs) => {
      const { a, b, dc, m, n, k } = inputs;
      const all = (size: (of: Float64Array) => Float64Array): Values => {
        const { da, db } = matmulBackward(size(a), size(b), size(dc), inputs);
        return { c: matmulForward(size(a), size(b), inputs), da, db };
      };
      const outputs = tolerances(tile, all, { c: k, da: n, db: m });
      return onceStored(outputs, matmulSubject.reference(inputs, {}), type, ["c", "da", "db"]);
    },
  };
}

/** The outputs of `convolutionSubject`, by the kernels for matrix units. */
function matrixConvolutionSubject(tile: MatrixTile, splits: number): Subject<ConvolutionInputs> {
  return {
    ...convolutionSubject,
    compute: (device, inputs) =>
      evaluate(device, (tape, input) => {
        const { batch, height, width, inChannels, outChannels, kernelHeight, kernelWidth, type } = inputs;
        const { out, forward, backward } = convolutionConstants(inputs);
        const x = input(inputs.x, [batch, height, width, inChannels], type);
        const weight = input(inputs.weight, [kernelHeight, kernelWidth, inChannels, outChannels], type);
        const dy = input(inputs.dy, [batch, out.height, out.width, outChannels], type);
        const y = tape.tensor(dy.shape, "y", type);
        const dx = tape.tensor(x.shape, "dx", type);
        const parts = tape.tensor([splits, weight.size], "parts");
        tape.launch(kernels.conv2dMatrix, { x, weight, y }, { batch }, { ...tile, ...forward });
        tape.launch(kernels.conv2dMatrix, { x: dy, weight, y: dx }, { batch }, { ...tile, ...backward });
        tape.launch(kernels.conv2dWeightGradientMatrix, { x, dy, parts }, { batch, splits }, { ...tile, ...forward });
        return { y, dx, dWeight: sumSplits(tape, tape.device, parts, weight.shape, "dWeight") };
      }),
    tolerance: (inputs) => {
      const { x, weight, dy, batch, inChannels, outChannels, kernelHeight, kernelWidth, type } = inputs;
      const { out } = convolutionConstants(inputs);
      const taps = kernelHeight * kernelWidth;
      const all = (size: (of: Float64Array) => Float64Array): Values => ({
        y: conv2dForward(size(x), size(weight), inputs),
        dx: conv2dInputGradient(size(weight), size(dy), inputs),
        dWeight: conv2dWeightGradient(size(x), size(dy), inputs),
      });
      const terms = { y: taps * inChannels, dx: taps * outChannels, dWeight: batch * out.height * out.width };
      return onceStored(tolerances(tile, all, terms), convolutionSubject.reference(inputs, {}), type, ["y", "dx"]);
    },
  };
}

function tileText(tile: MatrixTile): string {
  const { UNIT_ROWS, UNIT_COLS, UNIT_TERMS, ROUNDED, UNITS } = tile;
  const units = `${UNITS ? "" : "emulated "}fragments of ${UNIT_ROWS} x ${UNIT_COLS} x ${UNIT_TERMS}`;
  return `tiles of ${matrixTileExtents(tile).join(" x ")} x ${tile.DEPTH}, ${units} ${ROUNDED ? "f16" : "f32"}`;
}

/** A check of the matrix product for matrix units and both of its gradients. */
export function checkMatrixMatmul(tile: MatrixTile, shape: MatmulShape, type?: StoredType): Check {
  const { m, n, k, transposeA, transposeB } = shape;
  const flip = (transposed?: boolean) => (transposed ? " transposed" : "");
  const text = `${m} x ${k}${flip(transposeA)} by ${k} x ${n}${flip(transposeB)}, and gradients, ${tileText(tile)}${typeText(type)}`;
  return checkOf(["matmulMatrix"], text, matrixMatmulSubject(tile, type), () => {
    const random = randomInputs(2, type);
    return { ...shape, a: random.normal(m * k), b: random.normal(k * n), dc: random.normal(m * n) };
  });
}

/** A check of the convolution for matrix units and both of its gradients, that of the weights in so many splits. */
export function checkMatrixConvolution(tile: MatrixTile, shape: Conv2dShape, splits: number, type?: StoredType): Check {
  return checkOf(
    ["conv2dMatrix", "conv2dWeightGradientMatrix", "sumSplits"],
    `${convolutionText(shape)}, and gradients, ${tileText(tile)}${typeText(type)}`,
    matrixConvolutionSubject(tile, splits),
    () => ({ ...shape, type, ...convolutionInputs(shape, randomInputs(3, type)) }),
  );
}

/** Small, so that shapes of a few rows fill several tiles; its extents tell rows, columns and terms apart. */
export const smallMatrixTile: MatrixTile = {
  ...{ UNIT_ROWS: 4, UNIT_COLS: 8, UNIT_TERMS: 4, LANES: 8 },
  ...{ ROW_SUBGROUPS: 2, COL_SUBGROUPS: 1, ROWS: 1, COLS: 1, DEPTH: 4 },
  ...{ ROUNDED: true, UNITS: false, PINNED: false },
};

const WINDOW = { kernelHeight: 3, kernelWidth: 3, stride: 1, padding: 1 } as const;
const POINT = { kernelHeight: 1, kernelWidth: 1, stride: 1, padding: 0 } as const;

/** Checks of the kernels for matrix units with emulated fragments of f16, for devices without such units. */
export const emulatedMatrixChecks: readonly Check[] = [
  checkMatrixMatmul(smallMatrixTile, { m: 13, n: 21, k: 19 }, "f16"),
  checkMatrixConvolution(
    smallMatrixTile,
    { ...{ batch: 1, height: 6, width: 8, inChannels: 8, outChannels: 12 }, ...WINDOW, stride: 2 },
    2,
    "f16",
  ),
];

/** Checks of all tiles of a device that has matrix units: more rows, columns and terms than any of them, and no multiple of any. */
export function matrixUnitChecks(device: Device): readonly Check[] {
  const types = device.has("shader-f16") ? (["f32", "f16"] as const) : (["f32"] as const);
  return types.flatMap((type) =>
    matrixTiles(device, type).flatMap((tile) => [
      checkMatrixMatmul(tile, { m: 276, n: 140, k: 76 }, type),
      checkMatrixMatmul(tile, { m: 131, n: 133, k: 35, transposeA: true, transposeB: true }, type),
      ...[
        { ...WINDOW, batch: 14, height: 9, width: 7, inChannels: 68, outChannels: 132, stride: 2 },
        { ...WINDOW, batch: 3, height: 9, width: 11, inChannels: 3, outChannels: 64 },
        { ...WINDOW, batch: 5, height: 4, width: 4, inChannels: 128, outChannels: 128 },
        { ...POINT, batch: 5, height: 6, width: 7, inChannels: 64, outChannels: 37 },
      ].map((shape) => checkMatrixConvolution(tile, shape, 3, type)),
    ]),
  );
}
