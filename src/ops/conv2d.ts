import type { Tape } from "../engine/tape.js";
import { expectShape, mapShape, type Tensor } from "../engine/tensor.js";
import { ShapeError } from "../errors.js";
import type { Geometry } from "./convolution-geometry.js";
import { denseConvolution } from "./dense-convolution.js";
import { groupedConvolution } from "./grouped-convolution.js";
import { addBias } from "./matmul.js";
import { type Axes, axesOf, type PerAxis, windowedExtent } from "./window.js";

/** How a convolution slides over a map, in pixels, and what of the channels it reads. */
export interface ConvolutionOptions {
  /** 1 by default. */
  readonly stride?: PerAxis;
  /** Zeros on either side; 0 by default. */
  readonly padding?: PerAxis;
  /** From one tap of the window to the next; 1 by default. */
  readonly dilation?: PerAxis;
  /**
   * Output channels [i, i + 1) * out / groups read only input channels [i, i + 1) * in / groups; 1 by default. With as many groups
   * as input channels, the convolution is depthwise.
   */
  readonly groups?: number;
  /** A vector [out] that is added to the result; none by default. */
  readonly bias?: Tensor;
}

/**
 * 2-D convolution (cross-correlation, as in PyTorch): x [batch, height, width, in] with weight
 * [kernel height, kernel width, in / groups, out] gives [batch, out height, out width, out], in the type of x; the weight and the
 * bias are f32.
 * @throws ShapeError where the channels differ, the groups do not divide them or the window does not fit.
 */
export function conv2d(tape: Tape, x: Tensor, weight: Tensor, options: ConvolutionOptions = {}): Tensor {
  const geometry = geometryOf(x, weight, options);
  const { bias } = options;
  if (bias) expectShape(bias, [geometry.outChannels], `to be added to a convolution with ${weight}`);
  const { forward, inputGradient, weightGradient } = geometry.groups === 1 ? denseConvolution : groupedConvolution;
  const y = forward(tape, geometry, x, weight);
  tape.differentiate([x, weight], y, (dy) => [
    tape.needsGradient(x) ? inputGradient(tape, geometry, dy, weight) : null,
    tape.needsGradient(weight) ? weightGradient(tape, geometry, x, dy) : null,
  ]);
  return bias ? addBias(tape, y, bias) : y;
}

/** @throws ShapeError unless so many groups divide the channels on both sides of a convolution. */
export function expectGroups(groups: number, channels: readonly [before: number, after: number], what: string): void {
  if (!Number.isInteger(groups) || groups < 1)
    throw new ShapeError(`${what}: ${groups} groups must be a whole number from 1 up`);
  if (channels.some((count) => count % groups !== 0))
    throw new ShapeError(
      `${what}: ${groups} groups do not divide ${channels[0]} channels before and ${channels[1]} after`,
    );
}

function geometryOf(x: Tensor, weight: Tensor, options: ConvolutionOptions): Geometry {
  const [batch, height, width, inChannels] = mapShape(x);
  const [kernelHeight, kernelWidth, weightChannels, outChannels] = mapShape(weight);
  const { groups = 1 } = options;
  const what = `convolution of ${x} with ${weight}`;
  expectGroups(groups, [inChannels, outChannels], what);
  if (weightChannels * groups !== inChannels) {
    const each = groups === 1 ? "" : ` in each of ${groups} groups`;
    throw new ShapeError(
      `${weight} takes ${weightChannels} channels${each} (its third extent), and ${x} has ${inChannels}`,
    );
  }
  const [stride, padding, dilation] = [options.stride ?? 1, options.padding ?? 0, options.dilation ?? 1].map(axesOf);
  const along = (axis: keyof Axes) => ({ stride: stride[axis], padding: padding[axis], dilation: dilation[axis] });
  return {
    ...{ batch, height, width, inChannels, outChannels, groups },
    ...{ kernelHeight, kernelWidth, stride, padding, dilation },
    outHeight: windowedExtent(height, kernelHeight, along("y"), what),
    outWidth: windowedExtent(width, kernelWidth, along("x"), what),
    type: x.type,
    label: weight.label,
  };
}
