import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Dataset } from "../../src/data/dataset.js";
import { joined } from "../../src/data/joined.js";
import { openImages } from "../../src/data/open-images.js";
import { originalsOf, sizeWithin } from "../../src/data/originals.js";
import { subset } from "../../src/data/views.js";
import { ConfigError, DataError } from "../../src/errors.js";
import { rejects, sameBytes } from "./expect.js";
import { encode, inTemporaryFolder, picture, tar, toRgba, writeFiles } from "./make-files.js";

const test = suite("originals, which views are cut from");

/** Images as views see them: height, width and pixels of each. */
async function seen(dataset: Dataset, indices = Array.from({ length: dataset.length }, (_, i) => i), spare = 0) {
  const originals = originalsOf(dataset);
  const room = 4 * originals.pixels + spare;
  const [out, sizes] = [new Uint8Array(indices.length * room), new Uint32Array(2 * indices.length)];
  await originals.fetch(indices, out, sizes);
  return indices.map((_, i) => {
    const [height, width] = sizes.subarray(2 * i);
    return { height, width, pixels: out.subarray(i * room, i * room + 4 * width * height) };
  });
}

test("are as large as the pixels allow, of the same proportions, and never larger than they are", () => {
  assert.equal(sizeWithin({ width: 400, height: 300 }, 120000), { width: 400, height: 300 });
  assert.equal(sizeWithin({ width: 400, height: 300 }, 30000), { width: 200, height: 150 });
  assert.equal(sizeWithin({ width: 3, height: 5 }, 1), { width: 1, height: 1 });
  for (const [width, height] of [
    [1, 100000],
    [100000, 1],
    [4000, 3000],
    [3001, 4003],
    [7, 6],
  ]) {
    for (const pixels of [1, 2, 40, 12800, 627200]) {
      const size = sizeWithin({ width, height }, pixels);
      assert.ok(size.width >= 1 && size.height >= 1 && size.width * size.height <= pixels);
      if (width * height > pixels && Math.min(size.width, size.height) > 20) {
        assert.ok(size.width * size.height > 0.95 * pixels, `${size.width} x ${size.height} of ${pixels} pixels`);
        assert.ok(Math.abs((size.width / size.height / width) * height - 1) < 0.05);
      }
    }
  }
});

/** A lossless file, and the pixels in it. */
async function lossless(width: number, height: number, seed: number) {
  const rgb = picture(width, height, seed);
  return { file: await encode("png", rgb, width, height), rgba: toRgba(rgb), width, height };
}

test("are whole, while the images of the set are cut to its size; small ones are as they are", () =>
  inTemporaryFolder(async (folder) => {
    const [wide, tall, same, tiny] = [
      await lossless(30, 20, 1),
      await lossless(11, 50, 2),
      await lossless(8, 8, 3),
      await lossless(5, 3, 4),
    ];
    await writeFiles(folder, { "1.png": wide.file, "2.png": tall.file, "3.png": same.file, "4.png": tiny.file });
    const { train } = await openImages(folder, { imageSize: 8, smallestCrop: 0.1 });
    assert.is(originalsOf(train).pixels, 600);
    const [first, second, ...rest] = await seen(train, undefined, 12);
    assert.equal([first.width, first.height, second.width, second.height], [30, 20, 11, 50]);
    sameBytes(first.pixels, wide.rgba);
    sameBytes(second.pixels, tall.rgba);
    for (const [i, { rgba, width, height }] of [same, tiny].entries()) {
      assert.equal([rest[i].width, rest[i].height], [width, height]);
      sameBytes(rest[i].pixels, rgba);
    }
    // What is evaluated does not depend on them.
    const plain = (await openImages(folder, { imageSize: 8 })).train;
    assert.is(plain.originals, undefined);
    const [ours, theirs] = [new Uint8Array(4 * 256), new Uint8Array(4 * 256)];
    await train.fetch([0, 1, 2, 3], ours);
    await plain.fetch([0, 1, 2, 3], theirs);
    sameBytes(ours, theirs);
  }));

test("of more pixels are shrunk as a whole", () =>
  inTemporaryFolder(async (folder) => {
    const { default: sharp } = await import("sharp");
    const { file } = await lossless(60, 40, 1);
    await writeFiles(folder, { "a.png": file, "b.png": file });
    const { train } = await openImages(folder, { imageSize: 8, smallestCrop: 0.25 });
    const size = sizeWithin({ width: 60, height: 40 }, 256);
    const [first] = await seen(train);
    assert.equal([first.width, first.height], [size.width, size.height]);
    const expected = await sharp(file)
      .resize({ ...size, fit: "fill" })
      .ensureAlpha()
      .raw()
      .toBuffer();
    sameBytes(first.pixels, expected);
  }));

test("go with the images into parts and joined sets, in any order, beside sets without", () =>
  inTemporaryFolder(async (folder) => {
    const images = [await lossless(30, 20, 1), await lossless(9, 14, 2), await lossless(16, 16, 3)];
    await writeFiles(folder, Object.fromEntries(images.map(({ file }, i) => [`large/${i}.png`, file])));
    const small = await lossless(8, 8, 5);
    await writeFiles(folder, { "small/0.png": small.file });
    const large = (await openImages(`${folder}/large`, { imageSize: 8, smallestCrop: 0.1 })).train;
    const plain = (await openImages(`${folder}/small`, { imageSize: 8, smallestCrop: 0.1 })).train;
    assert.is(plain.originals, undefined);
    const part = subset(large, [2, 0]);
    const both = joined(plain, part);
    const all = await seen(both, [2, 0, 1, 2]);
    for (const [i, { rgba, width }] of [images[0], small, images[2], images[0]].entries()) {
      assert.is(all[i].width, width);
      sameBytes(all[i].pixels, rgba);
    }
    assert.is(joined(plain, plain).originals, undefined);
    await rejects(originalsOf(both).fetch([3], new Uint8Array(4000), new Uint32Array(2)), DataError, /no image 3/);
    await rejects(
      originalsOf(part).fetch([0], new Uint8Array(16), new Uint32Array(2)),
      DataError,
      /2400 bytes or more/,
    );
  }));

test("are of the images to train on alone, labelled and unlabelled, and of archives too", () =>
  inTemporaryFolder(async (folder) => {
    const names = ["train/a/0.png", "train/b/1.png", "unlabeled/2.png", "test/a/3.png"];
    const entries = await Promise.all(
      names.map(async (name, i) => ({ name, content: (await lossless(20 + i, 16, i)).file })),
    );
    await writeFiles(folder, { "a.tar": await tar(entries) });
    const { train, test: held, unlabelled } = await openImages(`${folder}/a.tar`, { imageSize: 8, smallestCrop: 0.05 });
    assert.ok(train.originals && unlabelled?.originals);
    assert.is(held?.originals, undefined);
    assert.equal(
      (await seen(unlabelled)).map(({ width }) => width),
      [22],
    );
  }));

test("of a set that does not fit the memory are decoded again, and are the same", () =>
  inTemporaryFolder(async (folder) => {
    const { rm } = await import("node:fs/promises");
    const images = [await lossless(30, 20, 1), await lossless(9, 14, 2)];
    await writeFiles(folder, Object.fromEntries(images.map(({ file }, i) => [`${i}.png`, file])));
    const { train } = await openImages(folder, { imageSize: 8, smallestCrop: 0.1, memoryBudget: 1000 });
    for (const [i, { pixels }] of (await seen(train)).entries()) sameBytes(pixels, images[i].rgba);
    await rm(`${folder}/1.png`);
    await rejects(seen(train, [1]), DataError, /1\.png .* was readable when the set was opened and is not any more/);
    await writeFiles(folder, { "1.png": (await lossless(10, 14, 2)).file });
    await rejects(seen(train, [1]), DataError, /1\.png .* has changed since the set was opened/);
  }));

test("of a set in its authors' files are what these have", () =>
  inTemporaryFolder(async (folder) => {
    const image = (seed: number) => Uint8Array.from({ length: 3 * 96 * 96 }, (_, i) => (i * 31 * seed) % 251);
    const bytes = new Uint8Array(2 * 3 * 96 * 96);
    bytes.set(image(1));
    bytes.set(image(2), 3 * 96 * 96);
    await writeFiles(folder, { "unlabeled_X.bin": bytes });
    const path = `${folder}/unlabeled_X.bin`;
    const whole = new Uint8Array(4 * 96 * 96);
    await (await openImages(path)).train.fetch([1], whole);
    for (const memoryBudget of [2 ** 30, 1000]) {
      const { train } = await openImages(path, { imageSize: 32, smallestCrop: 0.08, memoryBudget });
      assert.equal([train.width, originalsOf(train).pixels], [32, 96 * 96]);
      const [{ width, pixels }] = await seen(train, [1]);
      assert.is(width, 96);
      sameBytes(pixels, whole);
      const shrunk = (await openImages(path, { imageSize: 32, smallestCrop: 0.5, memoryBudget })).train;
      assert.is(originalsOf(shrunk).pixels, 45 * 45);
    }
    assert.is((await openImages(path, { smallestCrop: 0.08 })).train.originals, undefined);
  }));

test("need a share", () =>
  inTemporaryFolder(async (folder) => {
    for (const smallestCrop of [0, -1, 1.5, Number.NaN])
      await rejects(openImages(folder, { smallestCrop }), ConfigError, "smallestCrop is", "above 0 up to 1");
  }));

test.run();
