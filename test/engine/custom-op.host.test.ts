import { readFile } from "node:fs/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { evaluate } from "../../src/doctor/check.js";
import { expRoundings, ROUNDINGS, relativeError } from "../../src/doctor/rounding.js";
import { matmul } from "../../src/ops/matmul.js";
import { testDevice } from "../lib/device.js";
import { repository } from "../lib/repository.js";
import { checkGradients } from "../ops/gradient-check.js";
import { swish } from "./swish.js";

const example = suite("the engine's document");

const reference = (x: number) => x / (1 + Math.exp(-x));

example("shows the programs that are tested here, an operation in fewer than 40 lines", async () => {
  const document = await readFile(`${repository}src/engine/README.md`, "utf8");
  for (const file of ["first-steps.ts", "swish.ts"]) {
    const source = await readFile(`${repository}test/engine/${file}`, "utf8");
    assert.ok(
      document.includes(`\n\`\`\`ts\n${source}\`\`\`\n`),
      `src/engine/README.md shows another test/engine/${file}`,
    );
    assert.ok(source.trim().split("\n").length < 40);
  }
});

example("begins with a program that computes what it says", async () => {
  const { results } = await import("./first-steps.js");
  assert.equal(
    results.map((values) => [...values]),
    [[4], [1, 2, 3]],
  );
});

example("computes what it says, beyond a workgroup and where the exponential is large", async () => {
  const x = Float64Array.from({ length: 131 }, (_, i) => Math.fround((i - 65) / 4));
  const { y } = await evaluate(await testDevice(), (tape, input) => ({ y: swish(tape, input(x, [131])) }));
  x.forEach((value, i) => {
    // The exponential, a sum, a division and a product.
    const allowed =
      Math.abs(reference(value)) * relativeError(expRoundings(value) + 2 + ROUNDINGS.division) + 2 ** -126;
    assert.ok(Math.abs(y[i] - reference(value)) <= allowed, `swish(${value}) is ${y[i]}, not ${reference(value)}`);
  });
});

example("has its gradient in the middle of a graph", () =>
  checkGradients({
    inputs: { x: [5, 3], w: [3, 4] },
    record: (tape, { x, w }) => swish(tape, matmul(tape, swish(tape, x), w)),
    reference: ({ x, w }) =>
      Float64Array.from({ length: 20 }, (_, i) => {
        const [row, column] = [Math.floor(i / 4), i % 4];
        return reference([0, 1, 2].reduce((sum, k) => sum + reference(x[3 * row + k]) * w[4 * k + column], 0));
      }),
    // Sums of 3, 4 and 5 terms, and of each swish an exponential, a division and some more, forward and back.
    terms: 3 + 4 + 5 + 4 * 16,
  }),
);

example.run();
