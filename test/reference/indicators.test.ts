import { suite } from "uvu";
import * as assert from "uvu/assert";
import { alignment, centredSingularValues, effectiveRankOf, uniformity } from "../../src/reference/indicators.js";
import { assertGolden, type GoldenCase, testGoldens } from "./goldens.js";

const indicators = suite("reference: quality indicators");

function check(golden: GoldenCase): void {
  const dimension = golden.number("dimension");
  const [first, second] = [golden.floats("first"), golden.floats("second")];
  // Distances are sums of terms about 1, however near to 0 they come.
  assertGolden(alignment(first, second, dimension), golden.floats("alignment"), "alignment", 1);
  const both = Float64Array.of(uniformity(first, dimension), uniformity(second, dimension));
  assertGolden(both, golden.floats("uniformity"), "uniformity", 1);
  const values = centredSingularValues(first, dimension).sort((a, b) => b - a);
  const expected = golden.floats("singularValues");
  // Fewer rows than columns have no more singular values than rows; the others are zero.
  const largest = Math.max(...expected);
  assertGolden(values.subarray(0, expected.length), expected, "singular values", largest);
  assert.ok(values.subarray(expected.length).every((value) => value <= 1e-12 * largest));
  if (golden.tensors.includes("effectiveRank")) {
    assertGolden(effectiveRankOf(values), golden.floats("effectiveRank"), "effective rank", dimension);
  }
}

const cases = ["random", "views alike", "two rows", "one column", "few directions", "collapsed", "wide and off centre"];
testGoldens(indicators, "indicators", { cases, check });

indicators("the effective rank counts equal singular values, and those of nothing as 0", () => {
  assert.ok(Math.abs(effectiveRankOf(Float64Array.of(2, 2, 0, 2)) - 3) < 1e-12);
  assert.is(effectiveRankOf(Float64Array.of(7)), 1);
  assert.is(effectiveRankOf(new Float64Array(4)), 0);
});

indicators.run();
