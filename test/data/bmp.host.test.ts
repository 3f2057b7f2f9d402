import { suite } from "uvu";
import * as assert from "uvu/assert";
import { decodeBmp } from "../../src/data/bmp.js";
import { openImages } from "../../src/data/open-images.js";
import { DataError } from "../../src/errors.js";
import { pixelsOf, rejects, throws } from "./expect.js";
import { inTemporaryFolder, jpegs, picture, toRgba, writeFiles } from "./make-files.js";

const test = suite("bitmaps");

/** What a BMP says of itself. */
interface Said {
  readonly width: number;
  /** Negative where the first row is the upper one. */
  readonly height: number;
  readonly bits: number;
  readonly compression?: number;
  /** Bytes of its header; 12 is that of OS/2. */
  readonly header?: number;
  readonly masks?: readonly number[];
  /** R, G, B each. */
  readonly palette?: readonly (readonly number[])[];
}

/** A BMP of rows as they are stored, each filled up to 4 bytes. */
function bmp(said: Said, rows: readonly (readonly number[])[]): Uint8Array {
  const { width, height, bits, compression = 0, header = 40, masks = [], palette = [] } = said;
  const colors = palette.flatMap(([r, g, b]) => (header === 12 ? [b, g, r] : [b, g, r, 0]));
  const behind = header === 40 ? 4 * masks.length : 0;
  const start = 14 + header + behind + colors.length;
  const data = rows.flatMap((row) => [...row, ...new Array<number>((4 - (row.length % 4)) % 4).fill(0xaa)]);
  const file = new Uint8Array(start + data.length);
  const view = new DataView(file.buffer);
  file.set([0x42, 0x4d]);
  view.setUint32(2, file.length, true);
  view.setUint32(10, start, true);
  view.setUint32(14, header, true);
  if (header === 12) {
    for (const [i, value] of [width, height, 1, bits].entries()) view.setUint16(18 + 2 * i, value, true);
  } else {
    view.setInt32(18, width, true);
    view.setInt32(22, height, true);
    view.setUint16(26, 1, true);
    view.setUint16(28, bits, true);
    view.setUint32(30, compression, true);
    for (const [i, mask] of masks.entries()) view.setUint32(54 + 4 * i, mask, true);
  }
  file.set(colors, 14 + header + behind);
  file.set(data, start);
  return file;
}

const [red, green, blue, white, black] = [
  [255, 0, 0],
  [0, 255, 0],
  [0, 0, 255],
  [255, 255, 255],
  [0, 0, 0],
];
const rgba = (...pixels: readonly (readonly number[])[]) => pixels.flatMap(([r, g, b, a = 255]) => [r, g, b, a]);

test("24 and 32 bits, from the bottom and from the top, with what fills rows up", () => {
  const rows = [
    [1, 2, 3, 4, 5, 6, 7, 8, 9],
    [10, 11, 12, 13, 14, 15, 16, 17, 18],
  ];
  const upper = rgba([3, 2, 1], [6, 5, 4], [9, 8, 7]);
  const lower = rgba([12, 11, 10], [15, 14, 13], [18, 17, 16]);
  const bottomUp = decodeBmp(bmp({ width: 3, height: 2, bits: 24 }, rows));
  assert.equal([bottomUp.width, bottomUp.height, [...bottomUp.data]], [3, 2, [...lower, ...upper]]);
  assert.equal([...decodeBmp(bmp({ width: 3, height: -2, bits: 24 }, rows)).data], [...upper, ...lower]);
  const four = [[1, 2, 3, 77, 4, 5, 6, 0]];
  assert.equal([...decodeBmp(bmp({ width: 2, height: 1, bits: 32 }, four)).data], rgba([3, 2, 1], [6, 5, 4]));
});

test("1, 4 and 8 bits with palettes, short ones and those of OS/2", () => {
  const palette = [black, red, green, blue, white];
  const one = bmp({ width: 10, height: 1, bits: 1, palette: [white, blue] }, [[0b01100000, 0b01000000]]);
  assert.equal([...decodeBmp(one).data], rgba(white, blue, blue, white, white, white, white, white, white, blue));
  assert.equal(
    [...decodeBmp(bmp({ width: 3, height: 1, bits: 4, palette }, [[0x14, 0x30]])).data],
    rgba(red, white, blue),
  );
  for (const header of [12, 40, 108, 124]) {
    const eight = bmp({ width: 3, height: 1, bits: 8, palette, header }, [[2, 0, 4]]);
    assert.equal([...decodeBmp(eight).data], rgba(green, black, white), `header of ${header} bytes`);
  }
});

test("16 and 32 bits with masks and without; alpha counts where it is named and there is some", () => {
  const words = (...values: readonly number[]) => [values.flatMap((value) => [value & 255, value >> 8])];
  const plain = bmp({ width: 3, height: 1, bits: 16 }, words(0x7c00, 0x3ff, 0x4210));
  assert.equal([...decodeBmp(plain).data], rgba(red, [0, 255, 255], [132, 132, 132]));
  const masks565 = [0xf800, 0x7e0, 0x1f];
  const wide = bmp({ width: 2, height: 1, bits: 16, compression: 3, masks: masks565 }, words(0x7e0, 0xf81f));
  assert.equal([...decodeBmp(wide).data], rgba(green, [255, 0, 255]));
  const masks = [0xff, 0xff00, 0xff0000, 0xff000000];
  const said = { width: 2, height: 1, bits: 32, compression: 3, header: 124, masks };
  assert.equal([...decodeBmp(bmp(said, [[1, 2, 3, 128, 4, 5, 6, 0]])).data], rgba([1, 2, 3, 128], [4, 5, 6, 0]));
  assert.equal([...decodeBmp(bmp(said, [[1, 2, 3, 0, 4, 5, 6, 0]])).data], rgba([1, 2, 3], [4, 5, 6]));
  const short = { width: 1, height: 1, bits: 32, compression: 3, masks: masks.slice(0, 3) };
  assert.equal([...decodeBmp(bmp(short, [[1, 2, 3, 9]])).data], rgba([1, 2, 3]));
});

test("are images of a folder like others: measured, laid on white, scaled", () =>
  inTemporaryFolder(async (folder) => {
    const pixels = picture(16, 16, 4);
    const bgr = pixels.map((_, i) => pixels[i - (i % 3) + (2 - (i % 3))]);
    const rows = Array.from({ length: 16 }, (_, y) => [...bgr.subarray(48 * y, 48 * y + 48)]);
    await writeFiles(folder, {
      ...(await jpegs("a", 1)),
      "b.bmp": bmp({ width: 16, height: -16, bits: 24 }, rows),
      c: bmp({ width: 16, height: -16, bits: 24 }, rows),
    });
    const { train } = await openImages(folder);
    assert.is(train.length, 3);
    assert.equal(await pixelsOf(train, [1, 2]), Uint8Array.from([...toRgba(pixels), ...toRgba(pixels)]));
    assert.is((await openImages(folder, { imageSize: 5 })).train.skipped.length, 0);
    const masks = [0xff, 0xff00, 0xff0000, 0xff000000];
    const clear = bmp({ width: 2, height: 1, bits: 32, compression: 3, header: 108, masks }, [
      [0, 0, 0, 255, 0, 0, 0, 0],
    ]);
    await writeFiles(`${folder}/clear`, { "a.bmp": clear });
    assert.equal([...(await pixelsOf((await openImages(`${folder}/clear`)).train))], rgba(black, white));
  }));

test("compressed ones are named, damaged ones and absurd sizes are errors", () =>
  inTemporaryFolder(async (folder) => {
    const good = bmp({ width: 3, height: 2, bits: 24 }, [new Array(9).fill(1), new Array(9).fill(2)]);
    throws(
      () => decodeBmp(bmp({ width: 2, height: 1, bits: 8, compression: 1 }, [[2, 1]])),
      DataError,
      /RLE8/,
      /save it/,
    );
    throws(() => decodeBmp(bmp({ width: 2, height: 1, bits: 4, compression: 2 }, [[2, 1]])), DataError, /RLE4/);
    throws(() => decodeBmp(bmp({ width: 2, height: 1, bits: 0, compression: 5 }, [[2, 1]])), DataError, /by PNG/);
    throws(() => decodeBmp(bmp({ width: 2, height: 1, bits: 2 }, [[2, 1]])), DataError, /2 bits a pixel/);
    throws(() => decodeBmp(bmp({ width: 2 ** 30, height: 2 ** 30, bits: 1 }, [[0]])), DataError, /too large/);
    throws(() => decodeBmp(bmp({ width: -5, height: 1, bits: 24 }, [[0]])), DataError, /-5x1/);
    throws(() => decodeBmp(bmp({ width: 16_000, height: 16_000, bits: 1 }, [[0]])), DataError, /cut short/);
    throws(
      () => decodeBmp(bmp({ width: 1, height: 1, bits: 8, palette: [red] }, [[1]])),
      DataError,
      /colour 1 of a palette of 1/,
    );
    throws(
      () => decodeBmp(bmp({ width: 1, height: 1, bits: 24, header: 20 }, [[1]])),
      DataError,
      /header has 20 bytes/,
    );
    for (let length = 0; length < good.length - 3; length++) {
      throws(() => decodeBmp(good.subarray(0, length)), DataError, /cut short|header has|is not read/);
    }
    await writeFiles(folder, { ...(await jpegs("", 40)), "cut.bmp": good.subarray(0, 60) });
    const { train } = await openImages(folder, { imageSize: 8 });
    assert.match(train.skipped.map(({ name, reason }) => `${name}: ${reason}`).join(), /cut\.bmp: a BMP.*cut short/);
    await writeFiles(`${folder}/rle`, { "a.bmp": bmp({ width: 2, height: 1, bits: 8, compression: 1 }, [[2, 1]]) });
    await rejects(openImages(`${folder}/rle`), DataError, /a\.bmp \(a BMP compressed by run lengths/);
  }));

test.run();
