import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { ImageSet } from "../../src/data/dataset.js";
import { openImages } from "../../src/data/open-images.js";
import { DataError } from "../../src/errors.js";
import { pixelsOf, rejects } from "./expect.js";
import { gzipped, inTemporaryFolder, tar, writeFiles, zip } from "./make-files.js";

const test = suite("CIFAR files");

const NAMES_10 = "airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n";

/** Channel `channel` of pixel `pixel` of the image `seed`. */
function value(seed: number, channel: number, pixel: number): number {
  return (seed * 37 + channel * 101 + pixel * (channel + 1)) % 256;
}

/** Records of the given label bytes; the seed of record i is i + `seed`. */
function records(labels: readonly (readonly number[])[], seed = 0): Uint8Array {
  return Uint8Array.from(
    labels.flatMap((bytes, record) => [
      ...bytes,
      ...Array.from({ length: 3072 }, (_, i) => value(record + seed, Math.floor(i / 1024), i % 1024)),
    ]),
  );
}

/** What the image `seed` of `records` looks like. */
function image(seed: number): Uint8Array {
  return Uint8Array.from({ length: 4096 }, (_, i) => (i % 4 === 3 ? 255 : value(seed, i % 4, Math.floor(i / 4))));
}

async function check(
  { train, test: held }: ImageSet,
  trainLabels: number[],
  testLabels: number[] | null,
): Promise<void> {
  assert.equal([train.width, train.height], [32, 32]);
  assert.equal([...(train.labels ?? [])], trainLabels);
  for (const index of trainLabels.keys()) {
    assert.equal(await pixelsOf(train, [index]), image(index), `training image ${index}`);
  }
  assert.equal(held && [...(held.labels ?? [])], testLabels);
  if (held) {
    assert.equal(await pixelsOf(held, [0]), image(50));
  }
}

test("CIFAR-10: several batches, plain, gzipped, packed, or both beside each other", () =>
  inTemporaryFolder(async (folder) => {
    const one = records([[3], [9]]);
    const two = records([[0]], 2);
    const held = records([[5]], 50);
    const plain = {
      "data_batch_2.bin": two,
      "data_batch_1.bin": one,
      "test_batch.bin": held,
      "batches.meta.txt": new TextEncoder().encode(NAMES_10),
      "readme.html": new Uint8Array(3),
    };
    await writeFiles(`${folder}/plain`, plain);
    await writeFiles(`${folder}/packed`, {
      "data_batch_1.bin.gz": await gzipped(one),
      "data_batch_2.bin.gz": await gzipped(two),
      "data_batch_2.bin": two,
      "test_batch.bin.gz": await gzipped(held),
    });
    const entries = Object.entries(plain).map(([name, content]) => ({ name: `cifar-10-batches-bin/${name}`, content }));
    await writeFiles(folder, { "cifar-10-binary.tar.gz": await gzipped(await tar(entries)) });
    for (const path of ["plain", "packed", "cifar-10-binary.tar.gz"]) {
      const set = await openImages(`${folder}/${path}`, { imageSize: 32 });
      await check(set, [3, 9, 0], [5]);
      const classes = path === "packed" ? ["0", "1", "2"] : ["airplane", "automobile", "bird"];
      assert.equal(set.train.classes.slice(0, 3), classes);
      assert.is(set.train.classes.length, 10);
      assert.equal(set.test?.classes, set.train.classes);
    }
  }));

test("CIFAR-100: the fine label counts, the second byte", () =>
  inTemporaryFolder(async (folder) => {
    const names = Array.from({ length: 100 }, (_, i) => `class ${i}`);
    await writeFiles(folder, {
      "train.bin": records([
        [11, 99],
        [4, 0],
      ]),
      "test.bin.gz": await gzipped(records([[200, 42]], 50)),
      "fine_label_names.txt": names.join("\r\n"),
    });
    const set = await openImages(folder);
    await check(set, [99, 0], [42]);
    assert.equal(set.train.classes, names);
  }));

test("a file by itself is a training set; its length tells the format", () =>
  inTemporaryFolder(async (folder) => {
    await writeFiles(folder, {
      "ten.bin": records([[7], [8]]),
      "ten.bin.gz": await gzipped(records([[7], [8]])),
      "hundred.bin": records([[1, 70]]),
      "batches.meta.txt": NAMES_10,
    });
    for (const name of ["ten.bin", "ten.bin.gz"]) {
      const set = await openImages(`${folder}/${name}`);
      await check(set, [7, 8], null);
      assert.is(set.train.classes[7], "horse");
    }
    await check(await openImages(`${folder}/hundred.bin`), [70], null);
    const { train } = await openImages(`${folder}/ten.bin`, { imageSize: 20 });
    assert.equal([train.length, train.width, train.height], [2, 20, 20]);
  }));

test("refuses a wrong length, with the lengths", () =>
  inTemporaryFolder(async (folder) => {
    const cut = records([[7], [8]]).subarray(0, 6000);
    await writeFiles(folder, {
      "data_batch_1.bin": cut,
      "alone/x.bin": cut,
      "hundred/train.bin": cut,
      "none/test.bin": cut,
    });
    await writeFiles(folder, { "empty/data_batch_1.bin": "" });
    await rejects(openImages(folder), DataError, /data_batch_1\.bin has 6000 bytes/, /3073/);
    await rejects(openImages(`${folder}/alone/x.bin`), DataError, /x\.bin has 6000 bytes/, /3073/, /3074/);
    await rejects(openImages(`${folder}/hundred`), DataError, /train\.bin has 6000 bytes/, /3074/);
    await rejects(openImages(`${folder}/empty`), DataError, /data_batch_1\.bin has 0 bytes/);
    await rejects(openImages(`${folder}/none`), DataError, /no images in/);
  }));

test("refuses a label out of range, in either split", () =>
  inTemporaryFolder(async (folder) => {
    await writeFiles(folder, { "data_batch_1.bin": records([[7], [10]]) });
    await rejects(openImages(folder), DataError, /Record 1 of data_batch_1\.bin has the label 10/, /0 to 9/);
    await writeFiles(folder, { "data_batch_1.bin": records([[7]]), "test_batch.bin": records([[255]]) });
    await rejects(openImages(folder), DataError, /Record 0 of test_batch\.bin has the label 255/);
    await writeFiles(folder, { "hundred/train.bin": records([[0, 100]]) });
    await rejects(openImages(`${folder}/hundred`), DataError, /the label 100/, /0 to 99/);
  }));

test("refuses damaged gzip, class names of another number, and more than the memory budget", () =>
  inTemporaryFolder(async (folder) => {
    const packed = await gzipped(records([[7], [8]]));
    await writeFiles(folder, { "a/data_batch_1.bin.gz": packed.subarray(0, packed.length - 20) });
    await rejects(openImages(`${folder}/a`), DataError, /data_batch_1\.bin\.gz cannot be read/);
    await rejects(openImages(`${folder}/a/data_batch_1.bin.gz`), DataError, /data_batch_1\.bin\.gz cannot be read/);
    await writeFiles(folder, { "b/data_batch_1.bin": records([[7]]), "b/batches.meta.txt": "cat\ndog\n" });
    await rejects(openImages(`${folder}/b`), DataError, /2 class names/, /10 classes/);
    await writeFiles(folder, { "c/data_batch_1.bin": records([[7], [8]]) });
    await rejects(openImages(`${folder}/c`, { memoryBudget: 8191 }), DataError, /8192 bytes/, /8191/);
    assert.is((await openImages(`${folder}/c`, { memoryBudget: 8192 })).train.length, 2);
  }));

test("the Python version is told, in a folder, an archive and by one file, and which one to take", () =>
  inTemporaryFolder(async (folder) => {
    // What `pickle.dump({b"data": ..., b"labels": ...}, file, protocol=2)` begins with.
    const pickle = Uint8Array.from([0x80, 2, 0x7d, 0x71, 1, ...new Uint8Array(300)]);
    const ten = { data_batch_1: pickle, test_batch: pickle, "batches.meta": pickle };
    const hundred = { train: pickle, test: pickle, meta: pickle };
    const packed = (files: Readonly<Record<string, Uint8Array>>) =>
      Object.entries(files).map(([name, content]) => ({ name: `cifar/${name}`, content }));
    await writeFiles(`${folder}/ten`, ten);
    await writeFiles(`${folder}/hundred`, hundred);
    await writeFiles(folder, {
      "ten.tar.gz": await gzipped(await tar(packed(ten))),
      "hundred.zip": await zip(packed(hundred)),
    });
    const cases: Record<string, string> = {
      ten: "CIFAR-10 ",
      "ten.tar.gz": "CIFAR-10 ",
      "ten/data_batch_1": "CIFAR-10 ",
      hundred: "CIFAR-100 ",
      "hundred.zip": "CIFAR-100 ",
      "hundred/train": "CIFAR-100 ",
    };
    for (const [path, title] of Object.entries(cases)) {
      const binary = `${title.trim().toLowerCase()}-binary.tar.gz`;
      await rejects(openImages(`${folder}/${path}`), DataError, `is the Python version of ${title}`, binary);
    }
  }));

test.run();
