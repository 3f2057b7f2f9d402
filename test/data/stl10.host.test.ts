import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Dataset } from "../../src/data/dataset.js";
import { openImages } from "../../src/data/open-images.js";
import { DataError } from "../../src/errors.js";
import { pixelsOf, rejects, sameBytes } from "./expect.js";
import { gzipped, inTemporaryFolder, tar, writeFiles } from "./make-files.js";

const test = suite("STL-10 files");

const NAMES = ["airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck"];

/** Channel `channel` of the pixel at x, y of the image `seed`. */
function value(seed: number, channel: number, x: number, y: number): number {
  return (seed * 37 + channel * 101 + x * 3 + y * 7 + ((x * y) >> 4)) % 256;
}

/** Images with the seeds given: planes of columns. */
function images(...seeds: readonly number[]): Uint8Array {
  return Uint8Array.from(
    seeds.flatMap((seed) =>
      Array.from({ length: 3 * 9216 }, (_, i) =>
        value(seed, Math.floor(i / 9216), Math.floor((i % 9216) / 96), i % 96),
      ),
    ),
  );
}

/** What the image `seed` looks like: rows of pixels. */
function pixels(seed: number): Uint8Array {
  return Uint8Array.from({ length: 4 * 9216 }, (_, i) => {
    const pixel = Math.floor(i / 4);
    return i % 4 === 3 ? 255 : value(seed, i % 4, pixel % 96, Math.floor(pixel / 96));
  });
}

const whole = {
  "train_X.bin": images(1, 2, 3),
  "train_y.bin": Uint8Array.of(10, 1, 4),
  "test_X.bin": images(50, 51),
  "test_y.bin": Uint8Array.of(2, 10),
  "unlabeled_X.bin": images(90, 91, 92),
  "class_names.txt": `${NAMES.join("\n")}\n`,
  "fold_indices.txt": "0 1 2",
};

async function check(dataset: Dataset, seeds: readonly number[], labels: readonly number[] | null): Promise<void> {
  assert.equal([dataset.length, dataset.width, dataset.height], [seeds.length, 96, 96]);
  assert.equal(dataset.labels && [...dataset.labels], labels);
  for (const [index, seed] of seeds.entries()) {
    sameBytes(await pixelsOf(dataset, [index]), pixels(seed), `image ${index}`);
  }
}

test("a folder or archive gives the labelled splits; the unlabelled images have a path of their own", () =>
  inTemporaryFolder(async (folder) => {
    await writeFiles(`${folder}/plain`, whole);
    const entries = Object.entries(whole).map(([name, content]) => ({
      name: `stl10_binary/${name}`,
      content: typeof content === "string" ? new TextEncoder().encode(content) : content,
    }));
    await writeFiles(folder, { "stl10_binary.tar.gz": await gzipped(await tar(entries)) });
    for (const path of ["plain", "stl10_binary.tar.gz"]) {
      const { train, test: held } = await openImages(`${folder}/${path}`);
      await check(train, [1, 2, 3], [9, 0, 3]);
      if (!held) throw new RangeError("there is a test split");
      await check(held, [50, 51], [1, 9]);
      assert.equal([train.classes, held.classes], [NAMES, NAMES]);
    }
    const { train, test: held } = await openImages(`${folder}/plain/unlabeled_X.bin`);
    await check(train, [90, 91, 92], null);
    assert.equal([train.classes, held], [[], null]);
    assert.is(train.nameOf(2), "unlabeled_X.bin[2]");
  }));

test("a file by itself takes its labels from beside it, gzipped or not; without names, classes are numbers", () =>
  inTemporaryFolder(async (folder) => {
    await writeFiles(folder, {
      "train_X.bin.gz": await gzipped(images(4)),
      "train_y.bin": Uint8Array.of(7),
      "alone/test_X.bin": images(5, 6),
    });
    const { train } = await openImages(`${folder}/train_X.bin.gz`);
    await check(train, [4], [6]);
    assert.equal(train.classes, ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"]);
    assert.is(train.nameOf(0), "train_X.bin[0]");
    await check((await openImages(`${folder}/alone/test_X.bin`)).train, [5, 6], null);
  }));

test("a set above the memory budget is read on each fetch, to the same pixels", () =>
  inTemporaryFolder(async (folder) => {
    const { truncate } = await import("node:fs/promises");
    await writeFiles(folder, { ...whole, "packed/train_X.bin.gz": await gzipped(images(1)) });
    const budget = 5 * 96 * 96 * 4;
    const calls: [number, number | null][] = [];
    const onProgress = (done: number, total: number | null) => calls.push([done, total]);
    const kept = await openImages(folder, { memoryBudget: budget, onProgress });
    assert.equal(calls, [
      [3, 5],
      [5, 5],
    ]);
    const read = await openImages(folder, { memoryBudget: budget - 1 });
    sameBytes(await pixelsOf(read.train, [2, 0, 0]), await pixelsOf(kept.train, [2, 0, 0]));
    const small = { imageSize: 24, memoryBudget: 5 * 24 * 24 * 4 };
    sameBytes(
      await pixelsOf((await openImages(folder, { ...small, memoryBudget: small.memoryBudget - 1 })).train),
      await pixelsOf((await openImages(folder, small)).train),
    );
    await rejects(read.train.fetch([3], new Uint8Array(96 * 96 * 4)), DataError, /no image 3/);

    // That the one set reads its file again and the other does not, shows when the file is cut.
    await truncate(`${folder}/train_X.bin`, 2 * 27648 + 5);
    await rejects(pixelsOf(read.train, [2]), DataError, /train_X\.bin ends after 55301 bytes/, /82944/);
    await check(kept.train, [1, 2, 3], [9, 0, 3]);
    await rejects(
      openImages(`${folder}/packed/train_X.bin.gz`, { memoryBudget: 36863 }),
      DataError,
      /36864 bytes/,
      /36863/,
    );
  }));

test("images are resized as those of other files are", () =>
  inTemporaryFolder(async (folder) => {
    // Left half red, right half blue.
    const halves = Uint8Array.from({ length: 27648 }, (_, i) => {
      const [channel, x] = [Math.floor(i / 9216), Math.floor((i % 9216) / 96)];
      return channel === (x < 48 ? 0 : 2) ? 200 : 0;
    });
    await writeFiles(folder, { "train_X.bin": halves });
    const { train } = await openImages(folder, { imageSize: 16 });
    assert.equal([train.width, train.height], [16, 16]);
    const all = await pixelsOf(train);
    const at = (x: number, y: number) => [...all.subarray(4 * (16 * y + x), 4 * (16 * y + x) + 4)];
    assert.equal(
      [at(2, 1), at(13, 14)],
      [
        [200, 0, 0, 255],
        [0, 0, 200, 255],
      ],
    );
  }));

test("refuses wrong lengths and labels, with what was expected and found", () =>
  inTemporaryFolder(async (folder) => {
    await writeFiles(folder, {
      "cut/train_X.bin": images(1).subarray(1),
      "empty/train_X.bin": "",
      "held/train_X.bin": images(1),
      "held/test_X.bin": images(1, 2).subarray(0, 40000),
      "labels/train_X.bin": images(1, 2),
      "labels/train_y.bin": Uint8Array.of(1),
      "zero/train_X.bin": images(1),
      "zero/train_y.bin": Uint8Array.of(0),
      "eleven/train_X.bin": images(1, 2),
      "eleven/train_y.bin": Uint8Array.of(3, 11),
      "names/train_X.bin": images(1),
      "names/class_names.txt": "cat\ndog\n",
      "none/unlabeled_X.bin": images(1),
    });
    const refused: [string, ...RegExp[]][] = [
      ["cut", /train_X\.bin has 27647 bytes/, /27648/],
      ["cut/train_X.bin", /train_X\.bin has 27647 bytes/, /27648/],
      ["empty", /train_X\.bin has 0 bytes/],
      ["held", /test_X\.bin has 40000 bytes/, /27648/],
      ["labels", /train_y\.bin has 1 bytes; 2, one for each image of train_X\.bin/],
      ["zero", /Label 0 of train_y\.bin is 0/, /1 to 10/],
      ["eleven", /Label 1 of train_y\.bin is 11/],
      ["names", /2 class names/, /10 classes/],
      ["none", /no images in/, /train_X\.bin/],
    ];
    for (const [path, ...patterns] of refused) {
      await rejects(openImages(`${folder}/${path}`), DataError, ...patterns);
    }
  }));

test.run();
