import { suite } from "uvu";
import * as assert from "uvu/assert";
import { wilsonInterval } from "../../src/evaluation/interval.js";

const interval = suite("confidence intervals of shares");

/** The quantile that the interval is made with. */
const Z = 1.959964;

interval("are where a share is Z standard deviations from what was found", () => {
  for (const [right, count] of [
    [3, 3],
    [0, 5],
    [1, 2],
    [329, 1000],
    [9999, 10000],
  ] as const) {
    const share = right / count;
    const [low, high] = wilsonInterval(share, count);
    assert.ok(low <= share && share <= high && low >= 0 && high <= 1);
    // Of both ends the definition itself: (share - p)^2 = Z^2 p (1 - p) / count.
    for (const p of [low, high].filter((end) => end > 0 && end < 1)) {
      const [left, rest] = [(share - p) ** 2, (Z ** 2 * p * (1 - p)) / count];
      assert.ok(Math.abs(left - rest) < 1e-12, `${left} and ${rest}`);
    }
  }
});

interval("of few images are wide", () => {
  // Of all right ones the lower end is count / (count + Z^2).
  const [low, high] = wilsonInterval(1, 3);
  assert.ok(Math.abs(low - 3 / (3 + Z ** 2)) < 1e-12 && high === 1, `${low} to ${high}`);
});

interval.run();
