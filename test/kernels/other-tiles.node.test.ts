import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type KernelName, passes } from "../../src/doctor/check.js";
import { checksFor } from "../../src/doctor/checks.js";
import { Device } from "../../src/engine/device.js";
import { testDevice } from "../lib/device.js";

const otherTiles = suite("tiles for the other kind of adapter");

/** The kernels that are cut up in one way for GPUs and in another for software adapters (src/ops/tiles.ts). */
const tiled: readonly KernelName[] = [
  "matmul",
  "conv2d",
  "conv2dWeightGradient",
  "columnSums",
  "sumSplits",
  "batchNormStatistics",
  "batchNormCombine",
  "batchNorm",
  "batchNormGradientSums",
  "batchNormGradientCombine",
  "batchNormGradient",
  "groupNormStatistics",
  "groupNorm",
  "groupNormGradientSums",
  "groupNormGradient",
  "weightStandardization",
  "weightStandardizationGradient",
  "layerNorm",
  "layerNormGradient",
  "layerNormGradientSums",
  "rowReduction",
  "rowReductionGradient",
  "softmax",
  "softmaxGradient",
  "scatterAddRows",
  "batchedMatmul",
  "attention",
  "attentionQueryGradient",
  "attentionKeyGradient",
  "normalizeRows",
  "normalizeRowsGradient",
  "inverseNorms",
  "contrastStatistics",
  "contrastPartials",
  "contrastGradient",
  "contrastEmbeddingGradient",
];

const { gpu, adapter } = await testDevice();
const device = new Device(gpu, { ...adapter, software: !adapter.software });

// The first shape of the same kernels: each compiles pipelines of its own, and on a GPU `doctor` runs all.
const checked = new Set<string>();
for (const check of checksFor(device)) {
  // What comes with tiles of its own is the same on every adapter.
  const [first] = check.kernels;
  if (/Tiled$|Matrix$/.test(first) || !check.kernels.some((name) => tiled.includes(name))) continue;
  const same = `${check.kernels.join()} ${check.shape.includes("f16")}`;
  if (checked.has(same)) continue;
  checked.add(same);
  // A minute of compiling, with no part that "all relations" has not.
  if (check.shape.startsWith("views:")) continue;
  otherTiles(`${check.kernels.join(", ")}: ${check.shape}`, async () => {
    const deviation = await check.run(device);
    assert.ok(passes(deviation), `off by ${deviation.error}, and rounding allows ${deviation.tolerance}`);
  });
}

otherTiles.run();
