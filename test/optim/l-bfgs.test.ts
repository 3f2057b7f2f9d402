import { suite } from "uvu";
import * as assert from "uvu/assert";
import { minimize, type ValueAndGradient } from "../../src/optim/l-bfgs.js";

const lbfgs = suite("L-BFGS");

/** Half the sum of scales[i] * (x[i] - i)^2. */
function parabola(scales: readonly number[]): (x: Float64Array) => Promise<ValueAndGradient> {
  return async (x) => ({
    value: scales.reduce((sum, scale, i) => sum + 0.5 * scale * (x[i] - i) ** 2, 0),
    gradient: x.map((value, i) => scales[i] * (value - i)),
  });
}

/** Rosenbrock's valley: not convex, with its minimum of 0 at (1, 1). */
async function rosenbrock([x, y]: Float64Array): Promise<ValueAndGradient> {
  const off = y - x * x;
  const gradient = Float64Array.of(-400 * x * off - 2 * (1 - x), 200 * off);
  return { value: 100 * off * off + (1 - x) ** 2, gradient };
}

lbfgs("finds the bottom of a parabola, however far its axes differ", async () => {
  const scales = Array.from({ length: 20 }, (_, i) => 10 ** (i / 4 - 2));
  for (const [factor, history] of [
    [1, 10],
    [1e5, 10],
    [1e-5, 3],
    [1, 1],
  ]) {
    const evaluate = parabola(scales.map((scale) => factor * scale));
    const tolerance = 1e-9 * factor;
    const found = await minimize(evaluate, new Float64Array(20), { history, tolerance, maxIterations: 5000 });
    assert.ok(found.converged && found.gradientNorm <= tolerance, `factor ${factor}: ${found.gradientNorm}`);
    // The distance of each variable is its gradient by its scale.
    found.x.forEach((value, i) => {
      assert.ok(Math.abs(value - i) <= (tolerance / (factor * scales[i])) * (1 + 1e-9), `factor ${factor}: ${value}`);
    });
  }
});

lbfgs("with the history of all variables, few steps are enough for a parabola", async () => {
  const { converged, iterations } = await minimize(parabola([1, 10, 100, 1000, 10000]), new Float64Array(5));
  assert.ok(converged && iterations <= 20, `${iterations} iterations`);
});

lbfgs("follows a curved valley", async () => {
  const { converged, x, value, iterations } = await minimize(rosenbrock, Float64Array.of(-1.2, 1));
  assert.ok(converged && iterations < 60, `${iterations} iterations`);
  // The smallest curvature at the minimum is 0.4: an error of the gradient is one of 2.5 times the size of the point.
  assert.ok(Math.hypot(x[0] - 1, x[1] - 1) <= 2.6e-8 && value <= 1e-15, `${x}: ${value}`);
});

lbfgs("goes on where rounding hides the decrease of the value", async () => {
  // All values here are 1 but for 2e-8; an error that grows with every call makes each point look worse than the one before.
  const exact = parabola([1, 3, 30]);
  let calls = 0;
  const rounded = async (x: Float64Array) => {
    const { value, gradient } = await exact(x);
    calls += 1;
    return { value: 1 + value + 1e-8 * calls, gradient };
  };
  const near = Float64Array.of(1e-5, 1 - 2e-5, 2 + 3e-5);
  const options = { tolerance: 1e-10, noise: 2 ** -22 };
  assert.ok((await minimize(rounded, near, options)).converged);
  assert.not((await minimize(rounded, near, { ...options, noise: 0 })).converged);
});

lbfgs("ends where it may go no further, or cannot, and says so", async () => {
  const short = await minimize(rosenbrock, Float64Array.of(-1.2, 1), { maxIterations: 5 });
  assert.equal([short.iterations, short.converged], [5, false]);
  assert.ok(short.value < 24.2, "lower than where it began");
  const done = await minimize(rosenbrock, Float64Array.of(1, 1));
  assert.equal([done.iterations, done.converged], [0, true]);
  const uphill = await minimize(
    async (x) => ({ value: x[0] ** 2, gradient: Float64Array.of(-2 * x[0]) }),
    Float64Array.of(1),
  );
  assert.equal([uphill.converged, uphill.value], [false, 1]);
  const nothing = async () => ({ value: Number.NaN, gradient: Float64Array.of(Number.NaN) });
  assert.is((await minimize(nothing, Float64Array.of(1))).converged, false);
});

lbfgs("a cliff into no number at all is walked around", async () => {
  // Minimum at 2; from 2.5 on there is no value.
  const evaluate = async ([x]: Float64Array) => ({
    value: x < 2.5 ? (x - 2) ** 2 : Number.NaN,
    gradient: Float64Array.of(x < 2.5 ? 2 * (x - 2) : Number.NaN),
  });
  const { converged, x } = await minimize(evaluate, Float64Array.of(-40));
  assert.ok(converged && Math.abs(x[0] - 2) <= 5e-9, `${x}`);
});

lbfgs.run();
