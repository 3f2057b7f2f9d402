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

test("no labels: a flat folder, images beside folders, all in one folder", () => {
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
