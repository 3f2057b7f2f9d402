import { conv2d } from "../ops/conv2d.js";
import { type Conv2dShape, conv2dForward, conv2dInputGradient, conv2dWeightGradient } from "../reference/conv2d.js";
import { biasForward } from "../reference/elementwise.js";
import { columnSums } from "../reference/reduction.js";
import { bothAxes, type PerAxis, windowOutputSize } from "../reference/window.js";
import { type Check, checkOf, evaluate, gradientOf, type KernelName, type Outputs, type Subject } from "./check.js";
import { type RandomInputs, randomInputs } from "./random-inputs.js";
import { relativeError, type StoredType, stored, typeText, UNIT } from "./rounding.js";

/** A convolution and the gradient of its output. */
export interface ConvolutionInputs extends Conv2dShape {
  /** Of x, y and their gradients. */
  readonly type?: StoredType;
  readonly x: Float64Array;
  readonly weight: Float64Array;
  /** [outChannels] */
  readonly bias?: Float64Array;
  readonly dy: Float64Array;
}

function values(inputs: ConvolutionInputs): Outputs {
  const { x, weight, bias, dy, outChannels } = inputs;
  const product = conv2dForward(x, weight, inputs);
  return {
    y: bias ? biasForward(product, bias) : product,
    dx: conv2dInputGradient(weight, dy, inputs),
    dWeight: conv2dWeightGradient(x, dy, inputs),
    ...(bias && { dBias: columnSums(dy, dy.length / outChannels, outChannels) }),
  };
}

/** Outputs y, dx, dWeight, and dBias where there is a bias. */
export const convolutionSubject: Subject<ConvolutionInputs> = {
  compute: (device, inputs) =>
    evaluate(device, (tape, input) => {
      const { batch, height, width, inChannels, outChannels, kernelHeight, kernelWidth, groups = 1, type } = inputs;
      const x = input(inputs.x, [batch, height, width, inChannels], type);
      const weight = input(inputs.weight, [kernelHeight, kernelWidth, inChannels / groups, outChannels]);
      const bias = inputs.bias && input(inputs.bias, [outChannels]);
      tape.watch(x, weight, ...(bias ? [bias] : []));
      const { stride, padding, dilation } = inputs;
      const y = conv2d(tape, x, weight, { stride, padding, dilation, groups, bias });
      tape.backward(y, input(inputs.dy, y.shape, type));
      return {
        y,
        dx: gradientOf(tape, x),
        dWeight: gradientOf(tape, weight),
        ...(bias && { dBias: gradientOf(tape, bias) }),
      };
    }),
  reference: values,
  // Dot products over the window and the channels of a group, or, for dWeight, over all output pixels; the same of absolute values.
  tolerance: (inputs) => {
    const absolute = (x: Float64Array) => x.map(Math.abs);
    const { x, weight, bias, dy, batch, inChannels, outChannels, kernelHeight, kernelWidth, groups = 1, type } = inputs;
    const exact = values(inputs);
    const sums = values({ ...inputs, x: absolute(x), weight: absolute(weight), bias: undefined, dy: absolute(dy) });
    const out = windowOutputSize(inputs);
    const taps = kernelHeight * kernelWidth;
    const pixels = batch * out.height * out.width;
    const product = stored(
      sums.y.map((sum) => sum * relativeError((taps * inChannels) / groups + 1)),
      conv2dForward(x, weight, inputs),
      type,
    );
    return {
      // The bias is added to what is stored.
      y: bias
        ? stored(
            product.map((error, i) => error + UNIT * (Math.abs(exact.y[i]) + error)),
            exact.y,
            type,
          )
        : product,
      dx: stored(
        sums.dx.map((sum) => sum * relativeError((taps * outChannels) / groups + 1)),
        exact.dx,
        type,
      ),
      dWeight: sums.dWeight.map((sum) => sum * relativeError(pixels + 1)),
      ...(bias && { dBias: columnSums(absolute(dy), pixels, outChannels).map((sum) => sum * relativeError(pixels)) }),
    };
  },
};

/** "2", or "2 x 1" where the axes differ. */
function axesText(value: PerAxis): string {
  const [vertical, horizontal] = bothAxes(value);
  return vertical === horizontal ? `${vertical}` : `${vertical} x ${horizontal}`;
}

/** A convolution's extents and settings, for people. */
export function convolutionText(shape: Conv2dShape): string {
  const { batch, height, width, inChannels, outChannels, kernelHeight, kernelWidth, stride, padding } = shape;
  const { dilation = 1, groups = 1 } = shape;
  const extents = `${batch} x ${height} x ${width} x ${inChannels} to ${outChannels}, kernel ${kernelHeight} x ${kernelWidth}`;
  const dilated = axesText(dilation) === "1" ? "" : `, dilation ${axesText(dilation)}`;
  const grouped = groups === 1 ? "" : `, ${groups} groups`;
  return `${extents}, stride ${axesText(stride)}, padding ${axesText(padding)}${dilated}${grouped}`;
}

/** Random tensors for a convolution. */
export function convolutionInputs(shape: Conv2dShape, random: RandomInputs) {
  const { batch, height, width, inChannels, outChannels, kernelHeight, kernelWidth, groups = 1 } = shape;
  const out = windowOutputSize(shape);
  return {
    x: random.normal(batch * height * width * inChannels),
    weight: random.normal((kernelHeight * kernelWidth * inChannels * outChannels) / groups),
    dy: random.normal(batch * out.height * out.width * outChannels),
  };
}

/** What a convolution launches in general, in groups, where its input gradient goes through columns, and for a bias. */
const KERNELS: Readonly<Record<"dense" | "grouped" | "columns" | "bias", readonly KernelName[]>> = {
  dense: ["conv2d", "conv2dWeightGradient", "sumSplits", "transpose"],
  grouped: ["groupedConv2d", "groupedConv2dWeightGradient", "sumSplits"],
  columns: ["matmul", "columnsToImage"],
  bias: ["bias", "columnSums"],
};

interface Setting {
  readonly dilation?: PerAxis;
  readonly groups?: number;
  readonly bias?: boolean;
  /** Whether the input gradient goes through columns. */
  readonly columns?: boolean;
  readonly type?: StoredType;
}

function check(
  [batch, height, width, inChannels]: readonly [number, number, number, number],
  outChannels: number,
  [kernelHeight, kernelWidth]: readonly [number, number],
  stride: PerAxis,
  padding: PerAxis,
  { dilation, groups, bias = false, columns = false, type }: Setting = {},
): Check {
  const shape = {
    ...{ batch, height, width, inChannels, outChannels, groups },
    ...{ kernelHeight, kernelWidth, stride, padding, dilation },
  };
  const used = [
    ...(groups ? KERNELS.grouped : KERNELS.dense),
    ...(columns ? KERNELS.columns : []),
    ...(bias ? KERNELS.bias : []),
  ];
  const text = `${convolutionText(shape)}${bias ? ", bias" : ""}, and gradients${typeText(type)}`;
  return checkOf(used, text, convolutionSubject, (): ConvolutionInputs => {
    const random = randomInputs(3, type);
    const inputs = convolutionInputs(shape, random);
    return { ...shape, type, ...inputs, bias: bias ? random.normal(outChannels) : undefined };
  });
}

/**
 * Checks of the convolution: windows of 1 to 7, square or not, strides 1 to 3, paddings 0 to 3, one image, one channel, more
 * channels than a tile, and a stride that leaves pixels over; input gradients with and without columns; axes that differ, and
 * dilation, with phases that no tap reads among them; a window too large for the kernels in workgroup memory. A geometry is a
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
  check([1, 7, 8, 3], 6, [2, 3], [1, 2], [0, 1], { columns: true, bias: true }),
  check([2, 9, 7, 9], 12, [3, 3], [2, 1], [1, 0]),
  check([1, 9, 11, 5], 9, [3, 2], 1, [2, 1], { dilation: [2, 3] }),
  check([2, 10, 9, 9], 5, [3, 3], 2, 2, { dilation: [2, 3] }),
  check([1, 3, 19, 12], 12, [1, 17], 1, [0, 8]),
];

/**
 * Checks of the convolution in groups: depthwise with and without vectors of four channels, with more output channels than input
 * channels, and groups of a few channels, in vectors and not; windows of 1 to 7, all settings of the axes, one image, rows that
 * are no multiple of what a thread takes at once.
 */
export const groupedConvolutionChecks: readonly Check[] = [
  check([2, 7, 9, 12], 12, [3, 3], 1, 1, { groups: 12, bias: true }),
  check([1, 9, 10, 8], 8, [7, 7], 1, 3, { groups: 8 }),
  check([2, 9, 8, 5], 5, [3, 3], 2, 1, { groups: 5 }),
  check([1, 11, 9, 4], 4, [3, 3], [1, 3], 2, { groups: 4, dilation: [3, 2] }),
  check([1, 6, 7, 3], 6, [3, 5], [1, 2], [0, 2], { groups: 3 }),
  check([2, 7, 6, 8], 16, [3, 3], 2, 1, { groups: 2, bias: true }),
  check([1, 8, 13, 8], 8, [4, 3], [2, 1], [1, 3], { groups: 2 }),
  check([3, 5, 7, 6], 9, [1, 1], 1, 0, { groups: 3 }),
  check([1, 11, 12, 16], 8, [3, 3], 2, 1, { groups: 2, dilation: [1, 2] }),
];

/** The same with f16, where no input gradient goes through columns. */
export const halfConvolutionChecks: readonly Check[] = [
  check([2, 7, 5, 3], 5, [3, 3], 1, 1, { type: "f16" }),
  check([1, 6, 8, 3], 5, [3, 3], 2, 1, { type: "f16", bias: true }),
  check([3, 8, 10, 8], 4, [3, 5], 3, 2, { type: "f16" }),
  check([1, 3, 5, 70], 67, [1, 1], 1, 0, { type: "f16" }),
  check([1, 5, 5, 1], 1, [3, 3], 1, 1, { type: "f16" }),
  check([1, 9, 7, 4], 8, [3, 3], [1, 2], 2, { dilation: 2, bias: true, type: "f16" }),
  check([1, 7, 9, 12], 12, [3, 3], 1, 1, { groups: 12, type: "f16" }),
  check([1, 9, 7, 5], 5, [3, 3], 2, 1, { groups: 5, type: "f16" }),
  check([2, 7, 5, 8], 16, [3, 3], 2, 1, { groups: 2, bias: true, type: "f16" }),
];
