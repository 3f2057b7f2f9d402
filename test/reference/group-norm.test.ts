import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ShapeError } from "../../src/errors.js";
import { groupNormBackward, groupNormForward } from "../../src/reference/group-norm.js";
import { assertGolden, type GoldenCase, testGoldens } from "./goldens.js";

const groupNorm = suite("reference: group norm");

function check(golden: GoldenCase): void {
  const [batch, pixels, channels, groups] = ["batch", "pixels", "channels", "groups"].map((name) =>
    golden.number(name),
  );
  const shape = { batch, pixels, channels, groups };
  const [x, gamma, beta, dy] = ["x", "gamma", "beta", "dy"].map((name) => golden.floats(name));
  const residual = golden.tensors.includes("residual") ? golden.floats("residual") : undefined;
  const relu = golden.flag("relu");
  const state = { gamma, beta, epsilon: golden.number("epsilon") };
  const result = groupNormForward(x, shape, state, { residual, relu });
  assertGolden(result.y, golden.floats("y"), "y");
  const { dx, dGamma, dBeta, dResidual } = groupNormBackward(x, shape, gamma, result, dy, relu);
  assertGolden(dx, golden.floats("dx"), "dx");
  assertGolden(dGamma, golden.floats("dGamma"), "dGamma");
  assertGolden(dBeta, golden.floats("dBeta"), "dBeta");
  if (residual) assertGolden(dResidual, golden.floats("dResidual"), "dResidual");
}

testGoldens(groupNorm, "group-norm", {
  cases: [
    "two channels a group",
    "relu",
    "residual",
    "residual relu",
    "one image",
    "one channel a group",
    "one group",
    "one channel",
    "one pixel",
    "mean far from zero",
    "another epsilon",
  ],
  check,
});

groupNorm("groups that do not divide the channels are refused", () => {
  const five = new Float64Array(5);
  assert.throws(
    () => groupNormForward(five, { batch: 1, pixels: 1, channels: 5, groups: 2 }, { gamma: five, beta: five }),
    (error: unknown) => error instanceof ShapeError && /2 groups.*5 channels/.test(error.message),
  );
});

groupNorm.run();
