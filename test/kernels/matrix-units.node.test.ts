import { suite } from "uvu";
import * as assert from "uvu/assert";
import * as roofline from "../../bench/roofline/generated.js";
import type { KernelDefinition } from "../../kernels/definition.js";
import * as kernels from "../../kernels/generated.js";
import type { Device } from "../../src/engine/device.js";
import { type ConstantValues, specialize } from "../../src/engine/pipelines.js";
import { type MatrixTile, matrixTileBytes, matrixTileName, matrixTiles } from "../../src/ops/matrix-tiles.js";
import { configurations, nullDevice } from "../lib/null-device.js";

const compile = suite("kernels for matrix units, as Dawn compiles them without a GPU");

const devices = {
  f16: await nullDevice([configurations.f16]),
  f32: await nullDevice([configurations.f32]),
};

/** What Dawn says of a module and of its pipeline, where its tiles are within the null backend's limits; nothing is as it is to be. */
async function complaints({ gpu }: Device, kernel: KernelDefinition, constants: ConstantValues, tile: MatrixTile) {
  gpu.pushErrorScope("validation");
  const module = gpu.createShaderModule({ code: specialize(kernel, constants) });
  if (matrixTileBytes(tile) <= gpu.limits.maxComputeWorkgroupStorageSize)
    gpu.createComputePipeline({ layout: "auto", compute: { module, entryPoint: "main" } });
  const error = await gpu.popErrorScope();
  const { messages } = await module.getCompilationInfo();
  return [...messages.map(({ message }) => message), ...(error ? [error.message] : [])].join("\n");
}

const directions: readonly (readonly [KernelDefinition, ConstantValues])[] = [
  ...[false, true].flatMap((TRANSPOSE_A) =>
    [false, true].map((TRANSPOSE_B) => [kernels.matmulMatrix, { TRANSPOSE_A, TRANSPOSE_B }] as const),
  ),
  [kernels.conv2dMatrix, {}],
  [kernels.conv2dMatrix, { IN_CHANNELS: 3, VECTOR: 1 }],
  [kernels.conv2dMatrix, { TRANSPOSED: true, PHASES_Y: 2, PHASES_X: 2, STRIDE_Y: 2, STRIDE_X: 2 }],
  [kernels.conv2dMatrix, { IN_CHANNELS: 128, OUT_CHANNELS: 128, TRANSPOSED: true }],
  [kernels.conv2dWeightGradientMatrix, {}],
  [kernels.conv2dWeightGradientMatrix, { IN_CHANNELS: 3, VECTOR: 1 }],
  [roofline.matrix, {}],
];

const forms = [{ VECTOR: 4 }, { VECTOR: 1, HALF: true }, { VECTOR: 4, HALF: true, PINNED: true }];

for (const type of ["f16", "f32"] as const) {
  for (const [i, tile] of matrixTiles(devices[type], type).entries()) {
    compile(`${type} ${matrixTileName(tile)}`, async () => {
      for (const [kernel, constants] of directions) {
        // What forms change does not depend on the tile.
        for (const form of i === 0 ? forms : [{ VECTOR: 4, HALF: true }]) {
          const all = { ...tile, ...form, ...constants };
          assert.is(await complaints(devices[type], kernel, all, tile), "", `${kernel.name} ${JSON.stringify(all)}`);
        }
      }
    });
  }
}

compile("a mistake in one would be seen", async () => {
  const [tile] = matrixTiles(devices.f16, "f16");
  const { matmulMatrix } = kernels;
  // Without f16, there is no such type.
  const wrong = { ...matmulMatrix, source: matmulMatrix.source.replace("alias Operand = f32; //#rounded", "") };
  assert.match(await complaints(devices.f16, wrong, { ...tile, ROUNDED: false }, tile), /f16/);
});

compile.run();
