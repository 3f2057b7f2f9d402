import { conv2d } from "../ops/conv2d.js";
import { type Conv2dShape, conv2dForward, conv2dInputGradient, conv2dWeightGradient } from "../reference/conv2d.js";
import { windowOutputSize } from "../reference/window.js";
import { type Check, checkOf, evaluate, gradientOf, type Outputs, type Subject } from "./check.js";
import { randomInputs } from "./random-inputs.js";
import { relativeError, type StoredType, stored, typeText } from "./rounding.js";

/** A convolution and the gradient of its output. */
export interface ConvolutionInputs extends Conv2dShape {
  /** Of x, y and their gradients. */
  readonly type?: StoredType;
  readonly x: Float64Array;
  readonly weight: Float64Array;
  readonly dy: Float64Array;
}

function values(inputs: ConvolutionInputs): Outputs {
  const { x, weight, dy } = inputs;
  return {
    y: conv2dForward(x, weight, inputs),
    dx: conv2dInputGradient(weight, dy, inputs),
    dWeight: conv2dWeightGradient(x, dy, inputs),
  };
}

/** Outputs y, dx and dWeight. */
export const convolutionSubject: Subject<ConvolutionInputs> = {
  compute: (device, inputs) =>
    evaluate(device, (tape, input) => {
      const { batch, height, width, inChannels, outChannels, kernelHeight, kernelWidth, stride, padding, type } =
        inputs;
      const x = input(inputs.x, [batch, height, width, inChannels], type);
      const weight = input(inputs.weight, [kernelHeight, kernelWidth, inChannels, outChannels]);
      tape.watch(x, weight);
      const y = conv2d(tape, x, weight, { stride, padding });
      tape.backward(y, input(inputs.dy, y.shape, type));
      return { y, dx: gradientOf(tape, x), dWeight: gradientOf(tape, weight) };
    }),
  reference: values,
  // Dot products over the window and the channels, or, for dWeight, over all output pixels; the same of absolute values.
  tolerance: (inputs) => {
    const absolute = (x: Float64Array) => x.map(Math.abs);
    const { x, weight, dy, batch, inChannels, outChannels, kernelHeight, kernelWidth, type } = inputs;
    const exact = values(inputs);
    const sums = values({ ...inputs, x: absolute(x), weight: absolute(weight), dy: absolute(dy) });
    const out = windowOutputSize(inputs);
    const taps = kernelHeight * kernelWidth;
    return {
      y: stored(
        sums.y.map((sum) => sum * relativeError(taps * inChannels + 1)),
        exact.y,
        type,
      ),
      dx: stored(
        sums.dx.map((sum) => sum * relativeError(taps * outChannels + 1)),
        exact.dx,
        type,
      ),
      dWeight: sums.dWeight.map((sum) => sum * relativeError(batch * out.height * out.width + 1)),
    };
  },
};

/** What the input gradient launches besides where it goes through columns. */
const COLUMN_KERNELS = ["matmul", "columnsToImage"] as const;

function check(
  [batch, height, width, inChannels]: readonly [number, number, number, number],
  outChannels: number,
  [kernelHeight, kernelWidth]: readonly [number, number],
  stride: number,
  padding: number,
  { columns = false, type }: { readonly columns?: boolean; readonly type?: StoredType } = {},
): Check {
  const shape = { batch, height, width, inChannels, outChannels, kernelHeight, kernelWidth, stride, padding, type };
  const text = `${batch} x ${height} x ${width} x ${inChannels} to ${outChannels}, kernel ${kernelHeight} x ${kernelWidth}, stride ${stride}, padding ${padding}, and gradients${typeText(type)}`;
  return checkOf(
    ["conv2d", "conv2dWeightGradient", "sumSplits", "transpose", ...(columns ? COLUMN_KERNELS : [])],
    text,
    convolutionSubject,
    (): ConvolutionInputs => {
      const random = randomInputs(3, type);
      const out = windowOutputSize(shape);
      return {
        ...shape,
        x: random.normal(batch * height * width * inChannels),
        weight: random.normal(kernelHeight * kernelWidth * inChannels * outChannels),
        dy: random.normal(batch * out.height * out.width * outChannels),
      };
    },
  );
}

/**
 * Checks of the convolution: windows of 1 to 7, square or not, strides 1 to 3, paddings 0 to 3, one image, one channel, more
 * channels than a tile, and a stride that leaves pixels over; input gradients with and without columns. A geometry is a
 * pipeline for each direction, and compiling takes longest: few of them.
 */
export const convolutionChecks: readonly Check[] = [
  check([2, 7, 5, 3], 5, [3, 3], 1, 1, { columns: true }),
  check([1, 6, 8, 3], 5, [3, 3], 2, 1, { columns: true }),
  check([2, 13, 11, 3], 5, [7, 7], 2, 3),
  check([3, 8, 10, 3], 2, [3, 5], 3, 2),
  check([1, 3, 5, 70], 67, [1, 1], 1, 0),
  check([1, 5, 5, 1], 1, [3, 3], 1, 1),
  check([1, 13, 11, 3], 19, [7, 7], 2, 3, { columns: true }),
  check([1, 9, 11, 1], 7, [7, 7], 1, 3, { columns: true }),
  check([2, 7, 6, 1], 3, [3, 3], 2, 0, { columns: true }),
  check([3, 8, 5, 3], 5, [3, 3], 1, 2, { columns: true }),
];

/** The same with f16, where no input gradient goes through columns. */
export const halfConvolutionChecks: readonly Check[] = [
  check([2, 7, 5, 3], 5, [3, 3], 1, 1, { type: "f16" }),
  check([1, 6, 8, 3], 5, [3, 3], 2, 1, { type: "f16" }),
  check([3, 8, 10, 8], 4, [3, 5], 3, 2, { type: "f16" }),
  check([1, 3, 5, 70], 67, [1, 1], 1, 0, { type: "f16" }),
  check([1, 5, 5, 1], 1, [3, 3], 1, 1, { type: "f16" }),
];
