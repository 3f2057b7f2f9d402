import { suite } from "uvu";
import { warmupCosine } from "../../src/reference/schedule.js";
import { assertGolden, type GoldenCase, testGoldens } from "./goldens.js";

const schedule = suite("reference: learning-rate schedule");

function check(golden: GoldenCase): void {
  const options = {
    base: golden.number("base"),
    warmupSteps: golden.number("warmupSteps"),
    totalSteps: golden.number("totalSteps"),
  };
  const rates = Float64Array.from({ length: options.totalSteps }, (_, step) => warmupCosine(step, options));
  assertGolden(rates, golden.floats("learningRates"), "learning rate");
}

testGoldens(schedule, "schedule", { cases: ["warm-up", "no warm-up", "one warm-up step"], check });

schedule.run();
