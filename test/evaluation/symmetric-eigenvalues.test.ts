import { suite } from "uvu";
import * as assert from "uvu/assert";
import { randomInputs } from "../../src/doctor/random-inputs.js";
import { ShapeError } from "../../src/errors.js";
import { symmetricEigenvalues } from "../../src/evaluation/symmetric-eigenvalues.js";
import { throws } from "../data/expect.js";

const eigenvalues = suite("eigenvalues of symmetric matrices");

/** Fails unless every value is within a few hundred roundings of float64 of the largest. */
function assertClose(found: Float64Array, expected: readonly number[]): void {
  assert.is(found.length, expected.length);
  const largest = Math.max(...expected.map(Math.abs));
  expected.forEach((value, i) => {
    const allowed = 4 * found.length * 2 ** -52 * largest;
    assert.ok(Math.abs(found[i] - value) <= allowed, `${i}: ${found[i]}, not ${value} +- ${allowed}`);
  });
}

/** The matrix with these eigenvalues, turned by reflections at random vectors. */
function turned(values: readonly number[], seed: number): Float64Array {
  const size = values.length;
  const random = randomInputs(seed);
  let a = Float64Array.from({ length: size * size }, (_, i) => (i % (size + 1) === 0 ? values[i / (size + 1)] : 0));
  for (let turn = 0; turn < 3; turn++) {
    const v = random.normal(size);
    const squares = v.reduce((sum, value) => sum + value * value, 0);
    const reflect = (i: number, j: number) => (i === j ? 1 : 0) - (2 * v[i] * v[j]) / squares;
    const times = (f: (i: number, k: number) => number, g: (k: number, j: number) => number) =>
      Float64Array.from({ length: size * size }, (_, at) => {
        let sum = 0;
        for (let k = 0; k < size; k++) sum += f(Math.floor(at / size), k) * g(k, at % size);
        return sum;
      });
    const before = a;
    const left = times(reflect, (k, j) => before[k * size + j]);
    a = times((i, k) => left[i * size + k], reflect);
  }
  return a;
}

eigenvalues("of small matrices, by hand", () => {
  assertClose(symmetricEigenvalues(Float64Array.of(7), 1), [7]);
  assertClose(symmetricEigenvalues(Float64Array.of(2, 1, 1, 2), 2), [1, 3]);
  assertClose(symmetricEigenvalues(Float64Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0), 3), [0, 0, 0]);
  assertClose(symmetricEigenvalues(Float64Array.of(2, -1, 0, -1, 2, -1, 0, -1, 2), 3), [
    2 - Math.SQRT2,
    2,
    2 + Math.SQRT2,
  ]);
  // Only the lower triangle counts.
  assertClose(symmetricEigenvalues(Float64Array.of(2, 99, 1, 2), 2), [1, 3]);
});

eigenvalues("of the second difference, which are known for every size", () => {
  const size = 60;
  const matrix = Float64Array.from({ length: size * size }, (_, at) => {
    const apart = Math.abs(Math.floor(at / size) - (at % size));
    return apart === 0 ? 2 : apart === 1 ? -1 : 0;
  });
  const expected = Array.from({ length: size }, (_, k) => 2 - 2 * Math.cos(((k + 1) * Math.PI) / (size + 1)));
  assertClose(symmetricEigenvalues(matrix, size), expected);
});

eigenvalues("of turned diagonals: repeated, negative, zero, and of very different sizes", () => {
  for (const values of [
    [-3, -1, 0, 0.5, 2, 9],
    [1, 1, 1, 1, 1],
    [-2, -2, 5, 5, 5, 5, 5],
    [0, 0, 0, 0, 4],
    Array.from({ length: 40 }, (_, i) => 1.5 ** (i - 39)),
    Array.from({ length: 33 }, (_, i) => i - 16),
  ]) {
    assertClose(symmetricEigenvalues(turned(values, 20), values.length), values);
  }
  for (const factor of [1e-30, 1e30]) {
    const values = [1, 2, 4].map((value) => factor * value);
    assertClose(symmetricEigenvalues(turned(values, 21), 3), values);
  }
});

eigenvalues("a matrix that is not square is refused", () => {
  throws(() => symmetricEigenvalues(new Float64Array(6), 2), ShapeError, /6 elements are no matrix of 2 x 2/);
});

eigenvalues.run();
