import type * as kernels from "../../kernels/generated.js";
import type { Device } from "../engine/device.js";
import { Tape } from "../engine/tape.js";
import type { Tensor } from "../engine/tensor.js";
import { withPrograms } from "../engine/with-programs.js";
import { ShapeError } from "../errors.js";
import { toFloat, toHalf } from "../ops/precision.js";
import type { StoredType } from "./rounding.js";

/** The name of a kernel. */
export type KernelName = keyof typeof kernels;

/** The element of a result that is off by the most, measured in what it may be off by. */
export interface Deviation {
  readonly error: number;
  /** What f32 arithmetic allows for that element; 0 where the result has to be exact. */
  readonly tolerance: number;
}

/** Results by name. */
export type Outputs = Readonly<Record<string, Float64Array>>;

/** A check of kernels on a device against a plain reference in float64, with random inputs from a fixed seed. */
export interface Check {
  /** The kernels it launches. */
  readonly kernels: readonly KernelName[];
  /** What is computed at which size, for people. */
  readonly shape: string;
  readonly run: (device: Device) => Promise<Deviation>;
}

/** Something that a device computes, and how far it may be off. */
export interface Subject<Inputs> {
  compute(device: Device, inputs: Inputs): Promise<Outputs>;
  /** `actual` is what the device computed, for steps that would jump where it is off by a rounding. */
  reference(inputs: Inputs, actual: Outputs): Outputs;
  /** For every element of every output. */
  tolerance(inputs: Inputs): Outputs;
}

/** A check of a subject with the inputs that `make` gives. */
export function checkOf<Inputs>(
  kernels: readonly KernelName[],
  shape: string,
  subject: Subject<Inputs>,
  make: () => Inputs,
): Check {
  return {
    kernels,
    shape,
    async run(device) {
      const inputs = make();
      const actual = await subject.compute(device, inputs);
      return worstDeviation(actual, subject.reference(inputs, actual), subject.tolerance(inputs));
    },
  };
}

/** True where the result is within its tolerance; never for NaN. */
export function passes({ error, tolerance }: Deviation): boolean {
  return error <= tolerance;
}

/** The worst element of all outputs. @throws ShapeError where an output has another number of elements. */
export function worstDeviation(actual: Outputs, expected: Outputs, tolerance: Outputs): Deviation {
  let worst: Deviation = { error: 0, tolerance: 0 };
  let worstShare = -1;
  for (const [name, values] of Object.entries(expected)) {
    const [found, allowed] = [actual[name], tolerance[name]];
    if (found?.length !== values.length || allowed?.length !== values.length) {
      throw new ShapeError(
        `${name}: ${found?.length} results, ${values.length} expected values and ${allowed?.length} tolerances`,
      );
    }
    values.forEach((value, i) => {
      const distance = Math.abs(found[i] - value);
      const error = Number.isNaN(distance) ? Number.POSITIVE_INFINITY : distance;
      const share = error === 0 ? 0 : error / allowed[i];
      if (share > worstShare) {
        worst = { error, tolerance: allowed[i] };
        worstShare = share;
      }
    });
  }
  return worst;
}

/** Tolerances of an output that has to be exact. */
export function exactly(values: { readonly length: number }): Float64Array {
  return new Float64Array(values.length);
}

/** Puts data on the device for one evaluation; data for f16 has to be such that f16 has it. */
export type Input = (
  data: Float64Array | Uint32Array<ArrayBuffer>,
  shape: readonly number[],
  type?: StoredType,
) => Tensor;

/** Records, runs once and reads every output back; everything is freed afterwards. */
export async function evaluate(
  device: Device,
  record: (tape: Tape, input: Input) => Readonly<Record<string, Tensor>>,
): Promise<Outputs> {
  const recordAll = () => {
    const tape = new Tape(device);
    const recorded = record(tape, (data, shape, type) => {
      const tensor = device.tensor(shape, data instanceof Uint32Array ? data : Float32Array.from(data), "input");
      return type === "f16" ? toHalf(tape, tensor) : tensor;
    });
    const readable = Object.entries(recorded).map(
      ([name, tensor]) => [name, tensor.type === "f16" ? toFloat(tape, tensor) : tensor] as const,
    );
    return { readable, tapes: [{ tape, keep: readable.map(([, tensor]) => tensor) }] };
  };
  return withPrograms(device, "a check", recordAll, async ({ readable }, [program]) => {
    program.run();
    const read = async (tensor: Tensor) =>
      Float64Array.from(tensor.type === "u32" ? await device.readIndices(tensor) : await device.read(tensor));
    const results = readable.map(async ([name, tensor]) => [name, await read(tensor)] as const);
    return Object.fromEntries(await Promise.all(results));
  });
}

/** The gradient that a recorded backward pass found. @throws GradientError where none reached the tensor. */
export function gradientOf(tape: Tape, tensor: Tensor): Tensor {
  return tape.gradientOf(tensor);
}
