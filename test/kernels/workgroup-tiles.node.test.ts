import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Check, passes } from "../../src/doctor/check.js";
import { checkTiledConvolution, checkTiledMatmul, checkTiledNtXent } from "../../src/doctor/tiled-checks.js";
import {
  contrastGradientTiles,
  contrastTiles,
  convolutionTiles,
  matmulTiles,
  weightGradientTiles,
} from "../../src/ops/gpu-tiles.js";
import { testDevice } from "../lib/device.js";

const correct = suite("every tile for GPUs");

/** More rows and columns than the largest tile, and no multiple of any. */
const convolution = {
  ...{ batch: 3, height: 7, width: 7, inChannels: 68, outChannels: 132 },
  ...{ kernelHeight: 3, kernelWidth: 3, stride: 2, padding: 1 },
};
const checks: readonly Check[] = [
  ...matmulTiles.map(({ tile }) => checkTiledMatmul(tile, { m: 132, n: 136, k: 20 })),
  // The convolution and its weight gradient have the same tiles.
  ...convolutionTiles.map(({ tile }) => checkTiledConvolution(tile, convolution, 2)),
  ...contrastGradientTiles.map(({ tile: gradient }, i) => {
    const { tile: partials } = contrastTiles[Math.min(i, contrastTiles.length - 1)];
    return checkTiledNtXent({ partials, gradient }, 132, 36, 0.2);
  }),
];

correct("the convolution and its weight gradient have the same tiles", () => {
  assert.equal(
    weightGradientTiles.map(({ name }) => name),
    convolutionTiles.map(({ name }) => name),
  );
});

for (const check of checks) {
  correct(`${check.kernels[0]}: ${check.shape}`, async () => {
    const deviation = await check.run(await testDevice());
    assert.ok(passes(deviation), `off by ${deviation.error}, and rounding allows ${deviation.tolerance}`);
  });
}

correct.run();
