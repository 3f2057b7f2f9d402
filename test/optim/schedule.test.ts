import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ConfigError } from "../../src/errors.js";
import { cosine, scaledLearningRate, warmupCosine } from "../../src/optim/schedule.js";
import { throws } from "../data/expect.js";
import { assertGolden, type GoldenCase, testGoldens } from "../reference/goldens.js";

const schedule = suite("schedules");

function checkWarmup(golden: GoldenCase): void {
  const [peak, steps, warmup] = ["base", "totalSteps", "warmupSteps"].map((name) => golden.number(name));
  const rates = Float64Array.from({ length: steps }, (_, step) => warmupCosine(peak, step, steps, warmup));
  assertGolden(rates, golden.floats("learningRates"), "learning rate");
}

function checkCosine(golden: GoldenCase): void {
  const [from, to, steps] = ["from", "to", "totalSteps"].map((name) => golden.number(name));
  const values = Float64Array.from({ length: steps + 1 }, (_, step) => cosine(from, to, step, steps));
  assertGolden(values, golden.floats("values"), "value");
}

testGoldens(
  schedule,
  "schedule",
  { cases: ["warm-up", "no warm-up", "one warm-up step"], check: checkWarmup },
  { cases: ["teacher momentum", "weight decay"], check: checkCosine },
);

schedule("the last warm-up step has the whole rate, and the cosine is half way down in its middle", () => {
  assert.is(warmupCosine(0.4, 9, 100, 10), 0.4);
  assert.is(warmupCosine(0.4, 10, 100, 10), 0.4);
  assert.ok(Math.abs(warmupCosine(0.4, 55, 100, 10) - 0.2) < 1e-15);
});

schedule("the learning rate is 0 once the training is over", () => {
  for (const [steps, warmup] of [
    [100, 10],
    [10, 10],
    [10, 9],
    [1, 0],
    [1, 1],
  ]) {
    assert.ok(warmupCosine(4.8, steps - 1, steps, warmup) > 0);
    for (const past of [0, 1, 4, 1000]) assert.is(warmupCosine(4.8, steps + past, steps, warmup), 0);
  }
});

schedule("a training of nothing but warm-up", () => {
  assert.equal(
    [0, 1, 2, 3, 4].map((step) => warmupCosine(1, step, 4, 4)),
    [0.25, 0.5, 0.75, 1, 0],
  );
});

schedule("a cosine begins and ends with its two values, to the bit, and stays there", () => {
  for (const [from, to] of [
    [0.996, 1],
    [0.1, 0.7],
    [0.4, 0.04],
    [-3, 0.3],
    [0.2, 0.2],
  ]) {
    assert.is(cosine(from, to, 0, 7), from);
    for (const step of [7, 8, 70]) assert.is(cosine(from, to, step, 7), to);
    assert.ok(Math.abs(cosine(from, to, 3, 6) - (from + to) / 2) < 1e-15);
  }
});

schedule("a momentum that rises to 1 never goes beyond it", () => {
  for (const from of [0, 0.1, 0.3, 0.7, 0.95, 0.99, 0.996, 0.9995]) {
    const values = Array.from({ length: 1001 }, (_, step) => cosine(from, 1, step, 1000));
    assert.ok(values.every((value, i) => value <= 1 && (i === 0 || value >= values[i - 1])));
  }
});

schedule("a warm-up longer than the training is refused", () => {
  throws(() => warmupCosine(1, 0, 10, 11), ConfigError, /warm-up of 11 steps/, /10 steps/);
});

schedule("arguments that make no sense are refused", () => {
  const { NaN: none, POSITIVE_INFINITY: infinity } = Number;
  for (const peak of [-0.1, none, infinity])
    throws(() => warmupCosine(peak, 0, 10, 1), ConfigError, new RegExp(`rises to ${peak}`));
  for (const warmup of [-1, 1.5, none, infinity])
    throws(() => warmupCosine(1, 0, 10, warmup), ConfigError, new RegExp(`a warm-up of ${warmup} steps`));
  for (const [from, to] of [
    [none, 1],
    [0, infinity],
  ]) {
    throws(() => cosine(from, to, 0, 10), ConfigError, new RegExp(`a cosine from ${from} to ${to}`));
  }
  for (const at of [
    (step: number, steps: number) => warmupCosine(1, step, steps, 0),
    (step: number, steps: number) => cosine(0.9, 1, step, steps),
  ]) {
    for (const step of [-1, 0.5, none, infinity])
      throws(() => at(step, 10), ConfigError, new RegExp(`step ${step} of a schedule`));
    for (const steps of [0, -5, 2.5, none, infinity])
      throws(() => at(0, steps), ConfigError, new RegExp(`a schedule over ${steps} steps`));
  }
});

schedule("scale with the batch as in the paper", () => {
  // Appendix B.1: 0.3 x batch / 256 and 0.075 x sqrt(batch) are the same at 4096.
  assert.is(scaledLearningRate(0.3, 4096, "linear"), 0.3 * 16);
  assert.is(scaledLearningRate(0.075, 4096, "sqrt"), 0.075 * 64);
  assert.is(scaledLearningRate(0.001, 4096, "none"), 0.001);
});

schedule.run();
