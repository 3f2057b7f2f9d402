import { suite } from "uvu";
import * as assert from "uvu/assert";
import { conv2dForward, conv2dInputGradient, conv2dWeightGradient } from "../../src/reference/conv2d.js";
import { biasForward } from "../../src/reference/elementwise.js";
import { columnSums } from "../../src/reference/reduction.js";
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
    stride: golden.perAxis("stride"),
    padding: golden.perAxis("padding"),
    dilation: golden.perAxis("dilation"),
    groups: golden.number("groups"),
  };
  const [x, weight, dy] = [golden.floats("x"), golden.floats("weight"), golden.floats("dy")];
  const { height, width } = windowOutputSize(shape);
  assert.equal([shape.batch, height, width, shape.outChannels], golden.shape("y"));
  const product = conv2dForward(x, weight, shape);
  const biased = golden.tensors.includes("bias");
  assertGolden(biased ? biasForward(product, golden.floats("bias")) : product, golden.floats("y"), "y");
  if (biased) {
    const dBias = columnSums(dy, shape.batch * height * width, shape.outChannels);
    assertGolden(dBias, golden.floats("dBias"), "dBias");
  }
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
    "axes that differ",
    "bias",
    "dilation 2",
    "dilation 3 by 2, stride 2",
    "groups",
    "groups of vectors, stride 2",
    "groups, dilated, axes that differ",
    "depthwise",
    "depthwise of vectors, 7x7",
    "depthwise, stride 2",
    "depthwise, dilated, stride 3 by 1",
    "depthwise to twice the channels",
    "depthwise to four times the channels, stride 2",
  ],
  check,
});

conv2d.run();
