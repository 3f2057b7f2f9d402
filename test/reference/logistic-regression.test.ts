import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UNIT } from "../../src/doctor/rounding.js";
import { logisticRegression, standardizeColumns } from "../../src/reference/logistic-regression.js";
import { assertGolden, type GoldenCase, testGoldens } from "./goldens.js";

const regression = suite("reference: logistic regression");

function check(golden: GoldenCase): void {
  const [dimension, classes, l2] = ["dimension", "classes", "l2"].map((name) => golden.number(name));
  const x = standardizeColumns(golden.floats("x"), dimension);
  const problem = { x, labels: golden.integers("labels"), dimension, classes, l2 };
  const at = logisticRegression(problem, golden.floats("atWeight"), golden.floats("atBias"));
  assertGolden(at.objective, golden.floats("atValue"), "objective");
  assertGolden(at.dWeight, golden.floats("atDWeight"), "dWeight");
  assertGolden(at.dBias, golden.floats("atDBias"), "dBias");

  const [weight, bias] = [golden.floats("weight"), golden.floats("bias")];
  const least = logisticRegression(problem, weight, bias);
  assertGolden(least.objective, golden.floats("minimum"), "minimum");
  // The weights were rounded to f32. The curvature is at most half the mean square of a row, with a 1 for the bias, plus
  // that of the penalty; a standardised column has a mean square of 1.
  const size = Math.hypot(...weight, ...bias);
  const allowed = ((dimension + 1) / 2 + l2) * UNIT * size;
  const gradient = Math.hypot(...least.dWeight, ...least.dBias);
  assert.ok(gradient <= allowed, `the gradient at the minimum is ${gradient}, and rounding allows ${allowed}`);
}

const cases = ["three classes", "two classes, one column", "separable", "strong penalty", "weak penalty"];
testGoldens(regression, "logistic-regression", { cases, check });

regression.run();
