import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ShapeError } from "../../src/errors.js";
import {
  batchNormInferenceBackward,
  batchNormInferenceForward,
  batchNormTrainingBackward,
  batchNormTrainingForward,
} from "../../src/reference/batch-norm.js";
import { assertGolden, type GoldenCase, testGoldens } from "./goldens.js";

const batchNorm = suite("reference: batch norm");

function inputs(golden: GoldenCase) {
  const affine = golden.tensors.includes("gamma");
  return {
    x: golden.floats("x"),
    dy: golden.floats("dy"),
    affine,
    state: {
      gamma: affine ? golden.floats("gamma") : undefined,
      beta: affine ? golden.floats("beta") : undefined,
      epsilon: golden.number("epsilon"),
      momentum: golden.number("momentum"),
      runningMean: golden.floats("runningMean"),
      runningVariance: golden.floats("runningVariance"),
    },
    residual: golden.tensors.includes("residual") ? golden.floats("residual") : undefined,
    relu: golden.flag("relu"),
  };
}

function checkTraining(golden: GoldenCase): void {
  const { x, dy, affine, state, residual, relu } = inputs(golden);
  const result = batchNormTrainingForward(x, state, { residual, relu });
  assertGolden(result.y, golden.floats("y"), "y");
  assertGolden(result.runningMean, golden.floats("nextRunningMean"), "runningMean");
  assertGolden(result.runningVariance, golden.floats("nextRunningVariance"), "runningVariance");
  const { dx, dGamma, dBeta, dResidual } = batchNormTrainingBackward(x, state.gamma, result, dy, relu);
  // With two rows dx is what is left of terms of the size of gamma dy / deviation, about 1.
  assertGolden(dx, golden.floats("dx"), "dx", 1);
  if (affine) {
    assertGolden(dGamma, golden.floats("dGamma"), "dGamma");
    assertGolden(dBeta, golden.floats("dBeta"), "dBeta");
  }
  if (residual) assertGolden(dResidual, golden.floats("dResidual"), "dResidual");
}

function checkInference(golden: GoldenCase): void {
  const { x, dy, affine, state, residual, relu } = inputs(golden);
  const y = batchNormInferenceForward(x, state, { residual, relu });
  assertGolden(y, golden.floats("y"), "y");
  const { dx, dGamma, dBeta, dResidual } = batchNormInferenceBackward(x, state, y, dy, relu);
  assertGolden(dx, golden.floats("dx"), "dx");
  if (affine) {
    assertGolden(dGamma, golden.floats("dGamma"), "dGamma");
    assertGolden(dBeta, golden.floats("dBeta"), "dBeta");
  }
  if (residual) assertGolden(dResidual, golden.floats("dResidual"), "dResidual");
}

testGoldens(
  batchNorm,
  "batch-norm",
  {
    cases: [
      "training",
      "training relu",
      "training residual",
      "training residual relu",
      "training one image",
      "training one channel",
      "training two rows",
      "training mean far from zero",
    ],
    check: checkTraining,
  },
  { cases: ["inference", "inference relu", "inference residual relu"], check: checkInference },
  {
    cases: ["training another epsilon and momentum", "training not affine", "training not affine residual relu"],
    check: checkTraining,
  },
  { cases: ["inference another epsilon", "inference not affine"], check: checkInference },
);

batchNorm("one row has no variance to train with", () => {
  const one = new Float64Array([1]);
  const state = { gamma: one, beta: one, runningMean: one, runningVariance: one };
  assert.throws(
    () => batchNormTrainingForward(one, state),
    (error: unknown) => error instanceof ShapeError && /two or more rows.*x has 1/.test(error.message),
  );
});

batchNorm.run();
