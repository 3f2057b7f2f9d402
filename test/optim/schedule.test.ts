import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ConfigError } from "../../src/errors.js";
import { scaledLearningRate, warmupCosine } from "../../src/optim/schedule.js";
import { throws } from "../data/expect.js";
import { assertGolden, type GoldenCase, testGoldens } from "../reference/goldens.js";

const schedule = suite("learning rates");

function check(golden: GoldenCase): void {
  const [peak, steps, warmup] = ["base", "totalSteps", "warmupSteps"].map((name) => golden.number(name));
  const rates = Float64Array.from({ length: steps }, (_, step) => warmupCosine(peak, step, steps, warmup));
  assertGolden(rates, golden.floats("learningRates"), "learning rate");
}

testGoldens(schedule, "schedule", { cases: ["warm-up", "no warm-up", "one warm-up step"], check });

schedule("the last warm-up step has the whole rate, and the end of the cosine is 0", () => {
  assert.is(warmupCosine(0.4, 9, 100, 10), 0.4);
  assert.is(warmupCosine(0.4, 10, 100, 10), 0.4);
  assert.ok(Math.abs(warmupCosine(0.4, 55, 100, 10) - 0.2) < 1e-15);
  assert.ok(warmupCosine(0.4, 100, 100, 10) < 1e-15);
});

schedule("a training of nothing but warm-up", () => {
  assert.equal(
    [0, 1, 2, 3].map((step) => warmupCosine(1, step, 4, 4)),
    [0.25, 0.5, 0.75, 1],
  );
});

schedule("a warm-up longer than the training is refused", () => {
  throws(() => warmupCosine(1, 0, 10, 11), ConfigError, /warm-up of 11 steps/, /10 steps/);
});

schedule("scale with the batch as in the paper", () => {
  // Appendix B.1: 0.3 x batch / 256 and 0.075 x sqrt(batch) are the same at 4096.
  assert.is(scaledLearningRate(0.3, 4096, "linear"), 0.3 * 16);
  assert.is(scaledLearningRate(0.075, 4096, "sqrt"), 0.075 * 64);
  assert.is(scaledLearningRate(0.001, 4096, "none"), 0.001);
});

schedule.run();
