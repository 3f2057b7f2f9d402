import { suite } from "uvu";
import * as assert from "uvu/assert";
import { datasetFromPixels, PixelStore } from "../../src/data/pixels.js";
import { DataError } from "../../src/errors.js";
import { pixelsOf, rejects, throws } from "./expect.js";

const test = suite("data set from pixels");

test("RGB gets an opaque alpha, and the pixels are copied", async () => {
  const pixels = Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  const set = datasetFromPixels({ name: "two", pixels, channels: 3, width: 2, height: 1 });
  pixels.fill(0);
  assert.is(set.name, "two");
  assert.is(set.length, 2);
  assert.is(set.labels, null);
  assert.equal(set.classes, []);
  assert.equal(
    [...(await pixelsOf(set, [1, 0, 1]))],
    [...[7, 8, 9, 255, 10, 11, 12, 255], ...[1, 2, 3, 255, 4, 5, 6, 255], ...[7, 8, 9, 255, 10, 11, 12, 255]],
  );
});

test("the alpha of RGBA is ignored", async () => {
  const set = datasetFromPixels({ pixels: Uint8Array.from([1, 2, 3, 4]), channels: 4, width: 1, height: 1 });
  assert.equal([...(await pixelsOf(set))], [1, 2, 3, 255]);
});

test("labels bring their own class names or numbers", () => {
  const image = { pixels: new Uint8Array(9), channels: 3, width: 1, height: 1 } as const;
  const named = datasetFromPixels({ ...image, labels: [1, 0, 1], classes: ["cat", "dog"] });
  assert.equal([...(named.labels ?? [])], [1, 0, 1]);
  assert.equal(named.classes, ["cat", "dog"]);
  assert.equal(datasetFromPixels({ ...image, labels: [2, 0, 0] }).classes, ["0", "1", "2"]);
});

test("refuses what does not fit together", () => {
  const image = { pixels: new Uint8Array(24), channels: 3, width: 2, height: 2 } as const;
  throws(() => datasetFromPixels({ ...image, pixels: new Uint8Array(23) }), DataError, /23/, /12 bytes/);
  throws(() => datasetFromPixels({ ...image, pixels: new Uint8Array(0) }), DataError, /0 bytes/);
  throws(() => datasetFromPixels({ ...image, width: 0 }), DataError, /0x2/);
  throws(() => datasetFromPixels({ ...image, labels: [0] }), DataError, /1 labels for 2 images/);
  throws(() => datasetFromPixels({ ...image, labels: [0, 2], classes: ["a", "b"] }), DataError, /label 2 of image 1/);
  throws(() => datasetFromPixels({ ...image, labels: [0, 0.5] }), DataError, /label 0\.5/);
  throws(() => datasetFromPixels({ ...image, classes: ["a"] }), DataError, /without labels/);
});

/** As plain JavaScript calls it, which no compiler checks. */
const make = (input: unknown) => Reflect.apply(datasetFromPixels, undefined, [input]);

test("refuses pixels that are no bytes, which would all become 0, and says how to make bytes of them", async () => {
  const image = { channels: 3, width: 2, height: 1 } as const;
  const fractions = Float32Array.of(0, 0.2, 0.4, 0.6, 0.8, 1);
  for (const [pixels, kind] of [
    [fractions, "a Float32Array"],
    [Uint16Array.of(1, 2, 3, 4, 5, 6), "a Uint16Array"],
    [[1, 2, 3, 4, 5, 6], "an Array"],
    [undefined, "undefined"],
  ] as const)
    throws(() => make({ ...image, pixels }), DataError, /^pixels: .*bytes from 0 to 255/, `this is ${kind}`);
  // What the message says to do.
  const pixels = Uint8ClampedArray.from(fractions, (value) => 255 * value);
  assert.equal([...(await pixelsOf(datasetFromPixels({ ...image, pixels })))], [0, 51, 102, 255, 153, 204, 255, 255]);
});

test("refuses labels that are no list of class numbers", () => {
  const image = { pixels: new Uint8Array(6), channels: 3, width: 1, height: 1 } as const;
  throws(() => datasetFromPixels({ ...image, labels: [0, -1] }), DataError, /label -1 of image 1/);
  throws(() => datasetFromPixels({ ...image, labels: [0, Number.NaN] }), DataError, /label NaN of image 1/);
  throws(
    () => datasetFromPixels({ ...image, labels: [2, 0], classes: ["cat", "dog"] }),
    DataError,
    "label 2 of image 0 is not a whole number from 0 to 1, and there are 2 class names",
  );
  // Numbers of something else, which would get as many names.
  throws(() => datasetFromPixels({ ...image, labels: [0, 1e9] }), DataError, "label 1000000000 of image 1", "65535");
  throws(() => make({ ...image, labels: 2 }), DataError, "labels have to be a list of whole numbers", "got 2");
  throws(() => make({ ...image, labels: { cat: 1 } }), DataError, "got an Object");
});

test("fetch refuses indices outside the set and a short output, before it writes", async () => {
  const set = datasetFromPixels({ pixels: new Uint8Array(6).fill(9), channels: 3, width: 1, height: 1 });
  const out = new Uint8Array(8);
  await rejects(set.fetch([0, 2], out), DataError, /no image 2/, /2 images/);
  await rejects(set.fetch([-1], out), DataError, /no image -1/);
  await rejects(set.fetch([0.5], out), DataError, /no image 0\.5/);
  await rejects(set.fetch([0, 1, 0], out), DataError, /12 bytes/, /has 8/);
  assert.equal([...out], [0, 0, 0, 0, 0, 0, 0, 0]);
});

test("a store split over several arrays keeps its images apart", () => {
  // 16 bytes an image and 40 a chunk: two images each, the last chunk with one.
  const store = new PixelStore(5, 2, 2, 40);
  for (let i = 0; i < 5; i++) {
    store.image(i).fill(i + 1);
  }
  for (let i = 0; i < 5; i++) {
    assert.equal([...store.image(i)], Array(16).fill(i + 1));
  }
  assert.is.not(store.image(1).buffer, store.image(2).buffer);
  throws(() => store.image(6), DataError);
});

test.run();
