import { globalAveragePool, maxPool } from "../ops/pooling.js";
import {
  type GlobalAveragePoolShape,
  globalAveragePoolBackward,
  globalAveragePoolForward,
  type MaxPoolShape,
  maxPoolBackward,
  maxPoolForward,
} from "../reference/pooling.js";
import { windowOutputSize } from "../reference/window.js";
import { type Check, checkOf, evaluate, exactly, gradientOf, type Subject } from "./check.js";
import { randomInputs } from "./random-inputs.js";
import { ROUNDINGS, relativeError, type StoredType, stored, typeText } from "./rounding.js";

/** A max-pool and the gradient of its output; the window is square. */
export interface MaxPoolInputs extends MaxPoolShape {
  /** Of x, y and their gradients. */
  readonly type?: StoredType;
  readonly x: Float64Array;
  readonly dy: Float64Array;
}

const absolute = (x: Float64Array) => x.map(Math.abs);

/** Outputs y and dx. */
export const maxPoolSubject: Subject<MaxPoolInputs> = {
  compute: (device, inputs) =>
    evaluate(device, (tape, input) => {
      const { batch, height, width, channels, kernelHeight, stride, padding, type } = inputs;
      const x = input(inputs.x, [batch, height, width, channels], type);
      tape.watch(x);
      const y = maxPool(tape, x, { kernel: kernelHeight, stride, padding });
      tape.backward(y, input(inputs.dy, y.shape, type));
      return { y, dx: gradientOf(tape, x) };
    }),
  reference(inputs) {
    const { y, argmax } = maxPoolForward(inputs.x, inputs);
    return { y, dx: maxPoolBackward(argmax, inputs.dy, inputs) };
  },
  // A pixel adds up what comes from the windows over it; the maximum itself is exact.
  tolerance(inputs) {
    const { y, argmax } = maxPoolForward(inputs.x, inputs);
    const sums = maxPoolBackward(argmax, absolute(inputs.dy), inputs);
    const windows = Math.ceil(inputs.kernelHeight / inputs.stride) ** 2;
    const dx = sums.map((sum) => sum * relativeError(windows));
    return { y: exactly(y), dx: stored(dx, maxPoolBackward(argmax, inputs.dy, inputs), inputs.type) };
  },
};

/** An average over each map and the gradient of its output. */
export interface GlobalAveragePoolInputs extends GlobalAveragePoolShape {
  /** Of x and its gradient; the average is f32. */
  readonly type?: StoredType;
  readonly x: Float64Array;
  readonly dy: Float64Array;
}

/** Outputs y and dx. */
export const globalAveragePoolSubject: Subject<GlobalAveragePoolInputs> = {
  compute: (device, { x: data, dy, batch, pixels, channels, type }) =>
    evaluate(device, (tape, input) => {
      const x = input(data, [batch, pixels, 1, channels], type);
      tape.watch(x);
      const y = globalAveragePool(tape, x);
      tape.backward(y, input(dy, [batch, channels]));
      return { y, dx: gradientOf(tape, x) };
    }),
  reference: (inputs) => ({
    y: globalAveragePoolForward(inputs.x, inputs),
    dx: globalAveragePoolBackward(inputs.dy, inputs),
  }),
  // A sum over the pixels and a division; a division.
  tolerance(inputs) {
    const { x, dy, pixels, type } = inputs;
    const [ySum, dxSum] = [
      globalAveragePoolForward(absolute(x), inputs),
      globalAveragePoolBackward(absolute(dy), inputs),
    ];
    return {
      y: ySum.map((value) => value * relativeError(pixels + ROUNDINGS.division)),
      dx: stored(
        dxSum.map((value) => value * relativeError(ROUNDINGS.division)),
        dxSum,
        type,
      ),
    };
  },
};

function checkMaxPool(
  [batch, height, width, channels]: readonly [number, number, number, number],
  kernel: number,
  stride: number,
  padding: number,
  { levels = 0, type }: { readonly levels?: number; readonly type?: StoredType } = {},
): Check {
  const shape = { batch, height, width, channels, kernelHeight: kernel, kernelWidth: kernel, stride, padding, type };
  const text = `${batch} x ${height} x ${width} x ${channels}, window ${kernel}, stride ${stride}, padding ${padding}${levels > 0 ? `, only ${levels} values` : ""}, and gradient${typeText(type)}`;
  return checkOf(["maxPool", "maxPoolGradient"], text, maxPoolSubject, (): MaxPoolInputs => {
    const random = randomInputs(5, type);
    const elements = batch * height * width * channels;
    const out = windowOutputSize(shape);
    return {
      ...shape,
      x: levels > 0 ? Float64Array.from(random.below(elements, levels)) : random.normal(elements),
      dy: random.normal(batch * out.height * out.width * channels),
    };
  });
}

function checkAverage(batch: number, pixels: number, channels: number, type?: StoredType): Check {
  const text = `${batch} maps of ${pixels} pixels and ${channels} channels, and gradient${typeText(type)}`;
  const used = ["globalAveragePool", "globalAveragePoolGradient"] as const;
  return checkOf(used, text, globalAveragePoolSubject, (): GlobalAveragePoolInputs => {
    const random = randomInputs(6, type);
    const [x, dy] = [random.normal(batch * pixels * channels), random.normal(batch * channels)];
    return { batch, pixels, channels, x, dy, type };
  });
}

/** Checks of the pooling kernels: overlapping windows and such with gaps, ties, one channel, one pixel. */
export const poolingChecks: readonly Check[] = [
  checkMaxPool([2, 9, 7, 5], 3, 2, 1),
  checkMaxPool([1, 8, 6, 3], 3, 2, 1),
  checkMaxPool([1, 5, 5, 6], 3, 1, 1, { levels: 3 }),
  checkMaxPool([3, 5, 7, 1], 2, 2, 0),
  checkMaxPool([1, 7, 10, 3], 2, 3, 0),
  checkAverage(3, 35, 9),
  checkAverage(1, 1, 1),
];

/** The same with f16. */
export const halfPoolingChecks: readonly Check[] = [
  checkMaxPool([1, 9, 7, 5], 3, 2, 1, { type: "f16" }),
  checkMaxPool([1, 5, 5, 6], 3, 1, 1, { levels: 3, type: "f16" }),
  checkAverage(3, 35, 9, "f16"),
];
