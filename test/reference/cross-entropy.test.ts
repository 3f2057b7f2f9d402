import { suite } from "uvu";
import { softmaxCrossEntropy } from "../../src/reference/cross-entropy.js";
import { assertGolden, type GoldenCase, testGoldens } from "./goldens.js";

const crossEntropy = suite("reference: softmax cross-entropy");

function check(golden: GoldenCase): void {
  const logits = golden.floats("logits");
  const { loss, dLogits } = softmaxCrossEntropy(logits, golden.integers("labels"), golden.number("classes"));
  assertGolden(loss, golden.floats("loss"), "loss");
  assertGolden(dLogits, golden.floats("dLogits"), "dLogits");
}

testGoldens(crossEntropy, "cross-entropy", {
  cases: ["small", "ten classes", "one row", "large logits", "many classes"],
  check,
});

crossEntropy.run();
