import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openImages } from "../../src/data/open-images.js";
import { ConfigError, DataError } from "../../src/errors.js";
import { pixelsOf, rejects } from "./expect.js";
import { encode, inTemporaryFolder, jpeg, jpegs, picture, toRgba, writeFiles } from "./make-files.js";

const test = suite("opening a folder of images");

test("lossless files come back byte for byte: PNG and WebP, whatever the case of the extension", () =>
  inTemporaryFolder(async (folder) => {
    const [one, two] = [picture(6, 4, 1), picture(6, 4, 2)];
    await writeFiles(folder, {
      "one.PNG": await encode("png", one, 6, 4),
      "two.webp": await encode("webp", two, 6, 4),
    });
    const { train, test: held } = await openImages(folder);
    assert.is(held, null);
    assert.equal([train.name, train.length, train.width, train.height], [folder, 2, 6, 4]);
    assert.is(train.labels, null);
    assert.equal(await pixelsOf(train), Uint8Array.from([...toRgba(one), ...toRgba(two)]));
  }));

test("a JPEG has the pixels that its decoder gives", () =>
  inTemporaryFolder(async (folder) => {
    const { default: sharp } = await import("sharp");
    await writeFiles(folder, { "a.jpeg": await jpeg(1) });
    const expected = await sharp(await jpeg(1))
      .raw()
      .toBuffer();
    assert.equal(await pixelsOf((await openImages(folder)).train), toRgba(expected));
  }));

test("nested class folders give labels that agree across the splits", () =>
  inTemporaryFolder(async (folder) => {
    await writeFiles(folder, {
      ...(await jpegs("train/dog/", 2)),
      ...(await jpegs("train/cat/deep/", 1)),
      ...(await jpegs("val/dog/", 1)),
      ...(await jpegs("val/ant/", 1)),
    });
    const { train, test: held } = await openImages(`${folder}/`);
    assert.equal(train.classes, ["ant", "cat", "dog"]);
    assert.equal([...(train.labels ?? [])], [1, 2, 2]);
    assert.equal(held?.classes, train.classes);
    assert.equal([...(held?.labels ?? [])], [0, 2]);
  }));

test("hidden files, what macOS leaves behind and other files are ignored; links are followed, circles are not", () =>
  inTemporaryFolder(async (folder) => {
    const { symlink } = await import("node:fs/promises");
    await writeFiles(folder, {
      ...(await jpegs("cat/", 1)),
      ...(await jpegs("dog/", 1)),
      "cat/._000.jpg": "junk",
      "cat/notes.txt": "junk",
      ".DS_Store": "junk",
      ".hidden/x.jpg": "junk",
      "__MACOSX/cat/000.jpg": "junk",
      "@eaDir/cat/000.jpg": "junk",
      "$RECYCLE.BIN/000.jpg": "junk",
    });
    await symlink(`${folder}/dog`, `${folder}/wolf`);
    await symlink(folder, `${folder}/cat/circle`);
    await symlink(`${folder}/dog/000.jpg`, `${folder}/dog/001.jpg`);
    const { train } = await openImages(folder);
    assert.equal(train.classes, ["cat", "dog", "wolf"]);
    assert.equal([...(train.labels ?? [])], [0, 1, 1, 2, 2]);
    assert.equal(train.skipped, []);
  }));

test("what a file is, its first bytes tell, whatever it is called", () =>
  inTemporaryFolder(async (folder) => {
    const { default: sharp } = await import("sharp");
    const raw = sharp(picture(16, 16, 1), { raw: { width: 16, height: 16, channels: 3 } });
    const made = async (format: "gif" | "tiff" | "avif" | "png" | "jpeg") => raw.clone().toFormat(format).toBuffer();
    const heic = Uint8Array.from("\0\0\0\x18ftypheic\0\0\0\0mif1heic", (letter) => letter.charCodeAt(0));
    await writeFiles(folder, {
      "a.gif": await made("gif"),
      "b.tiff": await made("tiff"),
      "c.avif": await made("avif"),
      "d.jpe": await made("jpeg"),
      "e.jfif": await made("jpeg"),
      f: await made("png"),
      "g.dat": await made("jpeg"),
      "h.heic": heic,
      i: Uint8Array.of(0xff, 0x0a, 1, 2, 3),
      "k.nef": await made("tiff"),
      "notes.txt": "BMW and other cars",
    });
    const { train } = await openImages(folder);
    assert.equal(
      Array.from({ length: train.length }, (_, index) => train.nameOf(index)),
      ["a.gif", "b.tiff", "c.avif", "d.jpe", "e.jfif", "f", "g.dat"],
    );
    const reasons = new Map(train.skipped.map(({ name, reason }) => [name, reason]));
    assert.equal([...reasons.keys()].sort(), ["h.heic", "i", "k.nef"]);
    assert.match(reasons.get("h.heic") ?? "", /^HEIC is not read: convert it to JPEG/);
    assert.match(reasons.get("i") ?? "", /^JPEG XL is not read/);
    assert.match(reasons.get("k.nef") ?? "", /camera's raw file/);
    await writeFiles(`${folder}/phone`, { "1.heic": heic, "2.heic": heic });
    await rejects(openImages(`${folder}/phone`), DataError, /None of the 2 images.*1\.heic.*HEIC is not read/);
  }));

test("a link to a pipe or a device is no image, and nothing waits for it", () =>
  inTemporaryFolder(async (folder) => {
    const { symlink } = await import("node:fs/promises");
    const { execFileSync } = await import("node:child_process");
    await writeFiles(folder, await jpegs("photos/", 2));
    execFileSync("mkfifo", [`${folder}/pipe`]);
    await rejects(openImages(`${folder}/pipe`), DataError, /neither a folder nor a regular file/);
    await symlink(`${folder}/pipe`, `${folder}/photos/x.jpg`);
    await symlink("/dev/zero", `${folder}/photos/y.jpg`);
    await symlink("/dev/zero", `${folder}/photos/z`);
    const { train } = await openImages(`${folder}/photos`);
    assert.is(train.length, 2);
    assert.equal(
      train.skipped.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
      [
        { name: "x.jpg", reason: "not a regular file" },
        { name: "y.jpg", reason: "not a regular file" },
      ],
    );
  }));

test("unlabelled images and stray ones are a part of their own, and what is left out is said", () =>
  inTemporaryFolder(async (folder) => {
    await writeFiles(folder, {
      ...(await jpegs("Train/cat/", 6)),
      ...(await jpegs("Train/dog/", 6)),
      ...(await jpegs("Train/", 1)),
      ...(await jpegs("Val/cat/", 1)),
      ...(await jpegs("Val/owl/", 1)),
      ...(await jpegs("unlabeled/", 3)),
      ...(await jpegs("other/", 2)),
    });
    const { train, test: held, unlabelled, notes } = await openImages(folder);
    assert.equal([train.length, held?.length, unlabelled?.length], [12, 2, 4]);
    assert.equal(train.classes, ["cat", "dog", "owl"]);
    assert.is(unlabelled?.labels, null);
    assert.is(unlabelled?.nameOf(0), "Train/000.jpg");
    const said = notes?.join("\n") ?? "";
    assert.match(said, /left out: 2 images .* other\//);
    assert.match(said, /1 class to test on \(owl\) cannot be right/);
    assert.match(said, /without a label.*Train\/000\.jpg/);
    assert.is(train.bytesOf?.(0), (await jpegs("", 1))["000.jpg"].length);
  }));

test("images are turned as their EXIF orientation says", () =>
  inTemporaryFolder(async (folder) => {
    const { default: sharp } = await import("sharp");
    // Stored as 2 wide and 1 high, red then blue; orientation 6 asks for a quarter turn clockwise: red above blue.
    const stored = sharp(Uint8Array.from([255, 0, 0, 0, 0, 255]), { raw: { width: 2, height: 1, channels: 3 } });
    await writeFiles(folder, { "turned.png": await stored.withMetadata({ orientation: 6 }).png().toBuffer() });
    const { train } = await openImages(folder);
    assert.equal([train.width, train.height], [1, 2]);
    assert.equal([...(await pixelsOf(train))], [255, 0, 0, 255, 0, 0, 255, 255]);
  }));

test("grayscale, 16 bits, a palette, CMYK and transparency become opaque RGB", () =>
  inTemporaryFolder(async (folder) => {
    const { default: sharp } = await import("sharp");
    const flat = (r: number, g: number, b: number, alpha = 1) =>
      sharp({ create: { width: 2, height: 2, channels: alpha === 1 ? 3 : 4, background: { r, g, b, alpha } } });
    await writeFiles(folder, {
      "a-gray.png": await flat(90, 90, 90).toColourspace("b-w").png().toBuffer(),
      "b-gray.jpg": await flat(90, 90, 90).toColourspace("b-w").jpeg().toBuffer(),
      "c-16.png": await flat(200, 100, 50).toColourspace("rgb16").png().toBuffer(),
      "d-palette.png": await flat(200, 100, 50).png({ palette: true }).toBuffer(),
      "e-half.png": await flat(200, 100, 50, 0.5).png().toBuffer(),
      "f-clear.webp": await flat(200, 100, 50, 0).webp({ lossless: true }).toBuffer(),
      "g-cmyk.jpg": await flat(200, 100, 50).toColourspace("cmyk").jpeg({ quality: 100 }).toBuffer(),
    });
    const { train } = await openImages(folder);
    const colours = [
      [90, 90, 90],
      [90, 90, 90],
      [200, 100, 50],
      [200, 100, 50],
      [227, 177, 152],
      [255, 255, 255],
      [200, 100, 50],
    ];
    assert.is(train.length, colours.length);
    for (const [index, colour] of colours.entries()) {
      // Rounding alone moves a value by at most 1; through a printer's colours and back, which its gamut narrows, by 40.
      const tolerance = index === 6 ? 40 : 1;
      const pixels = await pixelsOf(train, [index]);
      pixels.forEach((value, i) => {
        const expected = [...colour, 255][i % 4] ?? 0;
        const allowed = i % 4 === 3 ? 0 : tolerance;
        assert.ok(Math.abs(value - expected) <= allowed, `image ${index}, byte ${i}: ${value} is not ${expected}`);
      });
    }
  }));

test("other sizes are scaled on the shorter side and cut around the centre", () =>
  inTemporaryFolder(async (folder) => {
    // Three stripes of a third each. The middle one alone is what a centred square of the shorter side shows.
    const stripes = (width: number, height: number, along: "x" | "y"): Uint8Array =>
      Uint8Array.from({ length: width * height * 3 }, (_, i) => {
        const pixel = Math.floor(i / 3);
        const place = along === "x" ? (pixel % width) / width : Math.floor(pixel / width) / height;
        return Math.floor(place * 3) === i % 3 ? 255 : 0;
      });
    await writeFiles(folder, {
      "a-wide.png": await encode("png", stripes(48, 16, "x"), 48, 16),
      "b-tall.png": await encode("png", stripes(24, 72, "y"), 24, 72),
      "c-small.png": await encode("png", stripes(12, 4, "x"), 12, 4),
      "d-same.png": await encode("png", picture(8, 8, 1), 8, 8),
    });
    await rejects(openImages(folder), ConfigError, /a-wide\.png is 48x16/, /--image-size/);
    const { train } = await openImages(folder, { imageSize: 8 });
    assert.equal([train.width, train.height, train.length], [8, 8, 4]);
    for (const image of [0, 1, 2]) {
      const pixels = await pixelsOf(train, [image]);
      // The inner pixels; at the edge the filter reaches over into the next stripe.
      for (let y = 2; y < 6; y++) {
        for (let x = 2; x < 6; x++) {
          const [r = 0, g = 0, b = 0] = pixels.subarray((y * 8 + x) * 4);
          assert.ok(g > 200 && r < 60 && b < 60, `image ${image} at ${x},${y}: ${r},${g},${b}`);
        }
      }
    }
    assert.equal(await pixelsOf(train, [3]), toRgba(picture(8, 8, 1)));
  }));

test("a folder above the memory budget is decoded on each fetch, to the same pixels", () =>
  inTemporaryFolder(async (folder) => {
    await writeFiles(folder, { ...(await jpegs("cat/", 30)), ...(await jpegs("dog/", 30)) });
    const cut = (await jpeg(1)).subarray(0, 300);
    await writeFiles(folder, { "cat/003.jpg": cut });
    const options = { imageSize: 12 };
    const { train: kept } = await openImages(folder, { ...options, memoryBudget: 60 * 12 * 12 * 4 });
    const { train: streamed } = await openImages(folder, { ...options, memoryBudget: 60 * 12 * 12 * 4 - 1 });
    assert.is(kept.length, 59);
    assert.equal(streamed.labels, kept.labels);
    assert.equal(streamed.skipped, kept.skipped);
    assert.equal(await pixelsOf(streamed), await pixelsOf(kept));
    assert.equal(await pixelsOf(streamed, [58, 3, 3, 0]), await pixelsOf(kept, [58, 3, 3, 0]));
    await rejects(streamed.fetch([59], new Uint8Array(12 * 12 * 4)), DataError, /no image 59/);
    await rejects(streamed.fetch([0], new Uint8Array(5)), DataError, /has 5/);

    // That the one set reads its files again and the other does not, shows when a file changes.
    await writeFiles(folder, { "cat/000.jpg": "gone" });
    await rejects(pixelsOf(streamed, [0]), DataError, /cat\/000\.jpg/, /not any more/);
    assert.is((await pixelsOf(kept, [0])).length, 12 * 12 * 4);
  }));

test("progress counts up to the number of images of both splits", () =>
  inTemporaryFolder(async (folder) => {
    await writeFiles(folder, { ...(await jpegs("train/", 5)), ...(await jpegs("test/", 3)) });
    const calls: [number, number | null][] = [];
    await openImages(folder, { imageSize: 8, onProgress: (done, total) => calls.push([done, total]) });
    assert.equal(
      calls,
      Array.from({ length: 8 }, (_, i) => [i + 1, 8]),
    );
  }));

test("refuses options out of range", async () => {
  await rejects(openImages(".", { imageSize: 0 }), ConfigError, /image size/, /got 0/);
  await rejects(openImages(".", { imageSize: 1.5 }), ConfigError, /got 1\.5/);
  await rejects(openImages(".", { memoryBudget: Number.NaN }), ConfigError, /memory budget/);
});

test("refuses a missing path, a folder without images and a file of another kind", () =>
  inTemporaryFolder(async (folder) => {
    await rejects(openImages(`${folder}/nowhere`), DataError, /nowhere/);
    await writeFiles(folder, { "read.me": "text", "pictures.txd": "PK" });
    await rejects(openImages(folder), DataError, /no images in/, /JPEG/);
    await rejects(openImages(`${folder}/pictures.txd`), DataError, /pictures\.txd is neither/, /\.tar\.gz/);
  }));

test.run();
