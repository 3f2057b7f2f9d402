import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { ImageSize } from "../../src/data/dataset.js";
import { loadDecoder } from "../../src/data/decode.js";
import { fitSquare } from "../../src/data/resize.js";
import { scene } from "./make-files.js";

const resize = suite("resizing without a library");

/** How far colours are from each other: the mean over all bytes but alpha, and the most. */
function distance(some: Uint8Array, others: Uint8Array): { mean: number; most: number } {
  assert.is(some.length, others.length);
  let [sum, most] = [0, 0];
  for (let i = 0; i < some.length; i++) {
    const difference = Math.abs(some[i] - others[i]);
    sum += difference;
    most = Math.max(most, difference);
  }
  return { mean: sum / ((some.length * 3) / 4), most };
}

const decoder = await loadDecoder();

/** RGBA bytes as a file, and what a decoder makes of it. */
async function encoded(rgba: Uint8Array, { width, height }: ImageSize, format: "jpeg" | "png") {
  const { default: sharp } = await import("sharp");
  const file = await sharp(rgba, { raw: { width, height, channels: 4 } })
    .toFormat(format, { quality: 90 })
    .toBuffer();
  return { file, data: new Uint8Array(await sharp(file).ensureAlpha().raw().toBuffer()) };
}

for (const format of ["png", "jpeg"] as const) {
  resize(`gives what openImages gives of a ${format}, but for roundings`, async () => {
    for (const [width, height] of [
      [150, 101],
      [97, 223],
      [320, 240],
    ]) {
      const { file, data } = await encoded(scene(width, height), { width, height }, format);
      for (const side of [5, 31, 64, 101, 160]) {
        const expected = await decoder.decode(file, { width: side, height: side });
        const { mean, most } = distance(fitSquare({ data, width, height }, side, format === "jpeg"), expected);
        const what = `${width} x ${height} at ${side}: off by ${mean} on average, by ${most} at most`;
        // libvips rounds each of its steps to bytes, and libjpeg decodes to a smaller size in its own way. With another filter, or the
        // same one a part of a pixel further on, one of these is off by more.
        assert.ok(mean <= 2 && most <= 20, what);
        if (side === Math.min(width, height)) assert.is(most, 0, what);
      }
    }
  });
}

resize("lays what is transparent on white", async () => {
  const [width, height] = [120, 90];
  const { file, data } = await encoded(scene(width, height, false), { width, height }, "png");
  assert.ok(new Set(data.filter((_, i) => i % 4 === 3)).size > 100);
  for (const side of [20, 64, 90, 120]) {
    const resized = fitSquare({ data, width, height }, side);
    assert.ok(resized.every((byte, i) => i % 4 !== 3 || byte === 255));
    const { mean, most } = distance(resized, await decoder.decode(file, { width: side, height: side }));
    assert.ok(mean <= 2 && most <= 20, `at ${side}: off by ${mean} on average, by ${most} at most`);
  }
  const clear = fitSquare({ data: new Uint8ClampedArray(4 * 6 * 5), width: 6, height: 5 }, 2);
  assert.equal([...clear], Array(16).fill(255));
});

resize("takes the middle of a longer side", () => {
  // One column of each colour: of 6, the two in the middle are 2 and 3.
  const data = Uint8Array.from({ length: 6 * 2 * 4 }, (_, i) => (i % 4 === 3 ? 255 : 10 * (Math.floor(i / 4) % 6)));
  const reds = (image: Uint8Array) => [...image.filter((_, i) => i % 4 === 0)];
  assert.equal(reds(fitSquare({ data, width: 6, height: 2 }, 2)), [20, 30, 20, 30]);
  const turned = Uint8Array.from({ length: 12 * 4 }, (_, i) => (i % 4 === 3 ? 255 : 10 * Math.floor(i / 8)));
  assert.equal(reds(fitSquare({ data: turned, width: 2, height: 6 }, 2)), [20, 20, 30, 30]);
});

resize.run();
