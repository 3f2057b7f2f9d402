import { suite } from "uvu";
import { cosineSimilarityForward, l2NormalizeBackward, l2NormalizeForward } from "../../src/reference/l2-normalize.js";
import { assertGolden, type GoldenCase, testGoldens } from "./goldens.js";

const l2Normalize = suite("reference: row normalisation");

function checkRows(golden: GoldenCase): void {
  const [rows, columns] = [golden.number("rows"), golden.number("columns")];
  const result = l2NormalizeForward(golden.floats("x"), rows, columns);
  assertGolden(result.y, golden.floats("y"), "y");
  // With one column dx is what is left of dy - dy, over |x|.
  const scale = Math.max(...result.norms.map((norm) => 1 / Math.max(norm, 1e-12)));
  assertGolden(l2NormalizeBackward(result, golden.floats("dy"), rows, columns), golden.floats("dx"), "dx", scale);
}

function checkSimilarity(golden: GoldenCase): void {
  const sizes = { rowsA: golden.number("rowsA"), rowsB: golden.number("rowsB"), columns: golden.number("columns") };
  const [a, b] = [golden.floats("a"), golden.floats("b")];
  assertGolden(cosineSimilarityForward(a, b, sizes), golden.floats("similarity"), "similarity");
}

testGoldens(
  l2Normalize,
  "l2-normalize",
  { cases: ["small", "one column", "wide", "norm 1e3", "norm 1e-6", "zero row"], check: checkRows },
  { cases: ["cosine similarity"], check: checkSimilarity },
);

l2Normalize.run();
