import { suite } from "uvu";
import { adamWStep, clippedLarsStep, larsStep, sgdStep } from "../../src/reference/optimizers.js";
import { assertGolden, type GoldenCase, testGoldens } from "./goldens.js";

const optimizers = suite("reference: optimizers");

/** Compares the weight after each step; `update` returns it and keeps the rest of the optimizer's state. */
function checkSteps(
  golden: GoldenCase,
  update: (weight: Float64Array, gradient: Float64Array, step: number) => Float64Array,
): void {
  const [gradients, weights] = [golden.floats("gradients"), golden.floats("weights")];
  const [steps, size] = golden.shape("gradients");
  let weight = golden.floats("initial");
  for (let step = 0; step < steps; step++) {
    weight = update(weight, gradients.subarray(step * size, (step + 1) * size), step + 1);
    assertGolden(weight, weights.subarray(step * size, (step + 1) * size), `weight after step ${step + 1}`);
  }
}

function checkSgd(golden: GoldenCase): void {
  const options = {
    learningRate: golden.number("learningRate"),
    momentum: golden.number("momentum"),
    nesterov: golden.flag("nesterov"),
    weightDecay: golden.number("weightDecay"),
  };
  let velocity = new Float64Array(golden.floats("initial").length);
  checkSteps(golden, (weight, gradient) => {
    const next = sgdStep(weight, gradient, velocity, options);
    velocity = Float64Array.from(next.velocity);
    return next.weight;
  });
}

function checkAdamW(golden: GoldenCase): void {
  const options = {
    learningRate: golden.number("learningRate"),
    beta1: golden.number("beta1"),
    beta2: golden.number("beta2"),
    epsilon: golden.number("epsilon"),
    weightDecay: golden.number("weightDecay"),
  };
  const size = golden.floats("initial").length;
  let moments = { first: new Float64Array(size), second: new Float64Array(size) };
  checkSteps(golden, (weight, gradient, step) => {
    const next = adamWStep(weight, gradient, moments, step, options);
    moments = { first: Float64Array.from(next.moments.first), second: Float64Array.from(next.moments.second) };
    return next.weight;
  });
}

function checkLars(golden: GoldenCase): void {
  const options = {
    momentum: golden.number("momentum"),
    nesterov: golden.flag("nesterov"),
    weightDecay: golden.number("weightDecay"),
    eta: golden.number("eta"),
    adapted: golden.flag("adapted"),
  };
  const larsOf = golden.flag("trustClip") ? clippedLarsStep : larsStep;
  let velocity = new Float64Array(golden.floats("initial").length);
  checkSteps(golden, (weight, gradient, step) => {
    const learningRate = golden.numbers("learningRates")[step - 1];
    const next = larsOf(weight, gradient, velocity, { ...options, learningRate });
    velocity = Float64Array.from(next.velocity);
    return next.weight;
  });
}

testGoldens(
  optimizers,
  "optimizers",
  { cases: ["sgd plain", "sgd momentum", "sgd nesterov"], check: checkSgd },
  { cases: ["adamw", "adamw no decay"], check: checkAdamW },
  {
    cases: [
      ...["lars", "lars no decay", "lars excluded", "lars zero weight", "lars zero gradient", "lars nesterov"],
      ...["lars decayed offset", "lars clip", "lars clip nesterov", "lars clip excluded", "lars clip zero weight"],
      "lars clip zero gradient",
    ],
    check: checkLars,
  },
);

optimizers.run();
