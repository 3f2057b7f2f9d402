import { suite } from "uvu";
import * as assert from "uvu/assert";
import { labelledLayout, type SaidImage } from "../../src/data/labelled.js";
import type { SplitLayout } from "../../src/data/layout.js";

const test = suite("layouts of images whose labels are said one by one");

/** Images 0, 1, ... of "label split" each; "-" for none. */
function images(...texts: readonly string[]): SaidImage[] {
  return texts.map((text, index) => {
    const [label, split] = text.split(" ");
    const known = (["train", "test", "val", "unlabelled"] as const).find((name) => name === split);
    return { name: String(index), label: label === "-" ? null : label, split: known ?? null };
  });
}

/** "index class" of each image of a split. */
function said(split: SplitLayout | null): string[] | null {
  if (split === null) return null;
  const { members, labels, classes } = split;
  return members.map((member, i) => `${member} ${labels ? classes[labels[i]] : "none"}`);
}

test("labels in the order of images, classes in that of numbers or letters", () => {
  assert.equal(said(labelledLayout(images("b", "a", "b")).train), ["0 b", "1 a", "2 b"]);
  assert.equal(labelledLayout(images("b", "a", "B")).train.classes, ["B", "a", "b"]);
  assert.equal(labelledLayout(images("10", "9", "-1")).train.classes, ["-1", "9", "10"]);
  assert.equal(labelledLayout(images("10", "9", "09")).train.classes, ["09", "10", "9"]);
});

test("one class is none, and then nothing is apart", () => {
  const { train, unlabelled, notes } = labelledLayout(images("a", "-", "a"));
  assert.equal([said(train), unlabelled], [["0 none", "1 none", "2 none"], null]);
  assert.equal(notes, ["no labels: all that have one have the same, a"]);
  assert.equal(labelledLayout(images("-", "-")).notes, []);
});

test("splits count where there are two; images without one are left out then", () => {
  const {
    train,
    test: held,
    unlabelled,
    notes,
  } = labelledLayout(images("a train", "b test", "b train", "a -", "a val", "- unlabelled", "- test"));
  assert.equal(said(train), ["0 a", "2 b"]);
  assert.equal(said(held), ["1 b"]);
  assert.equal(said(unlabelled), ["5 none"]);
  assert.equal(notes, [
    "left out: 2 images beside what is trained and tested on: 3, 4",
    "left out of the test, for want of a label: 1 image, 6",
  ]);
  assert.equal(said(labelledLayout(images("a test", "b test", "a -")).train), ["0 a", "1 b", "2 a"]);
  const both = labelledLayout(images("a test", "b val"));
  assert.equal([said(both.train), both.test], [["0 a", "1 b"], null]);
  assert.match(both.notes.join(), /none to train on/);
});

test("a test without labels has none, and classes that cannot be right are said", () => {
  assert.equal(said(labelledLayout(images("a train", "b train", "- test")).test), ["2 none"]);
  const { notes } = labelledLayout(images("a train", "b train", "c test"));
  assert.match(notes.join(), /no class to test on \(c\) is one to train on/);
});

test("names of classes take the place of numbers from 0, where they are enough and differ", () => {
  const names = ["ant", "bee", "cat"];
  assert.equal(labelledLayout(images("2", "0"), names).train.classes, ["ant", "cat"]);
  assert.equal(labelledLayout(images("x", "0"), names).train.classes, ["0", "x"]);
  for (const wrong of [["ant"], ["ant", "bee", "ant"]]) {
    const { train, notes } = labelledLayout(images("2", "0"), wrong);
    assert.equal(train.classes, ["0", "2"]);
    assert.match(notes.join(), /class names are not used/);
  }
  assert.equal(labelledLayout(images("-1", "0"), names).train.classes, ["-1", "0"]);
});

test.run();
