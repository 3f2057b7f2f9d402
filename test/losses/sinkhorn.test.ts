import { suite } from "uvu";
import * as assert from "uvu/assert";
import { randomInputs } from "../../src/doctor/random-inputs.js";
import { Tape } from "../../src/engine/tape.js";
import { ConfigError, ShapeError } from "../../src/errors.js";
import { type SinkhornOptions, sinkhorn } from "../../src/losses/sinkhorn.js";
import { throws } from "../data/expect.js";
import { testDevice } from "../lib/device.js";

const assignments = suite("Sinkhorn's assignments");

const device = await testDevice();

/** As the article's listing has it, with exponentials, of the largest score of all: these do not overflow at the sizes here. */
function reference(
  scores: readonly number[],
  rows: number,
  cols: number,
  epsilon: number,
  iterations: number,
): number[] {
  const largest = Math.max(...scores);
  const q = scores.map((score) => Math.exp((score - largest) / epsilon));
  const scaleBy = (placeOf: (i: number) => number, groups: number) => {
    const sums = Array.from({ length: groups }, () => 0);
    q.forEach((value, i) => {
      sums[placeOf(i)] += value;
    });
    q.forEach((value, i) => {
      q[i] = value / sums[placeOf(i)] / groups;
    });
  };
  for (let i = 0; i < iterations; i++) {
    scaleBy((at) => at % cols, cols);
    scaleBy((at) => Math.floor(at / cols), rows);
  }
  return q.map((value) => value * rows);
}

async function assign(scores: Float32Array<ArrayBuffer>, cols: number, options: SinkhornOptions): Promise<number[]> {
  const x = device.tensor([scores.length / cols, cols], scores, "scores");
  const tape = new Tape(device);
  const q = sinkhorn(tape, x, options);
  const program = await tape.compile({ keep: [q] });
  const found = [...(await program.runAndRead(q))];
  program.dispose();
  device.free(x);
  return found;
}

for (const [rows, cols, epsilon, iterations] of [
  [7, 5, 0.05, 3],
  [3, 11, 0.3, 1],
  [130, 37, 0.1, 4],
] as const) {
  assignments(`of ${rows} rows to ${cols} columns are those of the article's listing`, async () => {
    const scores = Float32Array.from(randomInputs(6).uniform(rows * cols, -1, 1));
    const expected = reference([...scores], rows, cols, epsilon, iterations);
    const found = await assign(scores, cols, { epsilon, iterations });
    // Logarithms of up to 2 / epsilon are off by a few roundings each, and so are, relatively, their exponentials.
    const tolerance = (iterations * 8 * 2) / epsilon / 2 ** 24;
    found.forEach((value, i) => {
      assert.ok(Math.abs(value - expected[i]) <= tolerance * expected[i] + 1e-12, `${i}: ${value} and ${expected[i]}`);
    });
  });
}

assignments("are as sharp as they can be where exponentials overflow", async () => {
  // exp(1 / 0.001) is not a number of any kind.
  const scores = Float32Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 0, 0);
  const found = await assign(scores, 3, { epsilon: 0.001, iterations: 3 });
  assert.ok(found.every(Number.isFinite));
  for (const [i, value] of [1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 0, 0].entries())
    assert.ok(Math.abs(found[i] - value) < 1e-6, `${found}`);
});

assignments("heed other rows for the balance, and none that does not count", async () => {
  const scores = Float32Array.from(randomInputs(7).uniform(9 * 4, -1, 1));
  const options = { epsilon: 0.1, iterations: 3 };
  const weights = device.tensor([1, 9], undefined, "weights");
  const first = scores.slice(0, 5 * 4);
  const [alone, all] = [await assign(first, 4, options), await assign(scores, 4, options)];
  const near = (found: readonly number[], expected: readonly number[]) =>
    found.every((value, i) => Math.abs(value - expected[i]) < 1e-4);
  assert.ok(near(await assign(scores, 4, { ...options, assigned: 5, weights }), all.slice(0, 20)));
  assert.not.ok(near(alone, all.slice(0, 20)));
  device.write(
    weights,
    Float32Array.from({ length: 9 }, (_, row) => (row < 5 ? 0 : -1e9)),
  );
  assert.ok(near(await assign(scores, 4, { ...options, assigned: 5, weights }), alone));
  device.free(weights);
});

assignments("refuse what cannot be", () => {
  const tape = new Tape(device);
  const scores = tape.tensor([4, 3], "scores");
  throws(() => sinkhorn(tape, scores, { epsilon: 0, iterations: 3 }), ConfigError, /epsilon 0 must be/);
  throws(() => sinkhorn(tape, scores, { epsilon: 1, iterations: 0.5 }), ConfigError, /0\.5 iterations/);
  const weights = tape.tensor([4], "weights");
  throws(() => sinkhorn(tape, scores, { epsilon: 1, iterations: 1, weights }), ShapeError, /weights of the rows/);
});

assignments.run();
