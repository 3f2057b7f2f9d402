import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  byEstimate,
  contrastGradientTiles,
  contrastTiles,
  convolutionTiles,
  estimatedTime,
  type GpuVariant,
  matmulTiles,
  weightGradientTiles,
} from "../../src/ops/gpu-tiles.js";

const tiles = suite("tiles in workgroup memory");

const lists: Readonly<Record<string, readonly GpuVariant<unknown>[]>> = {
  matmulTiles,
  convolutionTiles,
  weightGradientTiles,
  contrastTiles,
  contrastGradientTiles,
};

for (const [name, variants] of Object.entries(lists)) {
  tiles(`${name} fit WebGPU's default limits, and have names of their own`, () => {
    for (const { name: variant, threads, workgroupBytes } of variants) {
      assert.ok(threads <= 256, variant);
      assert.ok(workgroupBytes <= 16384, `${variant}: ${workgroupBytes} bytes`);
    }
    assert.is(new Set(variants.map((variant) => variant.name)).size, variants.length);
  });

  tiles(`${name} keep what the kernels ask of a tile`, () => {
    for (const { name: variant, tile, threads } of variants) {
      assert.is(threads, tile.ROW_THREADS * tile.COL_THREADS);
      assert.is(tile.COLS % 4, 0, variant);
      assert.is(tile.DEPTH % 4, 0, variant);
      assert.is(threads % (tile.DEPTH / 4), 0, variant);
    }
  });
}

tiles("the weight gradient's are loaded whole by all threads", () => {
  for (const { name, tile, threads } of weightGradientTiles) {
    for (const vectors of [(tile.ROW_THREADS * tile.ROWS) / 4, (tile.COL_THREADS * tile.COLS) / 4]) {
      assert.is(tile.ROWS % 4, 0, name);
      assert.is(threads % vectors, 0, name);
      assert.is((tile.DEPTH * vectors) % threads, 0, name);
    }
  }
});

const best = (rows: number, inner: number, cols: number, vendor = "") =>
  byEstimate(convolutionTiles, { rows, inner, cols }, vendor)[0].tile;

tiles("the default is as wide as there are columns, and small where a large one leaves compute units idle", () => {
  assert.is(best(262144, 576, 64).COL_THREADS * 8, 64);
  assert.is(best(65536, 1152, 128).COL_THREADS * 8, 128);
  const few = best(512, 4608, 128);
  assert.ok(few.ROW_THREADS * few.ROWS * few.COL_THREADS * few.COLS < 128 * 128);
});

tiles("the default is what was measured to be fast, where something was measured", () => {
  const { COL_THREADS, ROWS, COLS, DEPTH } = best(262144, 576, 64, "nvidia");
  assert.equal([COL_THREADS * COLS, ROWS, COLS, DEPTH], [64, 8, 4, 16]);
  for (const variants of [convolutionTiles, weightGradientTiles]) {
    assert.ok(variants.every(({ nvidiaRate = 0 }) => nvidiaRate > 0 && nvidiaRate < 1));
  }
});

tiles("the estimate grows with the terms, and with rounds of workgroups", () => {
  const [square] = convolutionTiles;
  const time = (rows: number, inner: number) => estimatedTime(square, { rows, inner, cols: 128 }, "");
  assert.is(time(8192, 512), 2 * time(8192, 256));
  assert.is(time(2 * 8192, 256), 2 * time(8192, 256));
  // 64 workgroups at once, and one more.
  assert.is(time(8193, 256), 2 * time(8192, 256));
});

tiles.run();
