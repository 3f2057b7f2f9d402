import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Dataset } from "../../src/data/dataset.js";
import { openImages } from "../../src/data/open-images.js";

const test = suite("the sample archives");

test("for a first run has 10,000 and 2,000 images of ten classes, balanced", async () => {
  const [{ fileURLToPath }, { readFile }, { gunzipSync }] = await Promise.all([
    import("node:url"),
    import("node:fs/promises"),
    import("node:zlib"),
  ]);
  const path = fileURLToPath(new URL("../../../src/data/samples/cifar-10-sample.tar.gz", import.meta.url));
  const text = gunzipSync(await readFile(path)).toString("latin1");
  const counts = new Map<string, number>();
  for (const [, part, label] of text.matchAll(/(train|test)\/([a-z]+)\/\d{4}\.jpg/g)) {
    const name = `${part} ${label}`;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  assert.is(counts.size, 20);
  for (const [name, count] of counts) assert.is(count, name.startsWith("train") ? 1000 : 200, name);
});

test("for tests has 2,000 and 1,000 images of ten classes, balanced, with labels that agree", async () => {
  const { fileURLToPath } = await import("node:url");
  // From dist/test/data/ to src/data/samples/.
  const path = fileURLToPath(new URL("../../../src/data/samples/cifar-10-mini.tar.gz", import.meta.url));
  const { train, test: held } = await openImages(path);
  assert.ok(held);
  assert.equal([train.length, train.width, train.height], [2000, 32, 32]);
  assert.equal([held.length, held.width, held.height], [1000, 32, 32]);
  assert.equal(train.classes, "airplane automobile bird cat deer dog frog horse ship truck".split(" "));
  assert.equal(held.classes, train.classes);
  assert.equal([train.skipped, held.skipped], [[], []]);
  const counts = (set: Dataset): number[] =>
    set.classes.map((_, label) => [...(set.labels ?? [])].filter((other) => other === label).length);
  assert.equal(counts(train), Array(10).fill(200));
  assert.equal(counts(held), Array(10).fill(100));

  // The mean of each channel over CIFAR-10 is near 125, 123 and 114 of 255. These are 2,000 of its images, each with a mean
  // of its own that varies by about 30: a standard error of 0.7, so 4 is beyond six of them.
  const pixels = new Uint8Array(train.length * 32 * 32 * 4);
  await train.fetch(
    Array.from({ length: train.length }, (_, i) => i),
    pixels,
  );
  const sums = [0, 0, 0, 0];
  pixels.forEach((value, i) => {
    sums[i % 4] = (sums[i % 4] ?? 0) + value;
  });
  const means = sums.map((sum) => sum / (pixels.length / 4));
  assert.is(means[3], 255);
  [125.3, 123.0, 113.9].forEach((expected, channel) => {
    assert.ok(Math.abs((means[channel] ?? 0) - expected) < 4, `channel ${channel}: ${means[channel]}`);
  });
});

test.run();
