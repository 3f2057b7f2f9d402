import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ConfigError } from "../../src/errors.js";
import { initialValues } from "../../src/nn/initial-values.js";
import type { Initial } from "../../src/nn/module.js";
import { normals, sfc32 } from "../../src/random.js";
import { throws } from "../data/expect.js";

const initials = suite("initial values");

const count = 40_000;

function draw(initial: Initial, seed = 7): Float32Array {
  const random = sfc32(seed, 0, 0);
  return initialValues({ name: "w", shape: [200, 200], initial, role: "weight" }, random, normals(random));
}

/** Mean, standard deviation and the largest size. */
function moments(values: Float32Array) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
  return { mean, deviation, largest: values.reduce((most, value) => Math.max(most, Math.abs(value)), 0) };
}

/**
 * Checks mean 0 and a standard deviation: of n numbers, the mean is off by 1 / sqrt(n) deviations, and the deviation by
 * sqrt((kurtosis - 1) / (4 n)) of itself, give or take; five times that happens once in two million seeds.
 */
function assertMoments(values: Float32Array, expected: number, kurtosis: number): void {
  const { mean, deviation } = moments(values);
  assert.is(values.length, count);
  assert.ok(Math.abs(mean) < (5 * expected) / Math.sqrt(count), `mean ${mean}`);
  const off = 5 * Math.sqrt((kurtosis - 1) / (4 * count));
  assert.ok(Math.abs(deviation / expected - 1) < off, `deviation ${deviation}, expected ${expected}`);
}

initials("normal: the deviation as given, and nothing cut off", () => {
  const values = draw({ kind: "normal", deviation: 0.02 });
  assertMoments(values, 0.02, 3);
  // Of 40,000 numbers, two and a half are beyond four deviations.
  assert.ok(moments(values).largest > 0.02 * 3.5);
  const beyond = values.filter((value) => Math.abs(value) > 0.04).length / count;
  assert.ok(Math.abs(beyond - 0.0455) < 5 * Math.sqrt(0.0455 / count), `${beyond} beyond two deviations`);
});

initials("truncated normal: cut off at 2, whatever the deviation", () => {
  const values = draw({ kind: "truncated-normal", deviation: 1 });
  // Of the standard normal distribution within +-2: variance 1 - 4 phi(2) / (2 Phi(2) - 1), and fourth moment
  // 3 - (2 (2^3 + 3 * 2) phi(2)) / (2 Phi(2) - 1).
  const density = Math.exp(-2) / Math.sqrt(2 * Math.PI);
  const inside = 0.9544997361036416;
  const variance = 1 - (4 * density) / inside;
  const fourth = 3 - (28 * density) / inside;
  assertMoments(values, Math.sqrt(variance), fourth / variance ** 2);
  const { largest } = moments(values);
  assert.ok(largest <= 2 && largest > 1.99, `the largest is ${largest}`);
  // Values are drawn again, not moved to the ends.
  assert.is(values.filter((value) => Math.abs(value) === 2).length, 0);

  const narrow = draw({ kind: "truncated-normal", deviation: 0.02 });
  assert.equal(narrow, draw({ kind: "normal", deviation: 0.02 }), "far from its ends, it is the normal one");
  assert.ok(moments(narrow).largest > 0.06, "it is not cut off at two deviations");
  assert.ok(moments(draw({ kind: "truncated-normal", deviation: 2 })).largest <= 2);
});

initials("Xavier's uniform: by fan in and fan out", () => {
  const values = draw({ kind: "xavier-uniform", fanIn: 30, fanOut: 120 });
  const reach = Math.sqrt(6 / 150);
  // The fourth moment of a uniform distribution is 9/5 of the squared second.
  assertMoments(values, reach / Math.sqrt(3), 9 / 5);
  const { largest } = moments(values);
  assert.ok(largest <= reach && largest > 0.999 * reach, `the largest is ${largest}`);
});

initials("uniform by fan in is PyTorch's kaiming_uniform_ with a = sqrt(5)", () => {
  const [fanIn, a] = [9 * 16, Math.sqrt(5)];
  const bound = Math.sqrt(3) * (Math.sqrt(2 / (1 + a ** 2)) / Math.sqrt(fanIn));
  const values = draw({ kind: "uniform", fanIn });
  assertMoments(values, bound / Math.sqrt(3), 9 / 5);
  const { largest } = moments(values);
  assert.ok(largest <= bound && largest > 0.999 * bound, `the largest is ${largest}, the bound ${bound}`);
});

initials("He's normal: by fan out", () => assertMoments(draw({ kind: "kaiming-normal", fanOut: 50 }), 0.2, 3));

initials("take numbers from their sources in turn, and constants none", () => {
  const random = sfc32(1, 2, 3);
  const normal = normals(random);
  const spec = (initial: Initial) => ({ name: "w", shape: [3], initial, role: "weight" as const });
  const kinds: readonly Initial[] = [
    { kind: "uniform", fanIn: 4 },
    { kind: "constant", value: 2.5 },
    { kind: "kaiming-normal", fanOut: 8 },
    { kind: "uniform", fanIn: 4 },
  ];
  const found = kinds.map((initial) => [...initialValues(spec(initial), random, normal)]);
  const [words, again] = [sfc32(1, 2, 3), sfc32(1, 2, 3)];
  const uniform = (source: () => number) => Math.fround(0.5 * ((2 * source()) / 2 ** 32 - 1));
  const first = [uniform(words), uniform(words), uniform(words)];
  for (let i = 0; i < 3; i++) again();
  const deviates = normals(again);
  const second = [deviates(), deviates(), deviates()].map((value) => Math.fround(0.5 * value));
  assert.equal(found, [first, [2.5, 2.5, 2.5], second, [uniform(again), uniform(again), uniform(again)]]);
});

initials("a deviation that is none is refused", () => {
  for (const deviation of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
    for (const kind of ["normal", "truncated-normal"] as const) {
      const message = new RegExp(`w starts with a standard deviation of ${deviation}`);
      throws(() => draw({ kind, deviation }), ConfigError, message);
    }
  }
  throws(() => draw({ kind: "truncated-normal", deviation: 2.1 }), ConfigError, /of 2\.1: .* at most 2/);
});

initials.run();
