import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ntXent } from "../../src/reference/nt-xent.js";
import { assertGolden, type GoldenCase, testGoldens } from "./goldens.js";

const ntXentSuite = suite("reference: NT-Xent");

function checkLoss(golden: GoldenCase) {
  const z = golden.floats("z");
  const [dimension, temperature] = [golden.number("dimension"), golden.number("temperature")];
  const result = ntXent(z, dimension, temperature);
  assertGolden(result.loss, golden.floats("loss"), "loss");
  assertGolden(result.logSumExp, golden.floats("logSumExp"), "logSumExp");
  // A gradient is a sum of unit vectors over the temperature; dz divides it by the norm, which may cancel all of it.
  const smallestNorm = Math.min(...Array.from({ length: z.length / dimension }, (_, i) => norm(z, i, dimension)));
  assertGolden(result.dNormalized, golden.floats("dNormalized"), "dNormalized", 1 / temperature);
  assertGolden(result.dz, golden.floats("dz"), "dz", 1 / (temperature * Math.max(smallestNorm, 1e-12)));
  return { result, anchors: z.length / dimension };
}

function norm(z: Float64Array, row: number, dimension: number): number {
  return Math.hypot(...z.subarray(row * dimension, (row + 1) * dimension));
}

function check(golden: GoldenCase): void {
  assertGolden(checkLoss(golden).result.accuracy, golden.floats("accuracy"), "accuracy");
}

/** Where all rows are alike, every other row is as probable, and no positive stands out. */
function checkCollapsed(golden: GoldenCase): void {
  const { result, anchors } = checkLoss(golden);
  assert.ok(Math.abs(result.loss - Math.log(anchors - 1)) < 1e-12, `loss is ${result.loss}`);
  assert.is(result.accuracy, 0);
}

testGoldens(
  ntXentSuite,
  "nt-xent",
  { cases: ["temperature 0.5", "temperature 0.05", "views alike", "one pair", "norm 1e3"], check },
  { cases: ["collapsed", "collapsed at temperature 0.05", "all zero"], check: checkCollapsed },
  { cases: ["2N = 66", "2N = 512"], check },
);

ntXentSuite.run();
