import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openImages } from "../../src/data/open-images.js";
import { DataError } from "../../src/errors.js";
import { crc32 } from "../../src/io/crc32.js";
import { pixelsOf, rejects } from "./expect.js";
import { inTemporaryFolder, jpegs, tar, writeFiles, type ZipEntry, zip } from "./make-files.js";

const test = suite("opening a zip archive");

async function someEntries(prefix = ""): Promise<ZipEntry[]> {
  const files = {
    ...(await jpegs(`${prefix}train/cat/`, 3)),
    ...(await jpegs(`${prefix}train/dog/`, 2)),
    ...(await jpegs(`${prefix}test/dog/`, 1)),
    ...(await jpegs(`${prefix}test/cat/`, 1)),
  };
  return Object.entries(files).map(([name, content], i) => ({ name, content, stored: i % 2 === 1 }));
}

const names = (set: { readonly length: number; nameOf(index: number): string }) =>
  Array.from({ length: set.length }, (_, index) => set.nameOf(index));

test("checksums are those of the standard", () => {
  assert.is(crc32(new TextEncoder().encode("123456789")), 0xcbf43926);
  assert.is(crc32(new Uint8Array(0)), 0);
});

test("is the same as the unpacked folder, deflated and stored, and as a tar; the first bytes tell what is what", () =>
  inTemporaryFolder(async (folder) => {
    const entries = await someEntries();
    const made = await zip(entries);
    await writeFiles(folder, {
      ...Object.fromEntries(entries.map(({ name, content }) => [`unpacked/${name}`, content ?? ""])),
      "a.zip": made,
      "b.zip": await zip([{ name: "pets/" }, ...(await someEntries("pets/"))]),
      "c.ZIP": await tar(entries),
      "d.tar": made,
      e: made,
    });
    const expected = await openImages(`${folder}/unpacked`);
    for (const name of ["a.zip", "b.zip", "c.ZIP", "d.tar", "e"]) {
      const { train, test: held } = await openImages(`${folder}/${name}`);
      assert.equal(train.classes, ["cat", "dog"]);
      assert.equal(train.labels, expected.train.labels);
      assert.equal(await pixelsOf(train), await pixelsOf(expected.train));
      assert.ok(held && expected.test);
      assert.equal(held.labels, expected.test.labels);
      assert.equal(await pixelsOf(held), await pixelsOf(expected.test));
    }
  }));

test("a comment at the end, and sizes that only the directory has, are read", () =>
  inTemporaryFolder(async (folder) => {
    const [[name, content]] = Object.entries(await jpegs("", 1));
    const plain = await zip([{ name, content }]);
    const comment = new TextEncoder().encode("made on a Sunday");
    const commented = Uint8Array.from([...plain, ...comment]);
    commented[plain.length - 2] = comment.length;
    // Bit 3: sizes and checksum of the local header are zeros, and those of the directory count.
    const described = Uint8Array.from(plain);
    described.fill(0, 14, 26);
    await writeFiles(folder, { "a.zip": commented, "b.zip": described });
    for (const archive of ["a.zip", "b.zip"]) {
      assert.equal(names((await openImages(`${folder}/${archive}`)).train), [name]);
    }
  }));

test("junk and other files are ignored; of two entries of a name the later one counts; links lead inside", () =>
  inTemporaryFolder(async (folder) => {
    const files = await jpegs("", 3);
    const content = files["000.jpg"];
    await writeFiles(folder, {
      "a.zip": await zip([
        { name: "cat/b", content },
        { name: "cat/._b.jpg", content },
        { name: "__MACOSX/b.jpg", content },
        { name: "@eaDir/b.jpg", content },
        { name: "read.me", content: new TextEncoder().encode("of these pictures") },
        { name: "dog/x.jpg", content: files["001.jpg"] },
        { name: "cat/b", content: files["002.jpg"] },
        { name: "cat/link.jpg", linkname: "../dog/x.jpg" },
        { name: "wolf", linkname: "dog" },
        { name: "cat/out.jpg", linkname: "../../etc/passwd" },
        { name: "cat/nothing.jpg", linkname: "no.jpg" },
      ]),
      "only/b.jpg": files["002.jpg"] ?? "",
    });
    const { train } = await openImages(`${folder}/a.zip`);
    assert.equal(names(train), ["cat/b", "cat/link.jpg", "dog/x.jpg", "wolf/x.jpg"]);
    assert.equal(train.classes, ["cat", "dog", "wolf"]);
    assert.equal(await pixelsOf(train, [0]), await pixelsOf((await openImages(`${folder}/only`)).train));
    const reasons = train.skipped.map(({ name, reason }) => `${name}: ${reason}`).sort();
    assert.match(
      reasons.join("\n"),
      /cat\/nothing\.jpg: a link to nothing, cat\/no\.jpg\ncat\/out\.jpg: a link that leads out/,
    );
  }));

test("pieces of data sets are read from inside, and images of formats that are not read are named", () =>
  inTemporaryFolder(async (folder) => {
    const record = new Uint8Array(3073).fill(7);
    const heic = Uint8Array.from("\0\0\0\x18ftypheic\0\0\0\0mif1heic", (letter) => letter.charCodeAt(0));
    await writeFiles(folder, {
      "cifar.zip": await zip([{ name: "cifar/data_batch_1.bin", content: record }]),
      "phone.zip": await zip([{ name: "1.heic", content: heic }]),
      "none.zip": await zip([{ name: "read.me", content: heic.subarray(0, 3) }]),
    });
    assert.equal((await openImages(`${folder}/cifar.zip`)).train.labels, Uint32Array.of(7));
    await rejects(openImages(`${folder}/phone.zip`), DataError, /None of the 1 images/, /HEIC is not read/);
    await rejects(openImages(`${folder}/none.zip`), DataError, /no images in/);
    await rejects(openImages(`${folder}/cifar.zip`, { memoryBudget: 3072 }), DataError, /more than 3072 bytes/);
  }));

test("paths that lead outside are refused", () =>
  inTemporaryFolder(async (folder) => {
    const good = await someEntries();
    for (const name of ["../x.jpg", "a/../../x.jpg", "/etc/x.jpg", "..\\x.jpg", "C:\\x.jpg", "../notes.txt", "../"]) {
      await writeFiles(folder, { "a.zip": await zip([...good, { name, content: good[0]?.content }]) });
      await rejects(openImages(`${folder}/a.zip`), DataError, /outside/, /refused/);
    }
  }));

test("a damaged archive is an error, cut anywhere or of other bytes", () =>
  inTemporaryFolder(async (folder) => {
    const made = await zip(await someEntries());
    for (const part of [0.2, 0.5, 0.9, 0.999]) {
      await writeFiles(folder, { "a.zip": made.subarray(0, Math.floor(made.length * part)) });
      await rejects(openImages(`${folder}/a.zip`), DataError, /a\.zip is (damaged|cut short)/);
    }
    const view = new DataView(made.buffer);
    const directory = view.getUint32(made.length - 6, true);
    const damage = (at: number) => made.map((byte, i) => (i === at ? byte ^ 0xff : byte));
    await writeFiles(folder, {
      "directory.zip": damage(directory),
      "text.zip": "no archive ".repeat(200),
      "empty.zip": "",
    });
    for (const name of ["directory.zip", "text.zip", "empty.zip"]) {
      await rejects(openImages(`${folder}/${name}`), DataError, /damaged|cut short/, new RegExp(name));
    }
  }));

test("a damaged image of a good archive is left out and named, stored or deflated, and whatever the directory says", () =>
  inTemporaryFolder(async (folder) => {
    const files = Object.entries(await jpegs("", 40));
    const big = new Uint8Array(200).fill(1);
    const broken: Record<string, [ZipEntry, RegExp]> = {
      "size.jpg": [{ name: "size.jpg", content: big, size: 100 }, /damaged in the archive/],
      "short.jpg": [{ name: "short.jpg", content: big, size: 1000 }, /damaged in the archive/],
      "lzma.jpg": [{ name: "lzma.jpg", content: big, method: 14 }, /method 14 \(LZMA\)/],
    };
    for (const [name, [entry, reason]] of Object.entries(broken)) {
      const entries = files.map(([path, content]) => ({ name: path, content }));
      await writeFiles(folder, { "a.zip": await zip([...entries, entry]) });
      const { train } = await openImages(`${folder}/a.zip`);
      assert.is(train.length, 40);
      assert.equal([train.skipped[0]?.name, train.skipped.length], [name, 1]);
      assert.match(train.skipped[0]?.reason ?? "", reason);
    }
    // One flipped bit of an image that is stored: its checksum tells.
    const stored = await zip(files.map(([name, content]) => ({ name, content, stored: true })));
    stored[30 + "000.jpg".length + 300] ^= 1;
    await writeFiles(folder, { "b.zip": stored });
    assert.match((await openImages(`${folder}/b.zip`)).train.skipped[0]?.reason ?? "", /checksum/);
  }));

test("an encrypted archive, and one of another kind, is named as what it is", () =>
  inTemporaryFolder(async (folder) => {
    const [[name, content]] = Object.entries(await jpegs("", 1));
    await writeFiles(folder, {
      "a.zip": await zip([{ name, content, flags: 1 }]),
      "b.zip": await zip([{ name, content, flags: 0x41 }]),
      "c.tar.xz": Uint8Array.of(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, 0, 0),
      "d.7z": Uint8Array.of(0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c, 0, 0),
    });
    await rejects(openImages(`${folder}/a.zip`), DataError, /a\.zip is encrypted/, /000\.jpg/, /password/);
    await rejects(openImages(`${folder}/b.zip`), DataError, /b\.zip is encrypted/);
    await rejects(openImages(`${folder}/c.tar.xz`), DataError, /packed by xz/, /unpack it/);
    await rejects(openImages(`${folder}/d.7z`), DataError, /packed by 7-Zip/);
  }));

test("a bomb is not unpacked: beyond the budget, or far beyond what it takes in the archive", () =>
  inTemporaryFolder(async (folder) => {
    const entries = await someEntries();
    const start = entries[0]?.content ?? new Uint8Array(0);
    const bomb = new Uint8Array(2 ** 21);
    bomb.set(start);
    // As if it went on like that.
    const size = 2 ** 31;
    await writeFiles(folder, {
      "a.zip": await zip([...entries, { name: "train/cat/bomb.jpg", content: bomb, size }]),
      "b.zip": await zip([{ name: "data_batch_1.bin", content: bomb }]),
      // It says that it is small.
      "c.zip": await zip([...entries, { name: "train/cat/bomb.jpg", content: bomb, size: 1000 }]),
    });
    const { train } = await openImages(`${folder}/a.zip`, { maxBroken: 0.5 });
    assert.match(train.skipped[0]?.reason ?? "", /unpacks from \d+ to 2147483648 bytes.*refused/);
    await rejects(openImages(`${folder}/b.zip`, { memoryBudget: 2 ** 20 }), DataError, /more than 1048576 bytes/);
    const { train: other } = await openImages(`${folder}/c.zip`, { maxBroken: 0.5 });
    assert.match(other.skipped[0]?.reason ?? "", /damaged in the archive/);
  }));

test("an archive whose images are beyond the memory budget is read again on each fetch", () =>
  inTemporaryFolder(async (folder) => {
    await writeFiles(folder, { "a.zip": await zip(await someEntries()) });
    const decoded = 7 * 16 * 16 * 4;
    const { train: kept } = await openImages(`${folder}/a.zip`);
    const { train: streamed } = await openImages(`${folder}/a.zip`, { memoryBudget: decoded - 1 });
    assert.equal(await pixelsOf(streamed), await pixelsOf(kept));
    await writeFiles(folder, { "a.zip": "gone" });
    await rejects(pixelsOf(streamed, [0]), DataError, /train\/cat\/000\.jpg/, /not any more/);
  }));

test("decoded images are kept in a cache and found again, until an image of the archive changes", () =>
  inTemporaryFolder(async (folder) => {
    const entries = await someEntries();
    await writeFiles(folder, { "a.zip": await zip(entries) });
    const options = { imageSize: 8, cache: { folder: `${folder}/cache` } };
    const first = await pixelsOf((await openImages(`${folder}/a.zip`, options)).train);
    assert.equal(await pixelsOf((await openImages(`${folder}/a.zip`, options)).train), first);
    const [other] = (await someEntries("x/")).slice(2);
    const changed = entries.map((entry, i) => (i === 0 ? { ...entry, content: other.content } : entry));
    await writeFiles(folder, { "a.zip": await zip(changed) });
    const { train } = await openImages(`${folder}/a.zip`, options);
    assert.equal(await pixelsOf(train), await pixelsOf((await openImages(`${folder}/a.zip`, { imageSize: 8 })).train));
    assert.not.equal(await pixelsOf(train, [0]), first.subarray(0, 4 * 8 * 8));
  }));

test.run();
