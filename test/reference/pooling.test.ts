import { suite } from "uvu";
import {
  globalAveragePoolBackward,
  globalAveragePoolForward,
  maxPoolBackward,
  maxPoolForward,
} from "../../src/reference/pooling.js";
import { assertGolden, type GoldenCase, testGoldens } from "./goldens.js";

const pooling = suite("reference: pooling");

function checkMax(golden: GoldenCase): void {
  const shape = {
    batch: golden.number("batch"),
    height: golden.number("height"),
    width: golden.number("width"),
    channels: golden.number("channels"),
    kernelHeight: golden.number("kernelHeight"),
    kernelWidth: golden.number("kernelWidth"),
    stride: golden.number("stride"),
    padding: golden.number("padding"),
  };
  const { y, argmax } = maxPoolForward(golden.floats("x"), shape);
  assertGolden(y, golden.floats("y"), "y");
  assertGolden(maxPoolBackward(argmax, golden.floats("dy"), shape), golden.floats("dx"), "dx");
}

function checkAverage(golden: GoldenCase): void {
  const shape = {
    batch: golden.number("batch"),
    pixels: golden.number("pixels"),
    channels: golden.number("channels"),
  };
  assertGolden(globalAveragePoolForward(golden.floats("x"), shape), golden.floats("y"), "y");
  assertGolden(globalAveragePoolBackward(golden.floats("dy"), shape), golden.floats("dx"), "dx");
}

testGoldens(
  pooling,
  "pooling",
  {
    cases: [
      "max 3x3 stride 2 padding 1",
      "max 3x3 stride 2 even map",
      "max 2x2",
      "max 3x3 overlapping",
      "max with ties",
    ],
    check: checkMax,
  },
  { cases: ["average", "average one pixel", "average one map"], check: checkAverage },
);

pooling.run();
