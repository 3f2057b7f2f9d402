import * as kernels from "../../kernels/generated.js";
import { constantsOf } from "../engine/pipelines.js";
import { type ConvolutionPasses, describe, type Geometry, sumOfParts } from "./convolution-geometry.js";

/** Threads of a workgroup. */
const LANES = 64;

/** Neighbouring pixels that a thread takes at once, at most: what it loads of them overlaps. */
const MOST_PIXELS = 4;

/** How the kernels are cut up for rows of so many pixels. */
function tileOf({ groups, inChannels, outChannels, dilation }: Geometry, pixels: number) {
  const depthwise = inChannels === groups && outChannels === groups;
  const extents = depthwise ? [groups] : [inChannels / groups, outChannels / groups];
  return {
    LANES,
    // As few as fill a row with as many threads as MOST_PIXELS would. With dilation, neighbours have nothing in common.
    PIXELS: dilation.x > 1 ? 1 : Math.ceil(pixels / Math.ceil(pixels / MOST_PIXELS)),
    VECTOR: extents.every((extent) => extent % 4 === 0) ? 4 : 1,
  };
}

/** The convolution in groups of channels, depthwise among them: each output adds up its window, without variants. */
export const groupedConvolution: ConvolutionPasses = {
  forward(tape, geometry, x, weight) {
    const { batch, groups, outWidth, type, label } = geometry;
    const { y: shape, window, dilation, input, output } = describe(geometry);
    const y = tape.tensor(shape, `convolution with ${label}`, type);
    const constants = { ...tileOf(geometry, outWidth), ...window, ...dilation, ...input, ...output };
    tape.launch(kernels.groupedConv2d, { x, weight, y }, { batch }, { ...constants, CHANNEL_GROUPS: groups });
    return y;
  },

  inputGradient(tape, geometry, dy, weight) {
    const { batch, groups, width, stride, type, label } = geometry;
    const { x: shape, window, dilation, turned } = describe(geometry);
    const dx = tape.tensor(shape, `gradient of the input of ${label}`, type);
    const PHASES_Y = geometry.dilation.y > 1 ? 1 : stride.y;
    const PHASES_X = geometry.dilation.x > 1 ? 1 : stride.x;
    const constants = { ...tileOf(geometry, Math.ceil(width / PHASES_X)), ...window, ...dilation, ...turned };
    tape.launch(
      kernels.groupedConv2d,
      { x: dy, weight, y: dx },
      { batch },
      { ...constants, CHANNEL_GROUPS: groups, TRANSPOSED: true, PHASES_Y, PHASES_X },
    );
    return dx;
  },

  weightGradient(tape, geometry, x, dy) {
    const { batch, groups, outWidth } = geometry;
    const { window, dilation, input, output } = describe(geometry);
    const tile = { ...tileOf(geometry, outWidth), CHANNEL_GROUPS: groups };
    const constants = { ...tile, ...window, ...dilation, ...input, ...output };
    const kernel = kernels.groupedConv2dWeightGradient;
    // Parts share workgroups: LANES of them are as many workgroups as a part has threads.
    const workgroups = kernel.workgroups({ ...constantsOf(kernel, constants), batch, splits: LANES }) / LANES;
    return sumOfParts(tape, tape.device, geometry, workgroups, (parts, splits) =>
      tape.launch(kernel, { x, dy, parts }, { batch, splits }, constants),
    );
  },
};
