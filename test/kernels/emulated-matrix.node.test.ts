import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Check, passes } from "../../src/doctor/check.js";
import { checkMatrixConvolution, checkMatrixMatmul, smallMatrixTile } from "../../src/doctor/matrix-checks.js";
import type { MatrixTile } from "../../src/ops/matrix-tiles.js";
import { testDevice } from "../lib/device.js";

const emulated = suite("kernels for matrix units, with emulated fragments");

const half = smallMatrixTile;
const single: MatrixTile = { ...half, ROUNDED: false };
/** Several subgroups and fragments both ways, steps of a round, and more lanes than vectors in a fragment. */
const several: MatrixTile = {
  ...{ UNIT_ROWS: 8, UNIT_COLS: 4, UNIT_TERMS: 4, LANES: 16 },
  ...{ ROW_SUBGROUPS: 2, COL_SUBGROUPS: 2, ROWS: 2, COLS: 2, DEPTH: 16 },
  ...{ ROUNDED: true, UNITS: false, PINNED: false },
};
const window = { kernelHeight: 3, kernelWidth: 3, stride: 1, padding: 1 } as const;
const point = { kernelHeight: 1, kernelWidth: 1, stride: 1, padding: 0 } as const;

/**
 * All transpositions, with vectors of four and without; one row and one term; convolutions whose channels fill rounds, vectors or
 * neither; the stem's 3 channels; 1 x 1; strides 1 to 3; axes that differ; dilation; small maps of many channels; splits that get no
 * pixel. Operands of f32, of f16, of f32 that are rounded, and of f16 that are multiplied in f32, as on GPUs that have that alone.
 */
const checks: readonly Check[] = [
  checkMatrixMatmul(single, { m: 13, n: 37, k: 19 }),
  checkMatrixMatmul(single, { m: 20, n: 36, k: 12 }),
  checkMatrixMatmul(single, { m: 37, n: 5, k: 35, transposeA: true }),
  checkMatrixMatmul(single, { m: 1, n: 17, k: 1 }),
  checkMatrixMatmul(half, { m: 13, n: 21, k: 19, transposeA: true, transposeB: true }),
  checkMatrixMatmul(several, { m: 36, n: 20, k: 28, transposeB: true }, "f16"),
  checkMatrixConvolution(single, { ...window, batch: 2, height: 7, width: 5, inChannels: 3, outChannels: 5 }, 3),
  checkMatrixConvolution(
    several,
    { ...window, batch: 1, height: 4, width: 4, inChannels: 48, outChannels: 36 },
    2,
    "f16",
  ),
  checkMatrixConvolution(single, { ...point, batch: 1, height: 6, width: 7, inChannels: 5, outChannels: 9 }, 14),
  checkMatrixConvolution(
    single,
    { ...point, batch: 1, height: 7, width: 8, inChannels: 8, outChannels: 12, stride: 2 },
    2,
    "f16",
  ),
  checkMatrixConvolution(
    half,
    {
      ...{ batch: 2, height: 9, width: 8, inChannels: 3, outChannels: 5, kernelHeight: 3, kernelWidth: 2 },
      ...{ stride: [1, 3], padding: [2, 1], dilation: [3, 2] },
    },
    2,
    "f16",
  ),
];

for (const check of checks) {
  emulated(`${check.kernels[0]}: ${check.shape}`, async () => {
    const deviation = await check.run(await testDevice());
    assert.ok(passes(deviation), `off by ${deviation.error}, and rounding allows ${deviation.tolerance}`);
  });
}

emulated.run();
