import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Dataset } from "../../src/data/dataset.js";
import { datasetFromPixels } from "../../src/data/pixels.js";
import { splitHoldOut, subset } from "../../src/data/views.js";
import { ConfigError, DataError } from "../../src/errors.js";
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

test("without labels every k-th image is held out", async () => {
  assert.equal(await numbersIn(splitHoldOut(numbered(12), 0.25).test), [1, 5, 9]);
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

test.run();
