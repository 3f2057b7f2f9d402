import { suite } from "uvu";
import { matmulBackward, matmulForward } from "../../src/reference/matmul.js";
import { assertGolden, type GoldenCase, testGoldens } from "./goldens.js";

const matmul = suite("reference: matmul");

function check(golden: GoldenCase): void {
  const shape = {
    m: golden.number("m"),
    n: golden.number("n"),
    k: golden.number("k"),
    transposeA: golden.flag("transposeA"),
    transposeB: golden.flag("transposeB"),
  };
  const [a, b, dc] = [golden.floats("a"), golden.floats("b"), golden.floats("dc")];
  const bias = golden.tensors.includes("bias") ? golden.floats("bias") : undefined;
  assertGolden(matmulForward(a, b, shape, bias), golden.floats("c"), "c");
  const { da, db, dBias } = matmulBackward(a, b, dc, shape);
  assertGolden(da, golden.floats("da"), "da");
  assertGolden(db, golden.floats("db"), "db");
  if (bias) assertGolden(dBias, golden.floats("dBias"), "dBias");
}

testGoldens(matmul, "matmul", {
  cases: ["nn", "tn", "nt", "tt", "nn bias", "nt bias", "one by one", "row", "column", "outer product"],
  check,
});

matmul.run();
