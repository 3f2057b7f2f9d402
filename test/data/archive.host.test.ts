import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openImages } from "../../src/data/open-images.js";
import { DataError } from "../../src/errors.js";
import { pixelsOf, rejects, sameBytes } from "./expect.js";
import { gzipped, inTemporaryFolder, jpegs, type TarEntry, tar, writeFiles } from "./make-files.js";

const test = suite("opening an archive");

async function someEntries(prefix = ""): Promise<TarEntry[]> {
  const files = {
    ...(await jpegs(`${prefix}train/cat/`, 3)),
    ...(await jpegs(`${prefix}train/dog/`, 2)),
    ...(await jpegs(`${prefix}test/dog/`, 1)),
    ...(await jpegs(`${prefix}test/cat/`, 1)),
  };
  return Object.entries(files).map(([name, content]) => ({ name, content }));
}

test("is the same as the unpacked folder: .tar, .tar.gz, .tgz, with a top folder or ./ before the names", () =>
  inTemporaryFolder(async (folder) => {
    const entries = await someEntries();
    const archive = await tar(entries);
    await writeFiles(folder, {
      ...Object.fromEntries(entries.map(({ name, content }) => [`unpacked/${name}`, content ?? ""])),
      "a.tar": archive,
      "b.tar.gz": await gzipped(archive),
      "c.tgz": await gzipped(await tar(await someEntries("pets/"))),
      "d.tar": await tar(await someEntries("./")),
      "not-gzip.tar.gz": archive,
      "gzipped.tar": await gzipped(archive),
    });
    const expected = await openImages(`${folder}/unpacked`);
    assert.is(expected.train.length, 5);
    for (const name of ["a.tar", "b.tar.gz", "c.tgz", "d.tar", "not-gzip.tar.gz", "gzipped.tar"]) {
      const { train, test: held } = await openImages(`${folder}/${name}`);
      assert.equal(train.classes, ["cat", "dog"]);
      assert.equal(train.labels, expected.train.labels);
      assert.equal(await pixelsOf(train), await pixelsOf(expected.train));
      assert.ok(held && expected.test);
      assert.equal(held.labels, expected.test.labels);
      assert.equal(await pixelsOf(held), await pixelsOf(expected.test));
    }
  }));

test("junk and other files are ignored; names may be long; of two entries of a name the later one counts", () =>
  inTemporaryFolder(async (folder) => {
    const files = await jpegs("", 3);
    const content = files["000.jpg"];
    const long = `${"long/".repeat(60)}x.jpg`;
    await writeFiles(folder, {
      "a.tar": await tar([
        { name: "b.jpg", content },
        { name: "._b.jpg", content },
        { name: "__MACOSX/b.jpg", content },
        { name: "read.me", content: new TextEncoder().encode("of these pictures") },
        { name: long, content: files["001.jpg"] },
        { name: "b.jpg", content: files["002.jpg"] },
      ]),
      "only/b.jpg": files["002.jpg"] ?? "",
      [`only/${long}`]: files["001.jpg"] ?? "",
    });
    const { train } = await openImages(`${folder}/a.tar`);
    assert.is(train.length, 2);
    assert.is(train.labels, null);
    assert.equal(await pixelsOf(train), await pixelsOf((await openImages(`${folder}/only`)).train));
  }));

test("links stand for what they lead to in the archive, with its labels; others are named", () =>
  inTemporaryFolder(async (folder) => {
    const files = await jpegs("", 3);
    const link = (name: string, linkname: string, type: "symlink" | "link" = "symlink") => ({ name, linkname, type });
    await writeFiles(folder, {
      "a.tar": await tar([
        link("cat/before.jpg", "../store/000.jpg"),
        ...Object.entries(files).map(([name, content]) => ({ name: `store/${name}`, content })),
        link("cat/hard.jpg", "store/001.jpg", "link"),
        link("cat/chain.jpg", "hard.jpg"),
        link("dog", "store"),
        link("cat/circle.jpg", "circle.jpg"),
        link("cat/out.jpg", "../../../etc/passwd"),
        link("cat/absolute.jpg", "/etc/passwd"),
      ]),
    });
    const { train } = await openImages(`${folder}/a.tar`);
    assert.equal(train.classes, ["cat", "dog", "store"]);
    assert.equal(
      Array.from({ length: train.length }, (_, index) => train.nameOf(index)),
      [
        ...["cat/before.jpg", "cat/chain.jpg", "cat/hard.jpg"],
        ...["dog/000.jpg", "dog/001.jpg", "dog/002.jpg"],
        ...["store/000.jpg", "store/001.jpg", "store/002.jpg"],
      ],
    );
    assert.equal(train.skipped.map(({ name }) => name).sort(), ["cat/absolute.jpg", "cat/circle.jpg", "cat/out.jpg"]);
    assert.match(train.skipped[0].reason, /leads out of the archive/);
  }));

test("what a file is, is told by its first bytes, in however small pieces they come", () =>
  inTemporaryFolder(async (folder) => {
    const filler = { name: "notes.txt", content: new Uint8Array(64_000) };
    const archive = await tar([filler, { name: "photo", content: (await jpegs("", 1))["000.jpg"] }]);
    const { gzipSync } = await import("node:zlib");
    const stored = gzipSync(archive, { level: 0 });
    // Files are read 64 KiB at a time, and what a piece unpacks to ends wherever it does: with a file name of 495 letters in the
    // header, one byte into the photo.
    const header = [0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 255, ...new Array<number>(495).fill(97), 0];
    await writeFiles(folder, { "a.tar.gz": Uint8Array.from([...header, ...stored.subarray(10)]) });
    assert.is((await openImages(`${folder}/a.tar.gz`)).train.nameOf(0), "photo");
  }));

/** An archive with bytes of its first header changed, and the header's checksum made right. */
function altered(archive: Uint8Array, at: number, text: string): Uint8Array {
  const bytes = Uint8Array.from(archive);
  const write = (start: number, what: string) => bytes.set(new TextEncoder().encode(what), start);
  write(at, text);
  write(148, " ".repeat(8));
  const sum = bytes.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  write(148, `${sum.toString(8).padStart(6, "0")}\0 `);
  return bytes;
}

test("a directory with a size, and a size that is none, end in an error", () =>
  inTemporaryFolder(async (folder) => {
    const archive = await tar(await someEntries());
    const [typeAt, sizeAt] = [156, 124];
    await writeFiles(folder, {
      "directory.tar": altered(archive, typeAt, "5"),
      "no-size.tar": altered(archive, sizeAt, "zzzzzzzzzzz"),
      "huge.tar": altered(archive, sizeAt, "77777777777"),
      "negative.tar": altered(archive, sizeAt, "\xff".repeat(11)),
    });
    for (const name of ["directory", "no-size", "huge", "negative"]) {
      await rejects(openImages(`${folder}/${name}.tar`), DataError, /damaged|cut short/, new RegExp(name));
    }
  }));

test("paths that lead outside are refused, whatever their kind", () =>
  inTemporaryFolder(async (folder) => {
    const good = await someEntries();
    const content = good[0]?.content;
    for (const name of ["../x.jpg", "a/../../x.jpg", "a/..", "/etc/x.jpg", "..\\x.jpg", "C:\\x.jpg", "../notes.txt"]) {
      await writeFiles(folder, { "a.tar": await tar([...good, { name, content }]) });
      await rejects(openImages(`${folder}/a.tar`), DataError, /outside/, /refused/);
    }
    await writeFiles(folder, { "a.tar": await tar([...good, { name: "../x.jpg", linkname: "b" }]) });
    await rejects(openImages(`${folder}/a.tar`), DataError, /"\.\.\/x\.jpg"/);
    // Two dots inside a name are only a name.
    await writeFiles(folder, { "a.tar": await tar([...good, { name: "train/cat/x..y.jpg", content }]) });
    assert.is((await openImages(`${folder}/a.tar`)).train.length, 6);
  }));

test("a damaged archive is an error: gzip or tar cut short or altered, no tar", () =>
  inTemporaryFolder(async (folder) => {
    const archive = await tar(await someEntries());
    const packed = await gzipped(archive);
    const altered = (bytes: Uint8Array, at: number): Uint8Array =>
      bytes.map((byte, i) => (i === at ? byte ^ 0xff : byte));
    // The first file takes up to its second 512-byte block: its header, then its content.
    const cases: Record<string, Uint8Array> = {
      "cut.tar.gz": packed.subarray(0, Math.floor(packed.length / 2)),
      "no-end.tgz": packed.subarray(0, packed.length - 4),
      "altered.tar.gz": altered(packed, Math.floor(packed.length / 2)),
      "in-a-file.tar": archive.subarray(0, 512 + 100),
      "in-a-header.tar": archive.subarray(0, 100),
      "checksum.tar": altered(archive, 3),
      "text.tar": new TextEncoder().encode("no archive ".repeat(200)),
      "empty.tar": new Uint8Array(0),
      "empty.tar.gz": new Uint8Array(0),
    };
    for (const [name, bytes] of Object.entries(cases)) {
      await writeFiles(folder, { [name]: bytes });
      await rejects(openImages(`${folder}/${name}`), DataError, /damaged|cut short/, new RegExp(name));
    }
  }));

test("an archive cut between two files is noticed too", () =>
  inTemporaryFolder(async (folder) => {
    const archive = await tar(await someEntries());
    await writeFiles(folder, { "a.tar": archive.subarray(0, archive.length - 1024) });
    await rejects(openImages(`${folder}/a.tar`), DataError, /cut short/);
  }));

test("an archive without images is an error", () =>
  inTemporaryFolder(async (folder) => {
    await writeFiles(folder, { "a.tar": await tar([{ name: "read.me", content: new Uint8Array(9) }]) });
    await rejects(openImages(`${folder}/a.tar`), DataError, /no images in/);
  }));

test("an archive above the memory budget is to be unpacked; one whose images are above it once decoded is decoded again and again", () =>
  inTemporaryFolder(async (folder) => {
    const entries = await someEntries();
    await writeFiles(folder, { "a.tar": await tar(entries) });
    const decoded = 7 * 16 * 16 * 4;
    const encoded = entries.reduce((sum, { content }) => sum + (content?.length ?? 0), 0);
    await rejects(openImages(`${folder}/a.tar`, { memoryBudget: encoded - 1 }), DataError, /Unpack it/);
    assert.ok(encoded < decoded);
    const kept = await openImages(`${folder}/a.tar`, { memoryBudget: decoded });
    const again = await openImages(`${folder}/a.tar`, { memoryBudget: decoded - 1 });
    assert.is(kept.train.length, 5);
    sameBytes(await pixelsOf(again.train), await pixelsOf(kept.train));
  }));

test.run();
