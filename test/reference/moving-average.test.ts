import { suite } from "uvu";
import { movingAverageStep } from "../../src/reference/moving-average.js";
import { assertGolden, type GoldenCase, testGoldens } from "./goldens.js";

const averages = suite("reference: moving average");

function check(golden: GoldenCase): void {
  const [values, expected] = [golden.floats("values"), golden.floats("averages")];
  const size = golden.shape("values")[1];
  let average = golden.floats("initial");
  for (const [step, momentum] of golden.numbers("momenta").entries()) {
    const row = (x: Float64Array) => x.subarray(step * size, (step + 1) * size);
    average = Float64Array.from(movingAverageStep(average, row(values), momentum));
    assertGolden(average, row(expected), `average after step ${step + 1}`);
  }
}

testGoldens(averages, "moving-average", { cases: ["teacher"], check });

averages.run();
