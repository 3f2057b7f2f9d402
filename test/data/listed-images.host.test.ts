import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openImages } from "../../src/data/open-images.js";
import { DataError } from "../../src/errors.js";
import { pixelsOf, rejects } from "./expect.js";
import { inTemporaryFolder, jpeg, jpegs, writeFiles } from "./make-files.js";

const test = suite("lists of images");

interface Named {
  readonly length: number;
  readonly labels: Uint32Array | null;
  readonly classes: readonly string[];
  nameOf(index: number): string;
}

/** "name: class" of each image. */
function said({ length, labels, classes, nameOf }: Named): string[] {
  return Array.from({ length }, (_, index) => `${nameOf(index)}: ${labels ? classes[labels[index]] : "none"}`);
}

/** Opens a list beside the images 000.jpg to 003.jpg in `photos/`. */
async function opened(folder: string, name: string, text: string, maxBroken?: number) {
  await writeFiles(folder, { ...(await jpegs("photos/", 4)), [name]: text });
  return openImages(`${folder}/${name}`, { maxBroken });
}

test("paths and labels, with a header and without, whatever separates them; in the order of the list", () =>
  inTemporaryFolder(async (folder) => {
    const expected = ["photos/002.jpg: dog", "photos/000.jpg: cat"];
    const lists: Record<string, readonly [text: string, note: RegExp]> = {
      "a.csv": [
        "photos/002.jpg,dog\r\nphotos/000.jpg,cat\r\n",
        /no header; the first column is the path and the second/,
      ],
      "b.csv": [
        "Label,File Name\ndog,photos/002.jpg\ncat,./photos/000.jpg",
        /line 1 is a header; paths in "File Name", labels in "Label"/,
      ],
      "c.csv": ['filepath;breed\n"photos/002.jpg";dog\nphotos/000.jpg;cat\n', /labels in "breed"/],
      "d.tsv": [
        "path\tclass_name\tlabel\nphotos/002.jpg\tdog\t1\nphotos/000.jpg\tcat\t0\n",
        /labels in "class_name"; columns left out: "label"/,
      ],
      "e.txt": ["# two of four\n\nphotos/002.jpg\tdog\nphotos/000.jpg\tcat\n", /no header/],
      "f.txt": ["photos/002.jpg, dog\nphotos/000.jpg, cat", /no header/],
    };
    for (const [name, [text, note]] of Object.entries(lists)) {
      const { train, test: held, unlabelled, notes } = await opened(folder, name, text);
      assert.equal(said(train), expected, name);
      assert.equal([train.classes, held, unlabelled], [["cat", "dog"], null, null]);
      assert.match(notes?.join("\n") ?? "", note);
    }
    const { train } = await openImages(`${folder}/a.csv`);
    assert.equal(await pixelsOf(train, [1]), await pixelsOf((await openImages(`${folder}/photos`)).train, [0]));
  }));

test("paths alone, numbers behind paths, quotes, and paths that lead elsewhere", () =>
  inTemporaryFolder(async (folder) => {
    const bare = await opened(folder, "a.txt", "photos/000.jpg\nphotos/001.jpg\n");
    assert.equal(said(bare.train), ["photos/000.jpg: none", "photos/001.jpg: none"]);
    const numbers = await opened(folder, "b.txt", "photos/000.jpg 10\nphotos/001.jpg 2\n");
    assert.equal(
      [said(numbers.train), numbers.train.classes],
      [
        ["photos/000.jpg: 10", "photos/001.jpg: 2"],
        ["2", "10"],
      ],
    );
    await writeFiles(folder, { 'elsewhere/a "b", c.jpg': await jpeg(9), "lists/x.csv": "" });
    const text = `"../elsewhere/a ""b"", c.jpg","one, two"\n${folder}/photos/000.jpg,b`;
    await writeFiles(folder, { "lists/x.csv": text });
    const { train } = await openImages(`${folder}/lists/x.csv`);
    assert.equal(said(train), ['../elsewhere/a "b", c.jpg: one, two', `${folder}/photos/000.jpg: b`]);
  }));

test("splits in a column; images without a label; the same line twice", () =>
  inTemporaryFolder(async (folder) => {
    const text =
      "path,label,split\nphotos/000.jpg,cat,train\nphotos/001.jpg,dog,train\nphotos/002.jpg,cat,Test\nphotos/003.jpg,,train\nphotos/003.jpg,,train\n";
    const { train, test: held, unlabelled, notes } = await opened(folder, "a.csv", text);
    assert.ok(held && unlabelled);
    assert.equal(said(train), ["photos/000.jpg: cat", "photos/001.jpg: dog"]);
    assert.equal(said(held), ["photos/002.jpg: cat"]);
    assert.equal(said(unlabelled), ["photos/003.jpg: none"]);
    assert.match(
      notes?.join("\n") ?? "",
      /1 line of the list .* again.*\ntrained on without a label: 1 image, photos\/003/,
    );
  }));

test("missing images are named: few are left out, many are an error that says where they were looked for", () =>
  inTemporaryFolder(async (folder) => {
    const { train } = await opened(folder, "a.csv", "photos/000.jpg\nphotos/001.jpg\nno.jpg\n", 0.4);
    assert.is(train.length, 2);
    assert.equal(train.skipped, [{ name: "no.jpg", reason: "line 3 of the list names it, and there is no such file" }]);
    const list = opened(folder, "b.csv", "path\nphotos/000.jpg\nno.jpg\nphotos\n");
    await rejects(
      list,
      DataError,
      /2 of the 3 images that .*b\.csv lists are not there/,
      /no\.jpg \(line 3\), photos \(line 4\)/,
      `from ${folder}`,
    );
    await rejects(opened(folder, "c.csv", "no.jpg", 1), DataError, /1 of the 1 image that/);
  }));

test("what is no image, or of a format that is not read, is named", () =>
  inTemporaryFolder(async (folder) => {
    const heic = Uint8Array.from("\0\0\0\x18ftypheic\0\0\0\0mif1heic", (letter) => letter.charCodeAt(0));
    await writeFiles(folder, { "a.heic": heic, "text.jpg": "words" });
    const { train } = await opened(folder, "a.csv", "photos/000.jpg,a\nphotos/001.jpg,b\na.heic,a\ntext.jpg,b", 0.4);
    assert.equal(said(train), ["photos/000.jpg: a", "photos/001.jpg: b"]);
    assert.match(
      train.skipped.map(({ name, reason }) => `${name}: ${reason}`).join("\n"),
      /text\.jpg: not an image.*\na\.heic: HEIC/,
    );
  }));

test("a list that says two things, or nothing, or is no text, is an error of its line", () =>
  inTemporaryFolder(async (folder) => {
    const wrong: Record<string, RegExp> = {
      "photos/000.jpg,a\nphotos/000.jpg,b": /two things of photos\/000\.jpg, in the lines 1 and 2/,
      "photos/000.jpg,a\n,b": /Line 2 .* names no image/,
      'photos/000.jpg,a\n"photos/001.jpg,b': /cannot be read: line 2: a quote/,
      "path,split\nphotos/000.jpg,fold3": /Line 2 .* the split "fold3"/,
      "": /names no image/,
      "path,label\n": /names no image/,
      "photos/000.jpg\0": /Line 1 .* names no image/,
    };
    for (const [text, message] of Object.entries(wrong)) {
      await rejects(opened(folder, "a.csv", text), DataError, message, /a\.csv/);
    }
    await writeFiles(folder, { "b.csv": Uint8Array.of(0xff, 0xfe, 0x61, 0) });
    await rejects(openImages(`${folder}/b.csv`), DataError, /no text in UTF-8/);
  }));

test.run();
