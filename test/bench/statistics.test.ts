import { suite } from "uvu";
import * as assert from "uvu/assert";
import { median } from "../../bench/measure/statistics.js";
import { digits, markdownTable } from "../../bench/measure/text.js";

const statistics = suite("statistics of benchmarks");

statistics("takes the middle value of an odd number, and the mean of two of an even one", () => {
  assert.is(median([5]), 5);
  assert.is(median([9, 1, 10]), 9);
  assert.is(median([4, 1, 3, 100]), 3.5);
  assert.throws(() => median([]), /no values/);
});

statistics("leaves the values in their order", () => {
  const values = [3, 1, 2];
  median(values);
  assert.equal(values, [3, 1, 2]);
});

statistics("shows three digits", () => {
  assert.equal([0, 0.0123, 0.5, 1.234, 12.34, 123.4, 1234.5].map(digits), [
    "0.00",
    "0.012",
    "0.500",
    "1.23",
    "12.3",
    "123",
    "1235",
  ]);
});

statistics("writes Markdown", () => {
  assert.is(
    markdownTable([
      ["a", "b"],
      ["1", "2"],
    ]),
    "| a | b |\n|---|---:|\n| 1 | 2 |",
  );
});

statistics.run();
