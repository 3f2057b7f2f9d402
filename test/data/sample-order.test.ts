import { suite } from "uvu";
import * as assert from "uvu/assert";
import { sampleOrder } from "../../src/data/sample-order.js";
import { ConfigError } from "../../src/errors.js";
import { throws } from "./expect.js";

const test = suite("sample order");

test("is a permutation", () => {
  for (const length of [0, 1, 2, 3, 100, 4097]) {
    const order = sampleOrder(length, 7, 3);
    assert.is(order.length, length);
    assert.equal(
      [...order].sort((a, b) => a - b),
      Array.from({ length }, (_, i) => i),
    );
  }
});

test("depends on the seed, all of its 53 bits, and the epoch, and on nothing else", () => {
  const text = (seed: number, epoch: number): string => sampleOrder(50, seed, epoch).join();
  assert.is(text(1, 2), text(1, 2));
  const all = [text(0, 0), text(1, 0), text(0, 1), text(1, 1), text(2 ** 32, 0), text(2 ** 53 - 1, 0)];
  assert.is(new Set(all).size, all.length);
});

test("stays the same from release to release, so that runs can be resumed", () => {
  assert.equal([...sampleOrder(10, 42, 5)], [4, 5, 3, 1, 0, 6, 8, 7, 9, 2]);
  assert.equal([...sampleOrder(6, 2 ** 40 + 3, 1)], [3, 0, 1, 5, 2, 4]);
});

test("gives every permutation equally often", () => {
  // Chi-square over the 120 orders of 5 images: 119 degrees of freedom, mean 119, standard deviation sqrt(238) = 15.4.
  // The draws are fixed, so six standard deviations (211.6) separate a fair shuffle from a biased one for good.
  const runs = 24_000;
  const counts = new Map<string, number>();
  for (let seed = 0; seed < runs; seed++) {
    const order = sampleOrder(5, seed, 1).join();
    counts.set(order, (counts.get(order) ?? 0) + 1);
  }
  assert.is(counts.size, 120);
  const expected = runs / 120;
  const chiSquare = [...counts.values()].reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  assert.ok(chiSquare < 211.6, `chi-square ${chiSquare}`);
});

test("orders of neighbouring epochs are unrelated", () => {
  // Two random orders of n agree in one place on average, with variance 1: over 1,000 pairs 1,000 +- 6 * sqrt(1000).
  let agreements = 0;
  for (let epoch = 0; epoch < 1000; epoch++) {
    const next = sampleOrder(64, 9, epoch + 1);
    agreements += sampleOrder(64, 9, epoch).filter((image, i) => next[i] === image).length;
  }
  assert.ok(Math.abs(agreements - 1000) < 190, `${agreements} agreements`);
});

test("refuses arguments out of range", () => {
  throws(() => sampleOrder(-1, 0, 0), ConfigError, /length/, /-1/);
  throws(() => sampleOrder(10, 1.5, 0), ConfigError, /seed/, /1\.5/);
  throws(() => sampleOrder(10, 2 ** 53, 0), ConfigError, /seed/);
  throws(() => sampleOrder(10, 0, -1), ConfigError, /epoch/);
});

test.run();
