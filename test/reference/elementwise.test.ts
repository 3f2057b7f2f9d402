import { suite } from "uvu";
import { biasForward, reluBackward, reluForward } from "../../src/reference/elementwise.js";
import { columnSums, rowMaxima } from "../../src/reference/reduction.js";
import { assertGolden, type GoldenCase, testGoldens } from "./goldens.js";

const elementwise = suite("reference: ReLU, bias and reductions");

function checkRelu(golden: GoldenCase): void {
  const y = reluForward(golden.floats("x"));
  assertGolden(y, golden.floats("y"), "y");
  assertGolden(reluBackward(y, golden.floats("dy")), golden.floats("dx"), "dx");
}

function checkBias(golden: GoldenCase): void {
  assertGolden(biasForward(golden.floats("x"), golden.floats("bias")), golden.floats("y"), "y");
}

function checkSums(golden: GoldenCase): void {
  const [rows, columns] = [golden.number("rows"), golden.number("columns")];
  const x = golden.floats("x");
  assertGolden(columnSums(x, rows, columns), golden.floats("columnSums"), "columnSums");
  assertGolden(rowMaxima(x, rows, columns), golden.floats("rowMaxima"), "rowMaxima");
}

testGoldens(
  elementwise,
  "elementwise",
  { cases: ["relu"], check: checkRelu },
  { cases: ["bias"], check: checkBias },
  { cases: ["sums 13x7", "sums 1x11", "sums 131x1", "sums 67x37"], check: checkSums },
);

elementwise.run();
