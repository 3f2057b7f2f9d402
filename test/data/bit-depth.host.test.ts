import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openImages } from "../../src/data/open-images.js";
import { ConfigError } from "../../src/errors.js";
import { pixelsOf, rejects } from "./expect.js";
import { inTemporaryFolder, jpegs, writeFiles } from "./make-files.js";

const test = suite("images of 16 bits that hold fewer");

/** A PNG or TIFF of 16 bits, 4 x 4 pixels of one value a channel each; the fourth is alpha. */
async function deep(format: "png" | "tiff", values: readonly number[]): Promise<Uint8Array> {
  const { default: sharp } = await import("sharp");
  const channels = values.length === 4 ? 4 : values.length === 3 ? 3 : 1;
  const pixels = Uint16Array.from({ length: 16 * channels }, (_, i) => values[i % channels]);
  const image = sharp(pixels, { raw: { width: 4, height: 4, channels } });
  const whole = image.toColourspace(channels === 1 ? "grey16" : "rgb16");
  return format === "png" ? whole.png().toBuffer() : whole.tiff({ compression: "none" }).toBuffer();
}

async function firstPixels(path: string, bitDepth?: number): Promise<number[][]> {
  const { train } = await openImages(path, { bitDepth });
  const pixels = await pixelsOf(train);
  return Array.from({ length: train.length }, (_, i) => [...pixels.subarray(64 * i, 64 * i + 4)]);
}

test("12 bits become bytes as 12 bits, of all images alike, where that is said; dark ones are noticed where it is not", () =>
  inTemporaryFolder(async (folder) => {
    await writeFiles(folder, {
      "a.png": await deep("png", [4095]),
      "b.png": await deep("png", [2048, 0, 1024]),
      "c.png": await deep("png", [2048, 0, 1024, 65535]),
      "d.png": await deep("png", [0, 0, 0, 0]),
    });
    assert.equal(await firstPixels(folder, 12), [
      [255, 255, 255, 255],
      [128, 0, 64, 255],
      [128, 0, 64, 255],
      [255, 255, 255, 255],
    ]);
    assert.equal((await openImages(folder, { bitDepth: 12 })).notes, [
      "images of 16 bits are read as 12 bits: 4,095 is white",
    ]);
    assert.equal((await firstPixels(folder))[0], [15, 15, 15, 255]);
    const [note] = (await openImages(folder)).notes ?? [];
    assert.match(
      note,
      /^dark: 4 images of 16 bits that were looked at have no value above 4,095 of 65,535; .*--bit-depth 12\)$/,
    );
  }));

test("10 bits are told from 12, and whole 16 bits and other images say nothing", () =>
  inTemporaryFolder(async (folder) => {
    await writeFiles(folder, {
      "ten/a.png": await deep("png", [1000]),
      "whole/a.png": await deep("png", [60_000, 3, 3]),
    });
    assert.match(
      (await openImages(`${folder}/ten`)).notes?.join() ?? "",
      /1 image .* was looked at has no value above 1,000 .*--bit-depth 10/,
    );
    assert.equal((await openImages(`${folder}/whole`)).notes, []);
    await writeFiles(`${folder}/eight`, await jpegs("", 2));
    assert.equal((await openImages(`${folder}/eight`)).notes, []);
    assert.equal(await firstPixels(`${folder}/whole`, 16), await firstPixels(`${folder}/whole`));
  }));

test("images of 8 bits stay as they are beside them, and so does alpha", () =>
  inTemporaryFolder(async (folder) => {
    const { default: sharp } = await import("sharp");
    const eight = sharp({ create: { width: 4, height: 4, channels: 3, background: { r: 7, g: 8, b: 9 } } });
    await writeFiles(folder, {
      "a.png": await eight.png().toBuffer(),
      "b.png": await deep("png", [1023, 0, 0, 32768]),
    });
    assert.equal(await firstPixels(folder, 10), [
      [7, 8, 9, 255],
      [255, 127, 127, 255],
    ]);
  }));

test("what is kept of decoded images is of its bits", () =>
  inTemporaryFolder(async (folder) => {
    await writeFiles(folder, { "photos/a.png": await deep("png", [1023]) });
    const firstByte = async (bitDepth?: number) => {
      const { train } = await openImages(`${folder}/photos`, { bitDepth, cache: { folder: `${folder}/cache` } });
      return (await pixelsOf(train))[0];
    };
    // Of 16 bits, libvips takes the upper 8: 1023 * 65535 / 4095 is 63 * 256 and some.
    assert.equal([await firstByte(), await firstByte(10), await firstByte(12), await firstByte()], [3, 255, 63, 3]);
  }));

test("TIFF files of 16 bits are read alike", () =>
  inTemporaryFolder(async (folder) => {
    await writeFiles(folder, { "a.tif": await deep("tiff", [2048]) });
    const { default: sharp } = await import("sharp");
    assert.is((await sharp(`${folder}/a.tif`).metadata()).depth, "ushort");
    assert.equal(await firstPixels(folder, 12), [[128, 128, 128, 255]]);
  }));

test("values beyond the bits, and bits out of range, are refused", () =>
  inTemporaryFolder(async (folder) => {
    await writeFiles(folder, { "a.png": await deep("png", [4096]) });
    await rejects(
      openImages(folder, { bitDepth: 12 }),
      ConfigError,
      /a\.png has the value 4096, and 12 bits end at 4095/,
      /--bit-depth/,
    );
    for (const bitDepth of [7, 17, 12.5, Number.NaN]) {
      await rejects(openImages(folder, { bitDepth }), ConfigError, /bitDepth is .*from 8 to 16/);
    }
  }));

test.run();
