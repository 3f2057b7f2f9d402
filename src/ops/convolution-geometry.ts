import type { Device } from "../engine/device.js";
import type { Recorder } from "../engine/launch.js";
import type { Tape } from "../engine/tape.js";
import type { ElementType, Tensor } from "../engine/tensor.js";
import { sumSplits } from "./column-sums.js";
import { wantedWorkgroups } from "./tiles.js";
import type { Axes } from "./window.js";

/** The extents of a convolution. */
export interface Geometry {
  readonly batch: number;
  readonly height: number;
  readonly width: number;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly groups: number;
  readonly kernelHeight: number;
  readonly kernelWidth: number;
  readonly stride: Axes;
  readonly padding: Axes;
  readonly dilation: Axes;
  readonly outHeight: number;
  readonly outWidth: number;
  /** Of x and y, and of their gradients. */
  readonly type: ElementType;
  /** The weight's. */
  readonly label: string;
}

/** A convolution and its gradients; the weight and its gradient are [kernel height, kernel width, in of a group, out]. */
export interface ConvolutionPasses {
  forward(tape: Tape, geometry: Geometry, x: Tensor, weight: Tensor): Tensor;
  inputGradient(tape: Tape, geometry: Geometry, dy: Tensor, weight: Tensor): Tensor;
  weightGradient(tape: Tape, geometry: Geometry, x: Tensor, dy: Tensor): Tensor;
}

/** What the passes have in common: the shapes of tensors, and the constants of kernels. */
export function describe(g: Geometry) {
  const { kernelHeight: KERNEL_HEIGHT, kernelWidth: KERNEL_WIDTH, stride, padding, dilation } = g;
  return {
    x: [g.batch, g.height, g.width, g.inChannels],
    y: [g.batch, g.outHeight, g.outWidth, g.outChannels],
    weight: [g.kernelHeight, g.kernelWidth, g.inChannels / g.groups, g.outChannels],
    window: {
      ...{ KERNEL_HEIGHT, KERNEL_WIDTH, STRIDE_Y: stride.y, STRIDE_X: stride.x },
      ...{ PADDING_Y: padding.y, PADDING_X: padding.x },
    },
    dilation: { DILATION_Y: dilation.y, DILATION_X: dilation.x },
    input: { IN_HEIGHT: g.height, IN_WIDTH: g.width, IN_CHANNELS: g.inChannels },
    output: { OUT_HEIGHT: g.outHeight, OUT_WIDTH: g.outWidth, OUT_CHANNELS: g.outChannels },
    /** For gradients of the input, whose kernels read y's and write x's. */
    turned: {
      ...{ IN_HEIGHT: g.outHeight, IN_WIDTH: g.outWidth, IN_CHANNELS: g.outChannels },
      ...{ OUT_HEIGHT: g.height, OUT_WIDTH: g.width, OUT_CHANNELS: g.inChannels },
    },
  };
}

/**
 * The gradient of the weight as a sum of parts, each over some rows of dy; `launch` computes so many of them.
 * @param workgroups that one part takes; with less than a whole one, parts share it.
 */
export function sumOfParts(
  recorder: Recorder,
  device: Device,
  geometry: Geometry,
  workgroups: number,
  launch: (parts: Tensor, splits: number) => void,
): Tensor {
  const { batch, outHeight, outWidth, label } = geometry;
  const { weight } = describe(geometry);
  const lines = batch * outHeight;
  // No more splits than keep the adapter busy, but no run of additions so long that rounding piles up.
  const busy = Math.ceil(wantedWorkgroups(device) / workgroups);
  const wanted = Math.max(busy, Math.ceil((lines * outWidth) / 8192));
  const perSplit = Math.ceil(lines / Math.min(wanted, lines));
  const splits = Math.ceil(lines / perSplit);
  const whole = splits === 1;
  const parts = whole
    ? recorder.tensor(weight, `gradient of ${label}`)
    : recorder.tensor([splits, ...weight], `parts of the gradient of ${label}`);
  launch(parts, splits);
  return whole ? parts : sumSplits(recorder, device, parts, weight, `gradient of ${label}`);
}
