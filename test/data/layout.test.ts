import { suite } from "uvu";
import * as assert from "uvu/assert";
import { findSplits, type SplitLayout } from "../../src/data/layout.js";

const test = suite("splits and labels from paths");

/** Each image of a split as "path" or "path=class". */
function shown(paths: readonly string[], split: SplitLayout | null): string[] | null {
  if (split === null) {
    return null;
  }
  return split.members.map((index, i) => {
    const label = split.labels?.[i];
    return label === undefined ? `${paths[index]}` : `${paths[index]}=${split.classes[label]}`;
  });
}

function splitsOf(...paths: readonly string[]): { train: string[] | null; test: string[] | null } {
  const { train, test: held } = findSplits(paths);
  return { train: shown(paths, train), test: shown(paths, held) };
}

test("class folders give labels, in the order of the sorted paths", () => {
  assert.equal(splitsOf("dog/b.jpg", "cat/z.jpg", "dog/a.jpg", "Zebra/1.jpg"), {
    train: ["Zebra/1.jpg=Zebra", "cat/z.jpg=cat", "dog/a.jpg=dog", "dog/b.jpg=dog"],
    test: null,
  });
});

test("the first folder is the class, however deep the image lies", () => {
  assert.equal(splitsOf("cat/2020/a.jpg", "cat/b.jpg", "dog/x/y/c.jpg").train, [
    "cat/2020/a.jpg=cat",
    "cat/b.jpg=cat",
    "dog/x/y/c.jpg=dog",
  ]);
});

test("no labels: a flat folder, many images beside folders, all in one folder", () => {
  assert.equal(splitsOf("b.jpg", "a.jpg"), { train: ["a.jpg", "b.jpg"], test: null });
  assert.equal(splitsOf("a.jpg", "cat/b.jpg", "dog/c.jpg").train, ["a.jpg", "cat/b.jpg", "dog/c.jpg"]);
  assert.equal(splitsOf("all/a.jpg", "all/b.jpg").train, ["all/a.jpg", "all/b.jpg"]);
  assert.equal(findSplits(["all/a.jpg"]).train.classes, []);
});

test("one common top folder is the root", () => {
  assert.equal(splitsOf("pets/cat/a.jpg", "pets/dog/b.jpg").train, ["pets/cat/a.jpg=cat", "pets/dog/b.jpg=dog"]);
  assert.equal(splitsOf("pets/train/a.jpg", "pets/test/b.jpg"), {
    train: ["pets/train/a.jpg"],
    test: ["pets/test/b.jpg"],
  });
  assert.equal(splitsOf("train/cat/a.jpg", "train/dog/b.jpg"), {
    train: ["train/cat/a.jpg=cat", "train/dog/b.jpg=dog"],
    test: null,
  });
});

test("train and val, or test before val, are splits; what lies beside them is left out", () => {
  assert.equal(splitsOf("train/1.jpg", "val/2.jpg"), { train: ["train/1.jpg"], test: ["val/2.jpg"] });
  assert.equal(splitsOf("cover.jpg", "train/1.jpg", "val/2.jpg", "test/3.jpg"), {
    train: ["train/1.jpg"],
    test: ["test/3.jpg"],
  });
});

test("splits have other names, in any case", () => {
  for (const [train, held] of [
    ["Train", "Val"],
    ["training", "Validation"],
    ["train", "valid"],
    ["TRAIN", "dev"],
    ["train", "testing"],
  ]) {
    assert.equal(splitsOf(`${train}/1.jpg`, `${held}/2.jpg`), { train: [`${train}/1.jpg`], test: [`${held}/2.jpg`] });
  }
});

test("a test and a validation folder alone are trained on, and never told apart as classes", () => {
  const layout = findSplits(["test/cat/1.jpg", "test/dog/2.jpg", "val/cat/3.jpg"]);
  assert.equal(layout.train.classes, ["cat", "dog"]);
  assert.equal([...(layout.train.labels ?? [])], [0, 1, 0]);
  assert.is(layout.test, null);
  assert.match(layout.notes.join(), /none to train on/);
});

test("unlabelled images are trained on with the others, without labels", () => {
  const paths = [
    "train/a/1.jpg",
    "train/b/2.jpg",
    "test/a/3.jpg",
    "test/b/4.jpg",
    "unlabeled/5.jpg",
    "Unlabelled/x/6.jpg",
  ];
  const layout = findSplits(paths);
  assert.equal(shown(paths, layout.train), ["train/a/1.jpg=a", "train/b/2.jpg=b"]);
  assert.equal(shown(paths, layout.unlabelled), ["Unlabelled/x/6.jpg", "unlabeled/5.jpg"]);
  assert.equal(layout.notes, []);
  // Where no image has a label, they are all the same.
  const flat = ["train/1.jpg", "unlabeled/0.jpg", "test/2.jpg"];
  assert.equal(shown(flat, findSplits(flat).train), ["train/1.jpg", "unlabeled/0.jpg"]);
  assert.is(findSplits(flat).unlabelled, null);
  const untrained = ["unlabeled/1.jpg", "test/a/2.jpg", "test/b/3.jpg"];
  assert.equal(shown(untrained, findSplits(untrained).train), ["unlabeled/1.jpg"]);
});

test("a stray image leaves the labels of the others, and is named", () => {
  const classes = Array.from({ length: 20 }, (_, i) => `${["cat", "dog"][i % 2]}/${i}.jpg`);
  const layout = findSplits([...classes, "cover.jpg"]);
  assert.equal(layout.train.classes, ["cat", "dog"]);
  assert.is(layout.train.members.length, 20);
  assert.equal(layout.unlabelled?.members, [20]);
  assert.match(layout.notes.join(), /without a label.*cover\.jpg/);
  const held = findSplits([
    ...classes.map((path) => `train/${path}`),
    ...classes.map((path) => `test/${path}`),
    "test/x.jpg",
  ]);
  assert.is(held.test?.members.length, 20);
  assert.match(held.notes.join(), /left out of the test.*test\/x\.jpg/);
});

test("why there are no labels, and what else would surprise, is said", () => {
  const notesOf = (...paths: readonly string[]) => findSplits(paths).notes.join("\n");
  assert.match(notesOf("a.jpg", "cat/b.jpg", "dog/c.jpg"), /no labels.*1 image of 3 lie beside the folders cat, dog/);
  assert.match(notesOf("animals/cat/1.jpg", "animals/dog/2.jpg", "plants/oak/3.jpg"), /2 first folders.*mean nothing/);
  assert.match(notesOf("train/1.jpg", "val/2.jpg", "test/3.jpg", "cover.jpg"), /left out: 2 images.*cover\.jpg, val\//);
  assert.match(
    notesOf("train/a/1.jpg", "train/b/2.jpg", "test/c/3.jpg", "test/a/4.jpg"),
    /1 class to test on \(c\) cannot be right/,
  );
  assert.match(
    notesOf("train/a/1.jpg", "train/b/2.jpg", "test/c/3.jpg", "test/d/4.jpg"),
    /no class to test on \(c, d\) is one to train on \(a, b\)/,
  );
  assert.is(notesOf("cat/2020/a.jpg", "cat/b.jpg", "dog/x/y/c.jpg", "dog/x/d.jpg", "train/e.jpg"), "");
});

test("folders around the class folders are no classes, however many", () => {
  assert.equal(splitsOf("data/set/images/cat/1.jpg", "data/set/images/dog/2.jpg").train, [
    "data/set/images/cat/1.jpg=cat",
    "data/set/images/dog/2.jpg=dog",
  ]);
});

test("without both splits, train is a folder like any other", () => {
  assert.equal(splitsOf("train/1.jpg", "car/2.jpg").train, ["car/2.jpg=car", "train/1.jpg=train"]);
});

test("classes agree across the splits, where one lacks some of them", () => {
  const { train, test: held } = findSplits(["train/b/1.jpg", "train/c/2.jpg", "test/a/3.jpg", "test/c/4.jpg"]);
  assert.equal(train.classes, ["a", "b", "c"]);
  assert.equal(held?.classes, ["a", "b", "c"]);
  assert.equal([...(train.labels ?? [])], [1, 2]);
  assert.equal([...(held?.labels ?? [])], [0, 2]);
});

test("a split without labels leaves the other one its own", () => {
  const { train, test: held } = findSplits(["train/all/1.jpg", "test/a/3.jpg", "test/c/4.jpg"]);
  assert.is(train.labels, null);
  assert.equal(train.classes, []);
  assert.equal(held?.classes, ["a", "c"]);
});

test.run();
