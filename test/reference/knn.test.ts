import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ShapeError } from "../../src/errors.js";
import { knnClassify } from "../../src/reference/knn.js";
import { assertGolden, type GoldenCase, testGoldens } from "./goldens.js";

const knn = suite("reference: kNN classification");

function check(golden: GoldenCase): void {
  const result = knnClassify(golden.floats("queries"), golden.floats("bank"), golden.integers("labels"), {
    dimension: golden.number("dimension"),
    classes: golden.number("classes"),
    k: golden.number("k"),
    temperature: golden.number("temperature"),
  });
  assert.equal(result.neighbors, golden.integers("neighbors"));
  assertGolden(result.scores, golden.floats("scores"), "scores");
  assert.equal(result.predictions, golden.integers("predictions"));
}

testGoldens(knn, "knn", { cases: ["k 5", "k 1", "whole bank"], check });

knn("of equals the lower index and the lower class come first", () => {
  const bank = new Float64Array([1, 0, 0, 1, 1, 0, 0, 1]);
  const labels = new Uint32Array([2, 1, 1, 0]);
  const { neighbors, predictions } = knnClassify(new Float64Array([3, 0]), bank, labels, {
    dimension: 2,
    classes: 3,
    k: 2,
    temperature: 0.1,
  });
  assert.equal(neighbors, new Uint32Array([0, 2]));
  assert.equal(predictions, new Uint32Array([1]));
});

knn("more neighbours than the bank holds are refused", () => {
  const options = { dimension: 1, classes: 1, k: 2, temperature: 0.1 };
  assert.throws(
    () => knnClassify(new Float64Array([1]), new Float64Array([1]), new Uint32Array([0]), options),
    (error: unknown) => error instanceof ShapeError && /k is 2.*only 1 rows/.test(error.message),
  );
});

knn.run();
