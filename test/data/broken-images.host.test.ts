import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openImages } from "../../src/data/open-images.js";
import { ConfigError, DataError } from "../../src/errors.js";
import { pixelsOf, rejects } from "./expect.js";
import { inTemporaryFolder, jpeg, jpegs, writeFiles } from "./make-files.js";

const test = suite("broken images");

test("a JPEG cut short, text called .jpg and an SVG called .png are skipped, counted and named", () =>
  inTemporaryFolder(async (folder) => {
    const whole = await jpeg(7);
    const good = { ...(await jpegs("cat/", 40)), ...(await jpegs("dog/", 40)) };
    await writeFiles(folder, good);
    const { train: clean } = await openImages(folder);
    await writeFiles(folder, {
      "cat/010a.jpg": whole.subarray(0, Math.floor(whole.length * 0.9)),
      "cat/010b.jpg": "these are words, and no picture",
      "dog/000a.png": '<svg xmlns="http://www.w3.org/2000/svg" width="16" height="16"/>',
      "dog/000b.jpg": "",
    });
    const { train } = await openImages(folder);
    assert.is(train.length, 80);
    assert.equal(
      train.skipped.map(({ name }) => name),
      ["cat/010a.jpg", "cat/010b.jpg", "dog/000a.png", "dog/000b.jpg"],
    );
    assert.match(train.skipped[0]?.reason ?? "", /premature end/);
    assert.match(train.skipped[1]?.reason ?? "", /not an image of a format that is read/);
    assert.match(train.skipped[2]?.reason ?? "", /not an image of a format that is read/);
    // The images and labels that are left have moved together.
    assert.equal(train.labels, clean.labels);
    assert.equal(await pixelsOf(train), await pixelsOf(clean));
  }));

test("truncation is found at any place, and when the image is shrunk", () =>
  inTemporaryFolder(async (folder) => {
    const { default: sharp } = await import("sharp");
    const noise = Uint8Array.from({ length: 128 * 128 * 3 }, (_, i) => (i * i * 31 + i * 7) % 256);
    const whole = await sharp(noise, { raw: { width: 128, height: 128, channels: 3 } })
      .jpeg()
      .toBuffer();
    await writeFiles(folder, await jpegs("", 100));
    for (const part of [0.01, 0.1, 0.5, 0.99]) {
      await writeFiles(folder, { [`cut-${part}.jpg`]: whole.subarray(0, Math.floor(whole.length * part)) });
    }
    await writeFiles(folder, { "whole.jpg": whole });
    const { train } = await openImages(folder, { imageSize: 16 });
    assert.equal(
      train.skipped.map(({ name }) => name),
      ["cut-0.01.jpg", "cut-0.1.jpg", "cut-0.5.jpg", "cut-0.99.jpg"],
    );
  }));

test("the first image may be a broken one", () =>
  inTemporaryFolder(async (folder) => {
    await writeFiles(folder, { "0.jpg": "text", ...(await jpegs("a", 20)) });
    const { train } = await openImages(folder);
    assert.equal([train.length, train.width, train.skipped.length], [20, 16, 1]);
  }));

test("5 % are skipped; more are an error that names the first, in each split by itself", () =>
  inTemporaryFolder(async (folder) => {
    await writeFiles(folder, {
      ...(await jpegs("train/", 18)),
      "train/broken.jpg": "text",
      ...(await jpegs("test/", 90)),
    });
    // One of 19.
    await rejects(openImages(folder), DataError, /1 of the 19 images/, /train\/broken\.jpg \(not an image/, /5 %/);
    await writeFiles(folder, { "train/zzz.jpg": await jpeg(3) });
    assert.is((await openImages(folder)).train.skipped.length, 1);
  }));

test("more may be broken where that is asked for, but not all", () =>
  inTemporaryFolder(async (folder) => {
    await writeFiles(folder, { ...(await jpegs("", 2)), "x.jpg": "text", "y.jpg": "text" });
    await rejects(openImages(folder), DataError, /2 of the 4 images .* more than the 5 %/, /--max-broken/);
    const { train } = await openImages(folder, { maxBroken: 0.5 });
    assert.equal([train.length, train.skipped.map(({ name }) => name)], [2, ["x.jpg", "y.jpg"]]);
    await rejects(openImages(folder, { maxBroken: 0.4 }), DataError, /more than the 40 %/);
    for (const maxBroken of [-0.1, 1.1, Number.NaN]) {
      await rejects(openImages(folder, { maxBroken }), ConfigError, /maxBroken is/);
    }
    await writeFiles(`${folder}/none`, { "x.jpg": "text" });
    await rejects(openImages(`${folder}/none`, { imageSize: 8, maxBroken: 1 }), DataError, /1 of the 1 images/);
  }));

test("the error of too many names those of formats that are not read as well", () =>
  inTemporaryFolder(async (folder) => {
    const heic = Uint8Array.from("\0\0\0\x18ftypheic\0\0\0\0mif1heic", (letter) => letter.charCodeAt(0));
    await writeFiles(folder, { ...(await jpegs("", 2)), "x.jpg": "text", "phone.heic": heic });
    const said = /1 of the 3 images .* x\.jpg .* Besides these, 1 image cannot be read: phone\.heic \(HEIC is not read/;
    await rejects(openImages(folder), DataError, said);
    await rejects(openImages(folder, { imageSize: 8 }), DataError, said);
  }));

test("a folder of nothing but broken images is an error, with and without a size", () =>
  inTemporaryFolder(async (folder) => {
    for (let i = 0; i < 7; i++) {
      await writeFiles(folder, { [`${i}.jpg`]: "text" });
    }
    for (const options of [{}, { imageSize: 8 }]) {
      await rejects(openImages(folder, options), DataError, /7 of the 7 images/, /0\.jpg/, /4\.jpg/, /and 2 more/);
    }
  }));

test("a link to nothing is a broken image", () =>
  inTemporaryFolder(async (folder) => {
    const { symlink } = await import("node:fs/promises");
    await writeFiles(folder, await jpegs("", 20));
    await symlink(`${folder}/nowhere.jpg`, `${folder}/link.jpg`);
    const { train } = await openImages(folder);
    assert.equal(
      train.skipped.map(({ name }) => name),
      ["link.jpg"],
    );
  }));

test.run();
