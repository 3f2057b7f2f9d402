import { suite } from "uvu";
import {
  weightStandardizationBackward,
  weightStandardizationForward,
} from "../../src/reference/weight-standardization.js";
import { assertGolden, type GoldenCase, testGoldens } from "./goldens.js";

const standardization = suite("reference: weight standardisation");

function check(golden: GoldenCase): void {
  const channels = golden.shape("weight")[3];
  const result = weightStandardizationForward(golden.floats("weight"), channels);
  assertGolden(result.y, golden.floats("y"), "y");
  assertGolden(weightStandardizationBackward(result, golden.floats("dy")), golden.floats("dWeight"), "dWeight");
}

testGoldens(standardization, "weight-standardization", {
  cases: ["3x3", "3x3 to many channels", "1x1", "one channel", "mean far from zero", "as small as epsilon"],
  check,
});

standardization.run();
