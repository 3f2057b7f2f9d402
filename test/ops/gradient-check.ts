import * as assert from "uvu/assert";
import { evaluate, gradientOf, type Input } from "../../src/doctor/check.js";
import { randomInputs } from "../../src/doctor/random-inputs.js";
import { HALF_UNIT, UNIT } from "../../src/doctor/rounding.js";
import type { Tape } from "../../src/engine/tape.js";
import type { Tensor } from "../../src/engine/tensor.js";
import { testDevice } from "../lib/device.js";

/** A chain of operations on the device, and the same chain in float64. */
export interface Chain {
  /** Shapes of the inputs; all are differentiated. */
  readonly inputs: Readonly<Record<string, readonly number[]>>;
  /** The chain; its output may have any shape. `input` is for tensors that are not differentiated. */
  readonly record: (tape: Tape, x: Readonly<Record<string, Tensor>>, input: Input) => Tensor;
  /** The same output by the references. */
  readonly reference: (x: Readonly<Record<string, Float64Array>>) => Float64Array;
  /** Terms of the longest sums on the way forward and back, added up. */
  readonly terms: number;
  /** Tensors in f16 on the longest way forward and back, 0 by default; with any, inputs are numbers that f16 has. */
  readonly stores?: number;
}

/** Distance of the two points of a central difference; its own error is about the square, 1e-10. */
const step = 1e-5;

/**
 * Compares the gradient of a random projection of the output with central differences of the chain in float64.
 *
 * An element of a gradient is a sum over paths through the chain; on each, roundings come one upon the other, one for each
 * term of each sum. Roundings are as often up as down, so n of them are off by about sqrt(n) units: the n allowed here
 * leave another factor of sqrt(n) for terms that cancel. A wrong derivative is off by thousands of times more, or, where f16
 * rounds, by hundreds.
 */
export async function checkGradients({ inputs, record, reference, terms, stores = 0 }: Chain): Promise<void> {
  const random = randomInputs(21, stores > 0 ? "f16" : "f32");
  const data = Object.fromEntries(
    Object.entries(inputs).map(([name, shape]) => [name, random.normal(shape.reduce((a, b) => a * b, 1))]),
  );
  const projection = random.normal(reference(data).length);
  const actual = await evaluate(await testDevice(), (tape, input) => {
    const tensors = Object.fromEntries(Object.entries(inputs).map(([name, shape]) => [name, input(data[name], shape)]));
    tape.watch(...Object.values(tensors));
    const output = record(tape, tensors, input);
    tape.backward(output, input(projection, output.shape));
    return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, gradientOf(tape, tensor)]));
  });

  const objective = (name: string, values: Float64Array) =>
    reference({ ...data, [name]: values }).reduce((sum, value, i) => sum + value * projection[i], 0);
  for (const [name, values] of Object.entries(data)) {
    const expected = values.map((value, i) => {
      const moved = (by: number) => objective(name, values.with(i, value + by));
      return (moved(step) - moved(-step)) / (2 * step);
    });
    const largest = expected.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
    assert.ok(largest > 1e-3, `the gradient of ${name} is not tested: all of it is below ${largest}`);
    const tolerance = largest * (terms * UNIT + stores * HALF_UNIT + 1e-7);
    expected.forEach((value, i) => {
      const found = actual[name][i];
      assert.ok(
        Math.abs(found - value) <= tolerance,
        `gradient of ${name}[${i}] is ${found}, by differences ${value} +- ${tolerance}`,
      );
    });
  }
}
