import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openImages } from "../../src/data/open-images.js";
import { DataError } from "../../src/errors.js";
import { pixelsOf, rejects } from "./expect.js";
import { gzipped, inTemporaryFolder, tar, writeFiles } from "./make-files.js";

const test = suite("IDX files");

/** An IDX file of bytes: zero, zero, 8, the number of dimensions, their sizes, and data that counts on from `first`. */
function idx(sizes: readonly number[], first = 0): Uint8Array {
  const length = sizes.reduce((product, size) => product * size, 1);
  const file = new Uint8Array(4 + 4 * sizes.length + length);
  const view = new DataView(file.buffer);
  view.setUint32(0, 0x0800 + sizes.length);
  sizes.forEach((size, i) => {
    view.setUint32(4 + 4 * i, size);
  });
  for (let i = 0; i < length; i++) file[4 + 4 * sizes.length + i] = first + i;
  return file;
}

function labels(...values: readonly number[]): Uint8Array {
  const file = idx([values.length]);
  file.set(values, 8);
  return file;
}

/** Pixels whose grays count on from `first`. */
function grays(count: number, first = 0): Uint8Array {
  return Uint8Array.from({ length: 4 * count }, (_, i) => (i % 4 === 3 ? 255 : first + Math.floor(i / 4)));
}

/** Three training and two test images, 4 wide and 5 high. */
const whole = {
  "train-images-idx3-ubyte": idx([3, 5, 4]),
  "train-labels-idx1-ubyte": labels(2, 0, 1),
  "t10k-images-idx3-ubyte": idx([2, 5, 4], 100),
  "t10k-labels-idx1-ubyte": labels(3, 0),
};

test("a folder or archive with the names of MNIST gives both splits, plain and gzipped", () =>
  inTemporaryFolder(async (folder) => {
    await writeFiles(`${folder}/plain`, { ...whole, "class_names.txt": "top\r\ntrouser\r\ncoat\r\nbag\r\n" });
    const packed: Record<string, Uint8Array> = {};
    for (const [name, content] of Object.entries(whole)) packed[`raw/${name}.gz`] = await gzipped(content);
    await writeFiles(`${folder}/packed`, packed);
    const dotted = Object.entries(whole).map(([name, content]) => ({ name: name.replace("-idx", ".idx"), content }));
    await writeFiles(folder, { "dotted.tar": await tar(dotted) });
    for (const path of ["plain", "packed", "dotted.tar"]) {
      const { train, test: held } = await openImages(`${folder}/${path}`);
      if (!held) throw new RangeError("there is a test split");
      assert.equal([train.length, train.width, train.height], [3, 4, 5]);
      assert.equal(await pixelsOf(train), grays(60));
      assert.equal([...(train.labels ?? [])], [2, 0, 1]);
      assert.equal([held.length, held.width, held.height], [2, 4, 5]);
      assert.equal(await pixelsOf(held), grays(40, 100));
      assert.equal([...(held.labels ?? [])], [3, 0]);
      const classes = path === "plain" ? ["top", "trouser", "coat", "bag"] : ["0", "1", "2", "3"];
      assert.equal([train.classes, held.classes], [classes, classes]);
      assert.match(train.nameOf(2), /train-images[-.]idx3-ubyte\[2\]$/);
    }
  }));

test("a file by itself takes its labels from beside it", () =>
  inTemporaryFolder(async (folder) => {
    await writeFiles(folder, {
      "t10k-images-idx3-ubyte.gz": await gzipped(idx([2, 3, 3], 7)),
      "t10k-labels-idx1-ubyte.gz": await gzipped(labels(0, 4)),
      "alone/emnist-images-idx3-ubyte": idx([1, 28, 28]),
    });
    const { train, test: held } = await openImages(`${folder}/t10k-images-idx3-ubyte.gz`);
    assert.equal(await pixelsOf(train), grays(18, 7));
    assert.equal([[...(train.labels ?? [])], train.classes, held], [[0, 4], ["0", "1", "2", "3", "4"], null]);
    const other = (await openImages(`${folder}/alone/emnist-images-idx3-ubyte`)).train;
    assert.equal([other.labels, other.classes, other.width], [null, [], 28]);
  }));

test("images are resized, and read again where they are above the budget", () =>
  inTemporaryFolder(async (folder) => {
    const flat = idx([2, 28, 28]);
    flat.fill(60, 16, 16 + 784);
    flat.fill(180, 16 + 784);
    await writeFiles(folder, { "train-images-idx3-ubyte": flat });
    for (const memoryBudget of [2 * 32 * 32 * 4, 2 * 32 * 32 * 4 - 1]) {
      const { train } = await openImages(folder, { imageSize: 32, memoryBudget });
      assert.equal([train.width, train.height], [32, 32]);
      assert.equal([...new Set(await pixelsOf(train, [0]))], [60, 255]);
      assert.equal([...new Set(await pixelsOf(train, [1]))], [180, 255]);
    }
  }));

test("refuses what its header does not describe, with what was expected and found", () =>
  inTemporaryFolder(async (folder) => {
    const [images, good] = ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"];
    await writeFiles(folder, {
      [`cut/${images}`]: idx([3, 5, 4]).subarray(0, 70),
      [`long/${images}`]: Uint8Array.of(...idx([3, 5, 4]), 0),
      [`short/${images}`]: idx([3, 5, 4]).subarray(0, 9),
      [`huge/${images}`]: idx([3, 5, 4]).map((byte, i) => (i >= 4 && i < 16 ? 255 : byte)),
      [`empty/${images}`]: idx([0, 5, 4]),
      [`text/${images}`]: "this is no IDX file at all",
      [`damaged/${images}.gz`]: (await gzipped(idx([3, 5, 4]))).subarray(0, 20),
      [`fewer/${images}`]: idx([3, 5, 4]),
      [`fewer/${good}`]: labels(1, 2),
      [`cutLabels/${images}`]: idx([3, 5, 4]),
      [`cutLabels/${good}`]: labels(1, 2, 3).subarray(0, 10),
      [`swapped/${images}`]: idx([3, 5, 4]),
      [`swapped/${good}`]: idx([3, 5, 4]),
      [`sizes/${images}`]: idx([3, 5, 4]),
      "sizes/t10k-images-idx3-ubyte": idx([3, 4, 5]),
      [`names/${images}`]: idx([1, 5, 4]),
      [`names/${good}`]: labels(2),
      "names/class_names.txt": "a\nb\n",
    });
    const refused: [string, ...RegExp[]][] = [
      ["cut", /train-images-idx3-ubyte has 70 bytes/, /3 x 5 x 4, asks for 76/],
      [`cut/${images}`, /has 70 bytes/, /asks for 76/],
      ["long", /has 77 bytes/, /asks for 76/],
      ["short", /has 9 bytes/, /takes 16/],
      ["huge", /has 76 bytes/],
      ["empty", /holds 0 images of 4x5/],
      ["text", /begins with 0x74686973/, /0x00000803/],
      ["damaged", /train-images-idx3-ubyte\.gz cannot be read/],
      ["fewer", /train-labels-idx1-ubyte has 2 labels; train-images-idx3-ubyte has 3 images/],
      ["cutLabels", /train-labels-idx1-ubyte has 10 bytes/, /asks for 11/],
      ["swapped", /train-labels-idx1-ubyte begins with 0x00000803/, /0x00000801/],
      ["sizes", /train-images-idx3-ubyte are 4x5, those of t10k-images-idx3-ubyte 5x4/],
      ["names", /2 class names; the labels go up to 2/],
      [`fewer/${good}`, /train-labels-idx1-ubyte begins with 0x00000801/],
    ];
    for (const [path, ...patterns] of refused) {
      await rejects(openImages(`${folder}/${path}`), DataError, ...patterns);
    }
  }));

test.run();
