import { kernels } from "../../kernels/generated.js";
import type { Site } from "../engine/choices.js";
import type { Device } from "../engine/device.js";
import { constantsOf } from "../engine/pipelines.js";
import type { Tape } from "../engine/tape.js";
import { type ElementType, mapShape, type Tensor } from "../engine/tensor.js";
import { ShapeError } from "../errors.js";
import { sumSplits } from "./column-sums.js";
import { transpose } from "./elementwise.js";
import { product } from "./matmul.js";
import { rowsPerThread, wantedWorkgroups } from "./tiles.js";
import {
  type ConvolutionVariant,
  convolutionVariants,
  extentClass,
  type WeightGradientVariant,
  weightGradientVariants,
} from "./variants.js";

/** Step and zero padding of a convolution, the same along both axes, in pixels. */
export interface ConvolutionOptions {
  /** 1 by default. */
  readonly stride?: number;
  /** 0 by default. */
  readonly padding?: number;
}

/** The extent of the output of a window that slides over a padded axis. @throws ShapeError where the window does not fit. */
export function windowedExtent(extent: number, kernel: number, stride: number, padding: number, what: string): number {
  const result = Math.floor((extent + 2 * padding - kernel) / stride) + 1;
  if (!Number.isInteger(stride) || stride < 1 || !Number.isInteger(padding) || padding < 0) {
    throw new ShapeError(
      `${what}: stride ${stride} must be a whole number from 1 up and padding ${padding} one from 0 up`,
    );
  }
  if (result < 1)
    throw new ShapeError(`${what}: a window of ${kernel} does not fit ${extent} pixels with padding ${padding}`);
  return result;
}

/**
 * 2-D convolution (cross-correlation, as in PyTorch): x [batch, height, width, in] with weight
 * [kernel height, kernel width, in, out] gives [batch, out height, out width, out], in the type of x; the weight is f32.
 * @throws ShapeError where the channels differ or the kernel does not fit.
 */
export function conv2d(
  tape: Tape,
  x: Tensor,
  weight: Tensor,
  { stride = 1, padding = 0 }: ConvolutionOptions = {},
): Tensor {
  const [batch, height, width, inChannels] = mapShape(x);
  const [kernelHeight, kernelWidth, weightChannels, outChannels] = mapShape(weight);
  if (weightChannels !== inChannels) {
    throw new ShapeError(`${weight} takes ${weightChannels} channels (its third extent), and ${x} has ${inChannels}`);
  }
  const what = `convolution of ${x} with ${weight}`;
  const outHeight = windowedExtent(height, kernelHeight, stride, padding, what);
  const outWidth = windowedExtent(width, kernelWidth, stride, padding, what);
  const { label } = weight;
  const input = { batch, height, width, inChannels };
  const window = { kernelHeight, kernelWidth, stride, padding };
  const geometry: Geometry = { ...input, ...window, outHeight, outWidth, outChannels, type: x.type, label };
  const y = tape.record(forward(tape.device, geometry), [x, weight]);

  const inputGradientOf = (dy: Tensor) => {
    if (goesThroughColumns(tape.device, geometry)) return inputGradientFromColumns(tape, geometry, dy, weight);
    const turned = transpose(tape, weight, { reversed: isPlain(geometry) });
    return tape.record(inputGradient(tape.device, geometry), [dy, turned]);
  };
  tape.differentiate([x, weight], y, (dy) => [
    tape.needsGradient(x) ? inputGradientOf(dy) : null,
    tape.needsGradient(weight) ? tape.record(weightGradient(tape.device, geometry), [x, dy]) : null,
  ]);
  return y;
}

/** The extents of a convolution. */
interface Geometry {
  readonly batch: number;
  readonly height: number;
  readonly width: number;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernelHeight: number;
  readonly kernelWidth: number;
  readonly stride: number;
  readonly padding: number;
  readonly outHeight: number;
  readonly outWidth: number;
  /** Of x and y, and of their gradients. */
  readonly type: ElementType;
  /** The weight's. */
  readonly label: string;
}

/** With stride 1, the input gradient is a convolution of dy with the weights turned round: often the forward's own pipeline. */
function isPlain({ stride, kernelHeight, kernelWidth, padding }: Geometry): boolean {
  return stride === 1 && kernelHeight === kernelWidth && padding < kernelHeight;
}

/** What the convolution and its gradients have in common: their class of shapes, and the shapes of tensors and constants. */
function describe(g: Geometry) {
  const size = g.height === g.width ? g.height : `${g.height}x${g.width}`;
  return {
    shape: `${g.kernelHeight}x${g.kernelWidth}/${g.stride}+${g.padding} ${g.inChannels}-${g.outChannels} at ${size} n${extentClass(g.batch)}${g.type === "f32" ? "" : ` ${g.type}`}`,
    x: [g.batch, g.height, g.width, g.inChannels],
    y: [g.batch, g.outHeight, g.outWidth, g.outChannels],
    weight: [g.kernelHeight, g.kernelWidth, g.inChannels, g.outChannels],
    window: { STRIDE: g.stride, PADDING: g.padding, KERNEL_HEIGHT: g.kernelHeight, KERNEL_WIDTH: g.kernelWidth },
    input: { IN_HEIGHT: g.height, IN_WIDTH: g.width, IN_CHANNELS: g.inChannels },
    output: { OUT_HEIGHT: g.outHeight, OUT_WIDTH: g.outWidth, OUT_CHANNELS: g.outChannels },
  };
}

/** y of x and the weight. */
function forward(device: Device, geometry: Geometry): Site<ConvolutionVariant, Tensor> {
  const { batch, inChannels, outChannels, kernelHeight, kernelWidth, type, label } = geometry;
  const { shape, x, y, weight, window, input, output } = describe(geometry);
  return {
    operation: "conv2d",
    shape,
    candidates: convolutionVariants(device, {
      channels: inChannels,
      runTaps: kernelWidth,
      shape: {
        rows: batch * geometry.outHeight * geometry.outWidth,
        inner: kernelHeight * kernelWidth * inChannels,
        cols: outChannels,
      },
    }),
    inputs: [x, weight],
    types: [type, "f32"],
    record(tape, { kernel, tile }, [x, weight]) {
      const result = tape.tensor(y, `convolution with ${label}`, type);
      const constants = { ...tile, ...window, ...input, ...output };
      tape.launch(kernel, { x, weight, y: result }, { batch }, constants);
      return result;
    },
  };
}

/** The gradient of x, of that of y and the weight as [kernel height, kernel width, out, in], turned round where isPlain. */
function inputGradient(device: Device, geometry: Geometry): Site<ConvolutionVariant, Tensor> {
  const { batch, inChannels, outChannels, kernelHeight, kernelWidth, padding, type, label } = geometry;
  const { shape, x, y, window } = describe(geometry);
  const plain = isPlain(geometry);
  return {
    operation: "conv2d-input-gradient",
    shape,
    candidates: convolutionVariants(device, {
      channels: outChannels,
      runTaps: plain ? kernelWidth : 1,
      shape: {
        rows: batch * geometry.height * geometry.width,
        inner: (kernelHeight * kernelWidth * outChannels) / geometry.stride ** 2,
        cols: inChannels,
      },
    }),
    inputs: [y, [kernelHeight, kernelWidth, outChannels, inChannels]],
    types: [type, "f32"],
    record(tape, { kernel, tile }, [dy, weight]) {
      const dx = tape.tensor(x, `gradient of the input of ${label}`, type);
      tape.launch(
        kernel,
        { x: dy, weight, y: dx },
        { batch },
        {
          ...tile,
          ...window,
          PADDING: plain ? kernelHeight - 1 - padding : padding,
          TRANSPOSED: !plain,
          PHASES: geometry.stride,
          IN_HEIGHT: geometry.outHeight,
          IN_WIDTH: geometry.outWidth,
          IN_CHANNELS: outChannels,
          OUT_HEIGHT: geometry.height,
          OUT_WIDTH: geometry.width,
          OUT_CHANNELS: inChannels,
        },
      );
      return dx;
    },
  };
}

/**
 * True where the input has so few channels that a result with them for columns would waste most of a tile, and where the
 * columns of inputGradientFromColumns are no burden on the memory. With one tap, the columns are the result. Columns are f32:
 * with f16, which is for saving memory, there are none.
 */
function goesThroughColumns({ gpu }: Device, geometry: Geometry): boolean {
  const { batch, inChannels, outChannels, kernelHeight, kernelWidth, outHeight, outWidth, type } = geometry;
  const taps = kernelHeight * kernelWidth;
  const columns = taps * inChannels;
  const bytes = 4 * batch * outHeight * outWidth * columns;
  const { maxBufferSize, maxStorageBufferBindingSize } = gpu.limits;
  return (
    type === "f32" &&
    inChannels < 8 &&
    taps > 1 &&
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
  const columns = tape.record(product(tape.device, { rows, inner: outChannels, cols }, false, false), [dy, turned]);
  const dx = tape.tensor(x, `gradient of the input of ${label}`);
  tape.launch(
    kernels.columnsToImage,
    { columns, dx },
    { batch },
    { ...window, ...input, OUT_HEIGHT: outHeight, OUT_WIDTH: outWidth, ELEMENTS: rowsPerThread(tape.device) },
  );
  return dx;
}

/** The gradient of the weight, of x and the gradient of y. */
function weightGradient(device: Device, geometry: Geometry): Site<WeightGradientVariant, Tensor> {
  const { batch, inChannels, outChannels, kernelHeight, kernelWidth, outHeight, outWidth, label } = geometry;
  const { shape, x, y, weight, window, input, output } = describe(geometry);
  return {
    operation: "conv2d-weight-gradient",
    shape,
    candidates: weightGradientVariants(device, inChannels, {
      rows: kernelHeight * kernelWidth * inChannels,
      inner: batch * outHeight * outWidth,
      cols: outChannels,
    }),
    inputs: [x, y],
    types: [geometry.type, geometry.type],
    record(tape, { kernel, tile }, [x, dy]) {
      const constants = { ...tile, ...window, ...input, ...output };
      const blocks = kernel.workgroups({ ...constantsOf(kernel, constants), batch, splits: 1 });
      const lines = batch * outHeight;
      // No more splits than keep the adapter busy, but no run of additions so long that rounding piles up.
      const wanted = Math.max(Math.ceil(wantedWorkgroups(device) / blocks), Math.ceil((lines * outWidth) / 8192));
      const perSplit = Math.ceil(lines / Math.min(wanted, lines));
      const splits = Math.ceil(lines / perSplit);
      const whole = splits === 1;
      const parts = whole
        ? tape.tensor(weight, `gradient of ${label}`)
        : tape.tensor([splits, ...weight], `parts of the gradient of ${label}`);
      tape.launch(kernel, { x, dy, parts }, { batch, splits }, constants);
      return whole ? parts : sumSplits(tape, device, parts, weight, `gradient of ${label}`);
    },
  };
}
