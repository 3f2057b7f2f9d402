import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openImages } from "../../src/data/open-images.js";
import { DataError } from "../../src/errors.js";
import { pixelsOf, rejects } from "./expect.js";
import { gzipped, inTemporaryFolder, jpeg, jpegs, tar, writeFiles, zip } from "./make-files.js";

const test = suite("samples with labels beside them, and shards");

/** Samples `first`, `first + 1`, ... with what stands beside each image. */
async function samples(first: number, labels: readonly Readonly<Record<string, string>>[]) {
  const files: Record<string, Uint8Array> = {};
  for (const [i, beside] of labels.entries()) {
    const key = String(first + i).padStart(4, "0");
    files[`${key}.jpg`] = await jpeg(first + i);
    for (const [kind, text] of Object.entries(beside)) files[`${key}.${kind}`] = new TextEncoder().encode(text);
  }
  return files;
}

function entries(files: Readonly<Record<string, Uint8Array>>) {
  return Object.entries(files).map(([name, content]) => ({ name, content }));
}

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

const cls = (...texts: readonly string[]) => texts.map((text) => ({ cls: text }));

test("a folder of shards is one set; names say which shard; numbers are classes in their order", () =>
  inTemporaryFolder(async (folder) => {
    await writeFiles(folder, {
      "set-000001.tar": await tar(entries(await samples(2, cls("10", "2\n")))),
      "set-000000.tar": await tar(entries(await samples(0, cls("2", "0")))),
      "set-000002.tar.gz": await gzipped(await tar(entries(await samples(4, cls("0"))))),
      "set-000003.zip": await zip(entries(await samples(5, cls("10")))),
    });
    const { train, test: held, notes } = await openImages(folder);
    assert.is(held, null);
    assert.equal(train.classes, ["0", "2", "10"]);
    assert.equal(said(train), [
      "set-000000.tar/0000.jpg: 2",
      "set-000000.tar/0001.jpg: 0",
      "set-000001.tar/0002.jpg: 10",
      "set-000001.tar/0003.jpg: 2",
      "set-000002.tar.gz/0004.jpg: 0",
      "set-000003.zip/0005.jpg: 10",
    ]);
    assert.equal(notes, ["labels come from .cls files"]);
    const { train: one } = await openImages(`${folder}/set-000000.tar`);
    assert.equal(said(one), ["0000.jpg: 2", "0001.jpg: 0"]);
    assert.equal(await pixelsOf(one), await pixelsOf(train, [0, 1]));
    await writeFiles(`${folder}/unpacked`, await samples(0, cls("2", "0")));
    assert.equal(said((await openImages(`${folder}/unpacked`)).train), said(one));
  }));

test("words are labels too, in .cls and in JSON under label, cls or class; class_names.txt names numbers", () =>
  inTemporaryFolder(async (folder) => {
    const cases: Record<string, readonly Readonly<Record<string, string>>[]> = {
      words: cls("dog", "cat\r\n"),
      label: [{ json: '{"width": 3, "label": "dog", "class": "x"}' }, { json: '{"label": "cat"}' }],
      cls: [{ json: '{"cls": "dog"}' }, { json: '{"cls": "cat"}' }],
      class: [{ json: '{"class": "dog"}' }, { json: '{"class": "cat"}' }],
      both: [
        { cls: "dog", json: '{"label": 7}' },
        { cls: "cat", json: '{"label": 3}' },
      ],
    };
    for (const [name, labels] of Object.entries(cases)) {
      await writeFiles(folder, { [`${name}.tar`]: await tar(entries(await samples(0, labels))) });
      const { train } = await openImages(`${folder}/${name}.tar`);
      assert.equal(said(train), ["0000.jpg: dog", "0001.jpg: cat"], name);
      assert.equal(train.classes, ["cat", "dog"]);
    }
    const numbers = await tar(entries(await samples(0, [{ json: '{"label": 2}' }, { json: '{"label": 0}' }])));
    await writeFiles(folder, { "named/a.tar": numbers, "named/class_names.txt": "ant\nbee\ncat\n" });
    const { train } = await openImages(`${folder}/named`);
    assert.equal(said(train), ["a.tar/0000.jpg: cat", "a.tar/0001.jpg: ant"]);
    await writeFiles(folder, { "named/class_names.txt": "ant\nbee\n" });
    const { train: few, notes } = await openImages(`${folder}/named`);
    assert.equal(few.classes, ["0", "2"]);
    assert.match(notes?.join() ?? "", /2 class names are not used/);
  }));

test("splits of shards are told by their names or folders, and by folders inside", () =>
  inTemporaryFolder(async (folder) => {
    const train = await tar(entries(await samples(0, cls("1", "0"))));
    const held = await tar(entries(await samples(5, cls("0", "1", "2"))));
    const sets: Record<string, Record<string, Uint8Array>> = {
      names: { "imagenet1k-train-0000.tar": train, "imagenet1k-validation-0000.tar": held },
      folders: { "Train/0.tar": train, "test/0.tar": held },
    };
    for (const [name, files] of Object.entries(sets)) {
      await writeFiles(`${folder}/${name}`, files);
      const { train: trained, test: tested, notes } = await openImages(`${folder}/${name}`);
      const [first, second] = Object.keys(files);
      assert.equal(said(trained), [`${first}/0000.jpg: 1`, `${first}/0001.jpg: 0`]);
      assert.ok(tested);
      assert.equal(said(tested), [`${second}/0005.jpg: 0`, `${second}/0006.jpg: 1`, `${second}/0007.jpg: 2`]);
      assert.match(notes?.join("\n") ?? "", /1 class to test on \(2\) cannot be right/);
    }
    const inside = { ...(await samples(0, cls("1", "0"))), ...(await samples(2, cls("1"))) };
    const placed = Object.entries(inside).map(([name, content]) => ({
      name: `${name < "0002" ? "train" : "val"}/${name}`,
      content,
    }));
    await writeFiles(folder, { "one.tar": await tar(placed) });
    const { train: trained, test: tested } = await openImages(`${folder}/one.tar`);
    assert.equal(
      [said(trained), tested && said(tested)],
      [["train/0000.jpg: 1", "train/0001.jpg: 0"], ["val/0002.jpg: 1"]],
    );
  }));

test("without labels beside them, class folders inside of shards count, and archives are no classes", () =>
  inTemporaryFolder(async (folder) => {
    await writeFiles(folder, {
      "a-0.tar": await tar(entries({ ...(await jpegs("cat/", 2)), ...(await jpegs("dog/", 1)) })),
      "a-1.tar": await tar(entries(await jpegs("dog/", 2))),
      "bare/0.tar": await tar(entries(await jpegs("", 2))),
      "bare/1.tar": await tar(entries(await jpegs("", 1))),
    });
    const { rm } = await import("node:fs/promises");
    const { train: bare } = await openImages(`${folder}/bare`);
    assert.equal(said(bare), ["0.tar/000.jpg: none", "1.tar/000.jpg: none", "0.tar/001.jpg: none"]);
    await rm(`${folder}/bare`, { recursive: true });
    assert.equal(said((await openImages(folder)).train), [
      "a-0.tar/cat/000.jpg: cat",
      "a-0.tar/cat/001.jpg: cat",
      "a-0.tar/dog/000.jpg: dog",
      "a-1.tar/dog/000.jpg: dog",
      "a-1.tar/dog/001.jpg: dog",
    ]);
  }));

test("samples without a label are a part of their own, and are said", () =>
  inTemporaryFolder(async (folder) => {
    const mixed: Record<string, string>[] = [
      { cls: "0" },
      { cls: "1" },
      {},
      { cls: " " },
      { json: '{"label": 1}' },
      { cls: "0" },
    ];
    await writeFiles(folder, {
      "a.tar": await tar(entries(await samples(0, mixed))),
      "b.tar": await tar(
        entries(
          await samples(0, [
            { json: '{"label": 1}' },
            { json: "[1" },
            { json: '{"label": 0}' },
            { json: '{"cls": 0}' },
          ]),
        ),
      ),
    });
    const a = await openImages(`${folder}/a.tar`);
    assert.equal(said(a.train), ["0000.jpg: 0", "0001.jpg: 1", "0005.jpg: 0"]);
    assert.ok(a.unlabelled);
    assert.equal(said(a.unlabelled), ["0002.jpg: none", "0003.jpg: none", "0004.jpg: none"]);
    assert.equal(a.notes, [
      "labels come from .cls files",
      "trained on without a label: 3 images, 0002.jpg, 0003.jpg, 0004.jpg",
    ]);
    const b = await openImages(`${folder}/b.tar`);
    assert.equal(said(b.train), ["0000.jpg: 1", "0002.jpg: 0"]);
    assert.is(b.unlabelled?.length, 2);
  }));

test("other images of a sample are left out and said", () =>
  inTemporaryFolder(async (folder) => {
    const files = await samples(0, cls("0", "1"));
    const mask = files["0000.jpg"];
    const all = { ...files, "0000.png": mask, "0001.seg.jpg": mask };
    await writeFiles(folder, { "a.tar": await tar(entries(all)) });
    const { train, unlabelled, notes } = await openImages(`${folder}/a.tar`);
    assert.equal(said(train), ["0000.jpg: 0", "0001.jpg: 1"]);
    assert.is(unlabelled, null);
    assert.match(notes?.join("\n") ?? "", /left out: 2 images beside.*0000\.png, 0001\.seg\.jpg/);
  }));

test("a few files that say labels do not take those of folders away, nor does other JSON", () =>
  inTemporaryFolder(async (folder) => {
    await writeFiles(folder, {
      ...(await jpegs("cat/", 6)),
      ...(await jpegs("dog/", 6)),
      "cat/000.json": '{"label": "a"}',
      "dog/001.json": '{"label": "b"}',
      "cat/002.jpg.json": '{"label": "c"}',
      "annotations.json": "{}",
    });
    const { train, notes } = await openImages(folder);
    assert.equal(train.classes, ["cat", "dog"]);
    assert.match(notes?.join("\n") ?? "", /labels come from the folders: 10 images of 12 without/);
  }));

test("archives beside images are named, a damaged shard is an error, and all share one budget", () =>
  inTemporaryFolder(async (folder) => {
    const files = await samples(0, cls("0", "1"));
    const shard = await tar(entries(files));
    await writeFiles(`${folder}/mixed`, { ...files, "more.tar": shard });
    assert.match((await openImages(`${folder}/mixed`)).notes?.join("\n") ?? "", /left out: 1 archive .*more\.tar/);
    await writeFiles(`${folder}/shards`, { "0.tar": shard, "1.tar": shard.subarray(0, 700) });
    await rejects(openImages(`${folder}/shards`), DataError, /1\.tar is (damaged|cut short)/);
    await writeFiles(`${folder}/shards`, { "1.tar": shard });
    const bytes = Object.values(files).reduce((sum, { length }) => sum + length, 0);
    await rejects(openImages(`${folder}/shards`, { memoryBudget: 2 * bytes - 1 }), DataError, /1\.tar take more than/);
    await writeFiles(folder, { "nested.tar": await tar([{ name: "0.tar", content: shard }]) });
    await rejects(openImages(`${folder}/nested.tar`), DataError, /no images in/, /archives in it \(0\.tar\)/);
  }));

test("files that claim to be labels are not read where they are none", () =>
  inTemporaryFolder(async (folder) => {
    const huge = new Uint8Array(70_000).fill(49);
    const files = { ...(await samples(0, cls("0", "1"))), ...(await samples(2, [{ cls: "1".repeat(300) }])) };
    await writeFiles(folder, {
      "a.tar": await tar(entries({ ...files, "0002.json": huge, "0003.jpg": await jpeg(3), "0003.cls": huge })),
      "b.zip": await zip(entries({ ...files, "0002.json": huge, "0003.jpg": await jpeg(3), "0003.cls": huge })),
    });
    for (const name of ["a.tar", "b.zip"]) {
      const { train, unlabelled } = await openImages(`${folder}/${name}`);
      assert.equal([said(train), unlabelled?.length], [["0000.jpg: 0", "0001.jpg: 1"], 2]);
    }
  }));

test.run();
