import * as kernels from "../../kernels/generated.js";
import type { Site } from "../engine/choices.js";
import type { Device } from "../engine/device.js";
import type { Recorder } from "../engine/launch.js";
import { constantsOf } from "../engine/pipelines.js";
import type { Tape } from "../engine/tape.js";
import type { ElementType, Tensor } from "../engine/tensor.js";
import { type ConvolutionPasses, describe, type Geometry, sumOfParts } from "./convolution-geometry.js";
import { product } from "./matmul.js";
import type { Operands } from "./matrix-tiles.js";
import { rowsPerThread } from "./tiles.js";
import {
  type ConvolutionVariant,
  convolutionVariants,
  extentClass,
  type WeightGradientVariant,
  weightGradientVariants,
} from "./variants.js";
import type { Axes } from "./window.js";

/** The convolution of all channels with all channels: implicit matrix products, with variants. */
export const denseConvolution: ConvolutionPasses = {
  forward: (tape, geometry, x, weight) => tape.record(forward(tape.device, geometry), [x, weight]),

  inputGradient(tape, geometry, dy, weight) {
    if (goesThroughColumns(tape.device, geometry)) return inputGradientFromColumns(tape, geometry, dy, weight);
    return tape.record(inputGradient(tape.device, geometry), [dy, weight]);
  },

  weightGradient: (tape, geometry, x, dy) => tape.record(weightGradient(tape.device, geometry), [x, dy]),
};

/** With stride 1, the input gradient is a convolution of dy with the weights turned round: often the forward's own pipeline. */
function isPlain({ stride, kernelHeight, kernelWidth, padding, dilation }: Geometry): boolean {
  const fits = padding.y <= dilation.y * (kernelHeight - 1) && padding.x <= dilation.x * (kernelWidth - 1);
  return stride.y === 1 && stride.x === 1 && fits;
}

/** The padding of the convolution of dy with the weights turned round. */
function turnedPadding({ kernelHeight, kernelWidth, padding, dilation }: Geometry) {
  return {
    PADDING_Y: dilation.y * (kernelHeight - 1) - padding.y,
    PADDING_X: dilation.x * (kernelWidth - 1) - padding.x,
  };
}

/** "2" for both axes, or "2x1". */
function axesText({ y, x }: Axes): string {
  return y === x ? `${y}` : `${y}x${x}`;
}

/** What may be multiplied: the activations are of f32 or f16. */
function operandsOf({ type }: Geometry): Operands {
  return type === "f16" ? "f16" : "f32";
}

/** A weight in the type of the activations, for kernels that take it so. */
function inTypeOf(recorder: Recorder, weight: Tensor, type: ElementType): Tensor {
  if (type === "f32") return weight;
  const copy = recorder.tensor(weight.shape, `${weight.label} in ${type}`, type);
  recorder.launch(kernels.toHalf, { x: weight, y: copy }, { elements: weight.size });
  return copy;
}

/** The class of shapes whose sites share a choice of variant. */
function shapeClass(g: Geometry): string {
  const dilation = axesText(g.dilation);
  const window = `${g.kernelHeight}x${g.kernelWidth}/${axesText(g.stride)}+${axesText(g.padding)}${dilation === "1" ? "" : `*${dilation}`}`;
  const size = axesText({ y: g.height, x: g.width });
  const type = g.type === "f32" ? "" : ` ${g.type}`;
  return `${window} ${g.inChannels}-${g.outChannels} at ${size} n${extentClass(g.batch)}${type}`;
}

/** Taps of a row of the window whose elements of the map lie one after another. */
function neighbouringTaps({ kernelWidth, dilation }: Geometry): number {
  return dilation.x === 1 ? kernelWidth : 1;
}

function forward(device: Device, geometry: Geometry): Site<ConvolutionVariant, Tensor> {
  const { batch, inChannels, outChannels, kernelHeight, kernelWidth, type, label } = geometry;
  const { x, y, weight, window, dilation, input, output } = describe(geometry);
  return {
    operation: "conv2d",
    shape: shapeClass(geometry),
    candidates: convolutionVariants(device, {
      channels: inChannels,
      runTaps: neighbouringTaps(geometry),
      window: Math.max(kernelHeight, kernelWidth),
      shape: {
        rows: batch * geometry.outHeight * geometry.outWidth,
        inner: kernelHeight * kernelWidth * inChannels,
        cols: outChannels,
      },
      type: operandsOf(geometry),
    }),
    inputs: [x, weight],
    types: [type, "f32"],
    record(tape, { kernel, tile, forUnits = false }, [x, weight]) {
      const result = tape.tensor(y, `convolution with ${label}`, type);
      const constants = { ...tile, ...window, ...dilation, ...input, ...output };
      const taken = forUnits ? inTypeOf(tape, weight, type) : weight;
      tape.launch(kernel, { x, weight: taken, y: result }, { batch }, constants);
      return result;
    },
  };
}

function inputGradient(device: Device, geometry: Geometry): Site<ConvolutionVariant, Tensor> {
  const { batch, inChannels, outChannels, kernelHeight, kernelWidth, stride, type, label } = geometry;
  const { x, y, window, dilation, turned } = describe(geometry);
  const plain = isPlain(geometry);
  return {
    operation: "conv2d-input-gradient",
    shape: shapeClass(geometry),
    candidates: convolutionVariants(device, {
      channels: outChannels,
      runTaps: plain ? neighbouringTaps(geometry) : 1,
      window: Math.max(kernelHeight, kernelWidth),
      shape: {
        rows: batch * geometry.height * geometry.width,
        inner: (kernelHeight * kernelWidth * outChannels) / (stride.y * stride.x),
        cols: inChannels,
      },
      type: operandsOf(geometry),
    }),
    inputs: [y, [kernelHeight, kernelWidth, inChannels, outChannels]],
    types: [type, "f32"],
    record(tape, { kernel, tile, forUnits = false }, [dy, weight]) {
      const dx = tape.tensor(x, `gradient of the input of ${label}`, type);
      const phases = { PHASES_Y: stride.y, PHASES_X: stride.x };
      const constants = { ...tile, ...window, ...dilation, ...turned, ...phases };
      if (forUnits) {
        const taken = inTypeOf(tape, weight, type);
        tape.launch(kernel, { x: dy, weight: taken, y: dx }, { batch }, { ...constants, TRANSPOSED: true });
        return dx;
      }
      const flipped = tape.tensor([kernelHeight, kernelWidth, outChannels, inChannels], `${label} transposed`);
      const matrices = { matrices: kernelHeight * kernelWidth, rows: inChannels, cols: outChannels };
      tape.launch(kernels.transpose, { x: weight, y: flipped }, matrices, { REVERSED: plain });
      const direction = { ...(plain && turnedPadding(geometry)), TRANSPOSED: !plain };
      tape.launch(kernel, { x: dy, weight: flipped, y: dx }, { batch }, { ...constants, ...direction });
      return dx;
    },
  };
}

/**
 * True where the input has so few channels that a result with them for columns would waste most of a tile, and where the
 * columns of inputGradientFromColumns are no burden on the memory. With one tap, the columns are the result. Columns are f32:
 * with f16, which is for saving memory, there are none. They have no form for dilation, which few channels hardly ever meet.
 */
function goesThroughColumns({ gpu }: Device, geometry: Geometry): boolean {
  const { batch, inChannels, outChannels, kernelHeight, kernelWidth, dilation, outHeight, outWidth, type } = geometry;
  const taps = kernelHeight * kernelWidth;
  const columns = taps * inChannels;
  const bytes = 4 * batch * outHeight * outWidth * columns;
  const { maxBufferSize, maxStorageBufferBindingSize } = gpu.limits;
  return (
    type === "f32" &&
    inChannels < 8 &&
    taps > 1 &&
    dilation.y * dilation.x === 1 &&
    columns <= Math.min(256, 8 * outChannels) &&
    bytes <= Math.min(maxBufferSize, maxStorageBufferBindingSize)
  );
}

/** The gradient of x: what each output pixel gives to each tap, as one matrix product, added up for each input pixel. */
function inputGradientFromColumns(tape: Tape, geometry: Geometry, dy: Tensor, weight: Tensor): Tensor {
  const { batch, inChannels, outChannels, kernelHeight, kernelWidth, outHeight, outWidth, label } = geometry;
  const { x, window, input } = describe(geometry);
  const rows = batch * outHeight * outWidth;
  const cols = kernelHeight * kernelWidth * inChannels;
  const turned = tape.tensor([outChannels, cols], `${label} transposed`);
  tape.launch(kernels.transpose, { x: weight, y: turned }, { matrices: 1, rows: cols, cols: outChannels });
  const columns = tape.record(product(tape.device, { rows, inner: outChannels, cols }), [dy, turned]);
  const dx = tape.tensor(x, `gradient of the input of ${label}`);
  tape.launch(
    kernels.columnsToImage,
    { columns, dx },
    { batch },
    { ...window, ...input, OUT_HEIGHT: outHeight, OUT_WIDTH: outWidth, ELEMENTS: rowsPerThread(tape.device) },
  );
  return dx;
}

function weightGradient(device: Device, geometry: Geometry): Site<WeightGradientVariant, Tensor> {
  const { batch, inChannels, outChannels, kernelHeight, kernelWidth, outHeight, outWidth, type } = geometry;
  const { x, y, window, dilation, input, output } = describe(geometry);
  return {
    operation: "conv2d-weight-gradient",
    shape: shapeClass(geometry),
    candidates: weightGradientVariants(
      device,
      inChannels,
      {
        rows: kernelHeight * kernelWidth * inChannels,
        inner: batch * outHeight * outWidth,
        cols: outChannels,
      },
      operandsOf(geometry),
    ),
    inputs: [x, y],
    types: [type, type],
    record(tape, { kernel, tile }, [x, dy]) {
      const constants = { ...tile, ...window, ...dilation, ...input, ...output };
      const workgroups = kernel.workgroups({ ...constantsOf(kernel, constants), batch, splits: 1 });
      return sumOfParts(tape, device, geometry, workgroups, (parts, splits) =>
        tape.launch(kernel, { x, dy, parts }, { batch, splits }, constants),
      );
    },
  };
}
