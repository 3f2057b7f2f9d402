import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Dataset } from "../../src/data/dataset.js";
import { joined } from "../../src/data/joined.js";
import { datasetFromPixels } from "../../src/data/pixels.js";
import { balancedSubset, namedSubset, splitHoldOut, subset, withTestPart } from "../../src/data/views.js";
import { ConfigError, DataError, UsageError } from "../../src/errors.js";
import { pixelsOf, rejects, throws } from "./expect.js";

const test = suite("views of a data set");

/** One pixel an image, whose red is the image's index. */
function numbered(length: number, labels?: readonly number[]): Dataset {
  const pixels = Uint8Array.from({ length: length * 3 }, (_, i) => (i % 3 === 0 ? i / 3 : 0));
  return datasetFromPixels({ name: "numbers", pixels, channels: 3, width: 1, height: 1, ...(labels && { labels }) });
}

async function numbersIn(dataset: Dataset): Promise<number[]> {
  return [...(await pixelsOf(dataset))].filter((_, i) => i % 4 === 0);
}

test("a subset has the chosen images and labels, in the chosen order", async () => {
  const view = subset(numbered(5, [0, 1, 2, 1, 0]), [3, 0, 3], "some");
  assert.is(view.name, "some");
  assert.is(view.length, 3);
  assert.equal([...(view.labels ?? [])], [1, 0, 1]);
  assert.equal(view.classes, ["0", "1", "2"]);
  assert.equal(await numbersIn(view), [3, 0, 3]);
  assert.equal(await numbersIn(subset(view, [1, 2])), [0, 3]);
});

test("a subset refuses indices outside its source, and its fetch those outside itself", async () => {
  throws(() => subset(numbered(3), [0, 3]), DataError, /no image 3/);
  await rejects(subset(numbered(3), [0]).fetch([1], new Uint8Array(4)), DataError, /no image 1/);
});

test("a held-out part is balanced over the classes, and both parts make up the whole", async () => {
  // 30 of class 0, 20 of class 1, 4 of class 2, interleaved: round(c * 0.1) = 3, 2, 0.
  const labels = Array.from({ length: 54 }, (_, i) => (i % 13 === 12 ? 2 : i % 5 < 3 ? 0 : 1));
  const counts = (set: Dataset): number[] =>
    [0, 1, 2].map((label) => [...(set.labels ?? [])].filter((other) => other === label).length);
  const whole = numbered(54, labels);
  const { train, test: held } = splitHoldOut(whole);
  assert.equal(
    counts(held),
    counts(whole).map((count) => Math.round(count * 0.1)),
  );
  const all = [...(await numbersIn(train)), ...(await numbersIn(held))];
  assert.equal(
    all.sort((a, b) => a - b),
    Array.from({ length: 54 }, (_, i) => i),
  );
  assert.equal(await numbersIn(splitHoldOut(whole).test), await numbersIn(held));
});

/** Images of one pixel that are called by these numbers, with labels of two classes in turn. */
function called(names: readonly number[]): Dataset {
  return {
    ...numbered(
      names.length,
      names.map((name) => name % 2),
    ),
    nameOf: (index) => `photo-${names[index]}.jpg`,
  };
}

test("what is held out depends on names and seed: an image more, wherever it stands, moves at most one other", () => {
  const namesHeld = (set: Dataset, seed?: number) => {
    const { test: held } = splitHoldOut(set, 0.1, seed);
    return Array.from({ length: held.length }, (_, index) => held.nameOf(index)).sort();
  };
  const names = Array.from({ length: 100 }, (_, i) => i);
  const before = namesHeld(called(names));
  assert.is(before.length, 10);
  assert.equal(namesHeld(called(names.toReversed())), before, "the order means nothing");
  assert.is.not(namesHeld(called(names), 2).join(), before.join());
  for (const added of [1000, 1001, 1002, 1003]) {
    const after = namesHeld(called([added, ...names]));
    const stayed = after.filter((name) => before.includes(name));
    assert.ok(stayed.length >= 9, `${stayed.length} of 10 stay`);
  }
});

test("joined sets have the clips of both, none in common, and none where one has none", () => {
  const set = (pixels: number) =>
    datasetFromPixels({ pixels: new Uint8Array(3 * pixels), channels: 3, width: 1, height: 1 });
  const first = { ...set(3), clips: { clip: Uint32Array.of(0, 4, 0), time: Uint32Array.of(0, 7, 1) } };
  const second = { ...set(2), clips: { clip: Uint32Array.of(0, 1), time: Uint32Array.of(3, 2) } };
  assert.equal(joined(first, second).clips, {
    clip: Uint32Array.of(0, 4, 0, 5, 6),
    time: Uint32Array.of(0, 7, 1, 3, 2),
  });
  assert.is(joined(first, set(1)).clips, undefined);
});

test("joined sets have no labels, and the images of both", async () => {
  const [first, second] = [numbered(3, [0, 1, 0]), subset(numbered(9), [8, 6, 7])];
  const both = joined(first, second);
  assert.equal([both.length, both.labels, both.classes], [6, null, []]);
  assert.equal(await numbersIn(both), [0, 1, 2, 8, 6, 7]);
  assert.equal(both.nameOf(2), first.nameOf(2));
  assert.equal(both.nameOf(4), second.nameOf(1));
  const out = new Uint8Array(3 * 4);
  await both.fetch([4, 0, 5], out);
  assert.equal([out[0], out[4], out[8]], [6, 0, 7]);
  await rejects(both.fetch([6], out), DataError, /no image 6/);
  const wide = datasetFromPixels({ pixels: new Uint8Array(6), channels: 3, width: 2, height: 1 });
  throws(() => joined(first, wide), DataError, /1 x 1 pixels .* 2 x 1/);
});

test("a test set of its own has the classes of the same names, whichever it lacks", () => {
  const train = { ...numbered(4, [0, 1, 2, 0]), classes: ["ant", "bee", "cow"] };
  const part = { ...numbered(3, [0, 1, 0]), classes: ["bee", "dog"] };
  const { train: here, test: there, notes } = withTestPart({ train, test: null }, part, ["something"]);
  assert.equal([here.classes, there?.classes], [["ant", "bee", "cow", "dog"], here.classes]);
  assert.equal([...(here.labels ?? [])], [0, 1, 2, 0]);
  assert.equal([...(there?.labels ?? [])], [1, 3, 1]);
  assert.match(notes?.join("\n") ?? "", /numbers: something\n1 class to test on \(dog\) cannot be right/);
  const unlabelled = withTestPart({ train: numbered(4), test: null }, part);
  assert.is(unlabelled.train.labels, null);
  assert.match(unlabelled.notes?.join() ?? "", /no accuracy/);
});

test("skipped images are listed once", () => {
  const whole = { ...numbered(10), skipped: [{ name: "a.jpg", reason: "cut short" }] };
  const { train, test: held } = splitHoldOut(whole);
  assert.equal(train.skipped, whole.skipped);
  assert.equal(held.skipped, []);
});

test("refuses fractions out of range, and a part without images", () => {
  for (const fraction of [0, 1, -0.1, Number.NaN]) {
    throws(() => splitHoldOut(numbered(10), fraction), ConfigError, /between 0 and 1/);
  }
  throws(() => splitHoldOut(numbered(3)), DataError, /leaves 3 to train and 0 to test/);
});

/** Labels of 40, 30 and 30 images, and none of the last class, mixed. */
const mixed = datasetWithClasses(
  Array.from({ length: 100 }, (_, i) => (i * 37) % 100).map((rank) => (rank < 40 ? 0 : rank < 70 ? 1 : 2)),
  ["ant", "bee", "cow", "dog"],
);

function datasetWithClasses(labels: readonly number[], classes: readonly string[]): Dataset {
  return { ...numbered(labels.length, labels), classes };
}

function countsOf({ labels }: Dataset): number[] {
  const counts = [0, 0, 0, 0];
  for (const label of labels ?? []) counts[label]++;
  return counts;
}

test("a balanced subset has the same number of images of every class", async () => {
  for (const [size, counts] of [
    [{ perClass: 7 }, [7, 7, 7, 0]],
    [{ share: 0.1 }, [3, 3, 3, 0]],
    [{ share: 0.001 }, [1, 1, 1, 0]],
    // A third of 100 for each, and no more than there are.
    [{ share: 1 }, [33, 30, 30, 0]],
  ] as const) {
    const { images, indices } = balancedSubset(mixed, size, 5);
    assert.equal(countsOf(images), counts);
    assert.equal(await numbersIn(images), [...indices]);
    assert.equal(
      [...indices],
      [...new Set(indices)].sort((a, b) => a - b),
    );
  }
  assert.equal(balancedSubset(mixed, { perClass: 1 }).images.classes, ["ant", "bee", "cow", "dog"]);
});

test("a seed draws the same images in every runtime, another one others, and fewer are among more", () => {
  const drawn = (perClass: number, seed: number) => [...balancedSubset(mixed, { perClass }, seed).indices];
  assert.equal(drawn(2, 5), [5, 8, 11, 42, 84, 91]);
  assert.equal(drawn(2, 5), drawn(2, 5));
  assert.not.equal(drawn(2, 6), drawn(2, 5));
  const more = new Set(drawn(9, 5));
  assert.ok(drawn(2, 5).every((index) => more.has(index)));
  // Every image can be drawn: one of 40 is missed by 400 draws once in 25,000 times.
  const seen = new Set(Array.from({ length: 400 }, (_, seed) => drawn(1, seed)).flat());
  assert.is(seen.size, 100);
});

test("refuses subsets that cannot be", () => {
  throws(() => balancedSubset(numbered(3), { perClass: 1 }), DataError, /numbers has no labels/);
  throws(() => balancedSubset(mixed, { perClass: 31 }), DataError, /30 images of the class "bee"/, /31 asked for/);
  for (const perClass of [0, 1.5]) {
    throws(() => balancedSubset(mixed, { perClass }), ConfigError, new RegExp(`got ${perClass}\\.`));
  }
  for (const share of [0, 1.01, Number.NaN]) {
    throws(() => balancedSubset(mixed, { share }), ConfigError, new RegExp(`got ${share}\\.`));
  }
});

test("a subset by names has these images, in their order", async () => {
  const { images, indices } = namedSubset(mixed, ["numbers[40]", "numbers[3]"]);
  assert.equal([...indices], [40, 3]);
  assert.equal(await numbersIn(images), [40, 3]);
  const drawn = balancedSubset(mixed, { share: 0.1 }, 5);
  const names = Array.from({ length: drawn.images.length }, (_, i) => drawn.images.nameOf(i));
  assert.equal(namedSubset(mixed, names).indices, drawn.indices);
});

test("names that are unknown or repeated are named", () => {
  throws(
    () => namedSubset(mixed, ["numbers[1]", "a.jpg"]),
    DataError,
    /1 of the 2 names .* no images of numbers: "a\.jpg"/,
  );
  const many = Array.from({ length: 8 }, (_, i) => `${i}.jpg`);
  throws(() => namedSubset(mixed, many), DataError, /8 of the 8 names/, /"4\.jpg" and 3 more/);
  throws(
    () => namedSubset(mixed, ["numbers[1]", "numbers[1]"]),
    DataError,
    /1 of the 2 .* repetitions: "numbers\[1\]"/,
  );
});

test("an ImageSet or a promise in place of a set is refused, with what to pass", () => {
  const train = datasetFromPixels({ pixels: new Uint8Array(12), channels: 3, width: 1, height: 1 });
  // As plain JavaScript calls them, which no compiler checks.
  for (const work of [subset, splitHoldOut, balancedSubset, namedSubset]) {
    const call = (given: unknown) => Reflect.apply(work, undefined, [given, []]);
    throws(
      () => call({ train, test: null }),
      UsageError,
      "this is an ImageSet, which has two parts: pass images.train",
    );
    throws(() => call(Promise.resolve(train)), UsageError, "this is a promise: await it");
  }
});

test.run();
