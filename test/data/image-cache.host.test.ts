import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Dataset } from "../../src/data/dataset.js";
import { packsIn } from "../../src/data/image-cache.js";
import { type OpenImagesOptions, openImages } from "../../src/data/open-images.js";
import { originalsOf } from "../../src/data/originals.js";
import { pixelsOf, rejects, sameBytes } from "./expect.js";
import { encode, inTemporaryFolder, picture, tar, writeFiles } from "./make-files.js";

const test = suite("decoded images on disk");

async function png(seed: number, width = 20, height = 12): Promise<Uint8Array> {
  return encode("png", picture(width, height, seed), width, height);
}

/** A folder `images` of three images, of a whole second in the past. */
async function threeImages(folder: string): Promise<void> {
  const { utimes } = await import("node:fs/promises");
  const files = { "0.png": await png(0), "1.png": await png(1, 9, 31), "2.png": await png(2, 8, 8) };
  await writeFiles(`${folder}/images`, files);
  const then = new Date(1e12);
  for (const name of Object.keys(files)) await utimes(`${folder}/images/${name}`, then, then);
}

function open(folder: string, options: OpenImagesOptions = {}) {
  const cache = { folder: `${folder}/cache` };
  return openImages(`${folder}/images`, { imageSize: 8, smallestCrop: 0.1, memoryBudget: 1, cache, ...options });
}

/** All that a set has: its images and their originals. */
async function contentOf(dataset: Dataset): Promise<Uint8Array> {
  const originals = originalsOf(dataset);
  const indices = Array.from({ length: dataset.length }, (_, i) => i);
  const [out, sizes] = [new Uint8Array(dataset.length * originals.pixels * 4), new Uint32Array(2 * dataset.length)];
  await originals.fetch(indices, out, sizes);
  return Uint8Array.from([...(await pixelsOf(dataset)), ...out, ...new Uint8Array(sizes.buffer)]);
}

/** Puts other bytes in place of a file's and leaves all that tells of it as it was: who reads it again, notices. */
async function replaceUnseen(path: string): Promise<void> {
  const { readFile, stat, utimes, writeFile } = await import("node:fs/promises");
  const { atime, mtime } = await stat(path);
  await writeFile(path, new Uint8Array((await readFile(path)).length));
  await utimes(path, atime, mtime);
}

async function segments(folder: string): Promise<string[]> {
  const { readdir } = await import("node:fs/promises");
  const packs = await packsIn(`${folder}/cache`);
  return (
    await Promise.all(packs.map(async ({ path }) => (await readdir(path)).map((name) => `${path}/${name}`)))
  ).flat();
}

test("are read in place of the files as long as these are the same", () =>
  inTemporaryFolder(async (folder) => {
    const { utimes } = await import("node:fs/promises");
    await threeImages(folder);
    const expected = await contentOf((await open(folder, { cache: undefined })).train);
    const first = await open(folder);
    assert.equal(first.notes, []);
    sameBytes(await contentOf(first.train), expected);
    assert.is((await segments(folder)).length, 1);

    for (const name of [0, 1, 2]) await replaceUnseen(`${folder}/images/${name}.png`);
    const again = await open(folder);
    sameBytes(await contentOf(again.train), expected);
    assert.is(again.train.skipped.length, 0);
    assert.is(again.train.bytesOf?.(0), (await png(0)).length);

    const later = new Date(Date.now() + 5000);
    await utimes(`${folder}/images/1.png`, later, later);
    const changed = await open(folder, { maxBroken: 1 });
    assert.equal(
      changed.train.skipped.map(({ name }) => name),
      ["1.png"],
    );
  }));

test("of new images are added, and those of other sizes are others", () =>
  inTemporaryFolder(async (folder) => {
    await threeImages(folder);
    await open(folder);
    for (const name of [0, 1, 2]) await replaceUnseen(`${folder}/images/${name}.png`);
    await writeFiles(folder, { "images/3.png": await png(3) });
    const { train } = await open(folder);
    assert.equal([train.length, train.skipped.length], [4, 0]);
    assert.is((await segments(folder)).length, 2);
    await rejects(open(folder, { imageSize: 6 }), Error, "3 of the 4 images");
    await rejects(open(folder, { smallestCrop: 0.2 }), Error, "3 of the 4 images");
  }));

test("of an archive are known by its bytes", () =>
  inTemporaryFolder(async (folder) => {
    const entries = [0, 1].map(async (seed) => ({ name: `${seed}.png`, content: await png(seed) }));
    await writeFiles(folder, { "a.tar": await tar(await Promise.all(entries)) });
    const cache = { folder: `${folder}/cache` };
    const openTar = () => openImages(`${folder}/a.tar`, { imageSize: 8, cache });
    const before = await pixelsOf((await openTar()).train);
    sameBytes(await pixelsOf((await openTar()).train), before);
    assert.is((await segments(folder)).length, 1);
  }));

test("that are damaged, cut short or gone are decoded again", () =>
  inTemporaryFolder(async (folder) => {
    const { readFile, rm, truncate, writeFile } = await import("node:fs/promises");
    await threeImages(folder);
    const { train } = await open(folder);
    const expected = await contentOf(train);
    const [segment] = await segments(folder);
    const bytes = await readFile(segment);
    const listLength = new DataView(bytes.buffer, bytes.byteOffset).getUint32(16, true);
    for (const damage of [
      () => truncate(segment, bytes.length - 1),
      () => truncate(segment, 3),
      () => truncate(segment, 0),
      () => writeFile(segment, new Uint8Array(bytes.length)),
      () =>
        writeFile(
          segment,
          Uint8Array.from(bytes, (byte, i) => (i > 16 && i < 20 ? 255 : byte)),
        ),
      () =>
        writeFile(
          segment,
          Uint8Array.from(bytes, (byte, i) => (i === 21 ? byte + 1 : byte)),
        ),
      () =>
        writeFile(
          segment,
          Uint8Array.from(bytes, (byte, i) => (i === 19 + listLength ? 32 : byte)),
        ),
    ]) {
      await damage();
      const again = await open(folder);
      sameBytes(await contentOf(again.train), expected);
      for (const path of await segments(folder)) await rm(path);
      await writeFile(segment, bytes);
    }
    // A set that is open goes on when its files are deleted.
    const opened = await open(folder);
    await rm(`${folder}/cache`, { recursive: true });
    sameBytes(await contentOf(opened.train), expected);
    await rm(`${folder}/images/0.png`);
    await rejects(contentOf(opened.train), Error, "0.png", "is not any more");
  }));

test("take no more than they may: those used longest ago go, and what has no room is decoded again, which is said", () =>
  inTemporaryFolder(async (folder) => {
    const { utimes } = await import("node:fs/promises");
    await threeImages(folder);
    const cache = { folder: `${folder}/cache` };
    const expected = await contentOf((await open(folder)).train);
    const [{ path, bytes }] = await packsIn(cache.folder);
    await utimes(path, new Date(1000), new Date(1000));
    const other = await open(folder, { smallestCrop: 0.2, cache: { ...cache, limit: bytes + 10 } });
    assert.equal(other.notes, []);
    assert.not.ok(
      (await packsIn(cache.folder)).some((pack) => pack.path === path),
      "the older set is gone",
    );

    const none = await open(folder, { cache: { ...cache, limit: 100 } });
    sameBytes(await contentOf(none.train), expected);
    assert.match(
      String(none.notes?.[0]),
      /not all decoded images are kept .* each epoch decodes the others again: .* are full/,
    );
    const held = await open(folder, { cache: { ...cache, limit: 100 }, memoryBudget: 2 ** 20 });
    for (const name of [0, 1, 2]) await replaceUnseen(`${folder}/images/${name}.png`);
    sameBytes(await contentOf(held.train), expected);
    assert.match(String(held.notes?.[0]), "another run decodes the others again");
  }));

test("that cannot be written stay in memory or are decoded again, and a note says why", () =>
  inTemporaryFolder(async (folder) => {
    await threeImages(folder);
    await writeFiles(folder, { cache: "a file" });
    const expected = await contentOf((await open(folder, { cache: undefined })).train);
    const { train, notes } = await open(folder);
    sameBytes(await contentOf(train), expected);
    assert.match(String(notes?.[0]), "not all decoded images are kept in");
  }));

test("that a killed process began to write are deleted, those of another process are not", () =>
  inTemporaryFolder(async (folder) => {
    const { utimes } = await import("node:fs/promises");
    await threeImages(folder);
    await open(folder);
    const [segment] = await segments(folder);
    await writeFiles("", { [`${segment}.tmp-1`]: "old", [`${segment}.tmp-2`]: "new" });
    const yesterday = new Date(Date.now() - 86400_000);
    await utimes(`${segment}.tmp-1`, yesterday, yesterday);
    await open(folder);
    assert.equal((await segments(folder)).sort(), [segment, `${segment}.tmp-2`]);
  }));

test("stop being made when they are asked to, and those that are made stay", () =>
  inTemporaryFolder(async (folder) => {
    await threeImages(folder);
    const controller = new AbortController();
    const stopped = open(folder, {
      signal: controller.signal,
      onProgress: (done) => {
        if (done === 1) controller.abort(new Error("enough"));
      },
    });
    await rejects(stopped, Error, "enough");
    const already = open(folder, { signal: AbortSignal.abort(new Error("before")) });
    await rejects(already, Error, "before");
    assert.is((await segments(folder)).length, 1);
  }));

test.run();
