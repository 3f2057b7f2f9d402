import { suite } from "uvu";
import * as assert from "uvu/assert";
import { conv2dForward, conv2dInputGradient, conv2dWeightGradient } from "../../src/reference/conv2d.js";
import { windowOutputSize } from "../../src/reference/window.js";
import { assertGolden, type GoldenCase, testGoldens } from "./goldens.js";

const conv2d = suite("reference: conv2d");

function check(golden: GoldenCase): void {
  const shape = {
    batch: golden.number("batch"),
    height: golden.number("height"),
    width: golden.number("width"),
    inChannels: golden.number("inChannels"),
    outChannels: golden.number("outChannels"),
    kernelHeight: golden.number("kernelHeight"),
    kernelWidth: golden.number("kernelWidth"),
    stride: golden.number("stride"),
    padding: golden.number("padding"),
  };
  const [x, weight, dy] = [golden.floats("x"), golden.floats("weight"), golden.floats("dy")];
  const { height, width } = windowOutputSize(shape);
  assert.equal([shape.batch, height, width, shape.outChannels], golden.shape("y"));
  assertGolden(conv2dForward(x, weight, shape), golden.floats("y"), "y");
  assertGolden(conv2dInputGradient(weight, dy, shape), golden.floats("dx"), "dx");
  assertGolden(conv2dWeightGradient(x, dy, shape), golden.floats("dWeight"), "dWeight");
}

testGoldens(conv2d, "conv2d", {
  cases: [
    "3x3",
    "3x3 stride 2",
    "3x3 stride 2 even map",
    "3x3 no padding",
    "1x1",
    "1x1 stride 2",
    "5x5 padding 2",
    "7x7 stride 2 padding 3",
    "3x5 stride 3 padding 2",
    "one channel",
    "one pixel",
    "wide channels",
  ],
  check,
});

conv2d.run();
