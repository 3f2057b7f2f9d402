import { kernels } from "../../kernels/generated.js";
import type { Tape } from "../engine/tape.js";
import { mapShape, type Tensor } from "../engine/tensor.js";
import { ShapeError } from "../errors.js";
import { sumSplits } from "./column-sums.js";
import { transpose } from "./elementwise.js";
import { columnTile, rowTile, wantedWorkgroups } from "./tiles.js";

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

/** Taps whose elements a convolution adds up in one loop: with few channels, a loop of one tap would be all overhead. */
function runTaps(channels: number, kernelWidth: number): number {
  return channels < 16 ? kernelWidth : 1;
}

/**
 * 2-D convolution (cross-correlation, as in PyTorch): x [batch, height, width, in] with weight
 * [kernel height, kernel width, in, out] gives [batch, out height, out width, out].
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
  const y = tape.tensor([batch, outHeight, outWidth, outChannels], `convolution with ${weight.label}`);
  const window = { STRIDE: stride, PADDING: padding, KERNEL_HEIGHT: kernelHeight, KERNEL_WIDTH: kernelWidth };
  const input = { IN_HEIGHT: height, IN_WIDTH: width, IN_CHANNELS: inChannels };
  const output = { OUT_HEIGHT: outHeight, OUT_WIDTH: outWidth, OUT_CHANNELS: outChannels };
  tape.launch(
    kernels.conv2d,
    { x, weight, y },
    { batch },
    { ...columnTile(tape.device, outChannels), ...window, RUN_TAPS: runTaps(inChannels, kernelWidth), ...input, ...output },
  );

  const inputGradient = (dy: Tensor) => {
    const dx = tape.tensor(x.shape, `gradient of ${x.label}`);
    // With stride 1 it is a convolution of dy with the weights turned round: the forward's own pipeline, for equal channels.
    const plain = stride === 1 && kernelHeight === kernelWidth && padding < kernelHeight;
    const turned = transpose(tape, weight, { reversed: plain });
    tape.launch(
      kernels.conv2d,
      { x: dy, weight: turned, y: dx },
      { batch },
      {
        ...columnTile(tape.device, inChannels),
        ...window,
        PADDING: plain ? kernelHeight - 1 - padding : padding,
        TRANSPOSED: !plain,
        PHASES: stride,
        RUN_TAPS: plain ? runTaps(outChannels, kernelWidth) : 1,
        IN_HEIGHT: outHeight,
        IN_WIDTH: outWidth,
        IN_CHANNELS: outChannels,
        OUT_HEIGHT: height,
        OUT_WIDTH: width,
        OUT_CHANNELS: inChannels,
      },
    );
    return dx;
  };

  const weightGradient = (dy: Tensor) => {
    const rows = kernelHeight * kernelWidth * inChannels;
    const tile = rowTile(tape.device, outChannels);
    const blocks = Math.ceil(rows / (tile.ROWS * tile.GROUPS)) * Math.ceil(outChannels / (tile.COLS * tile.LANES));
    const lines = batch * outHeight;
    // No more splits than keep the adapter busy, but no run of additions so long that rounding piles up.
    const wanted = Math.max(Math.ceil(wantedWorkgroups(tape.device) / blocks), Math.ceil((lines * outWidth) / 8192));
    const perSplit = Math.ceil(lines / Math.min(wanted, lines));
    const splits = Math.ceil(lines / perSplit);
    const label = `gradient of ${weight.label}`;
    const whole = splits === 1;
    const parts = whole
      ? tape.tensor(weight.shape, label)
      : tape.tensor([splits, weight.size], `parts of the ${label}`);
    const constants = { ...window, ...input, ...output, ...tile };
    tape.launch(kernels.conv2dWeightGradient, { x, dy, parts }, { batch, splits }, constants);
    return whole ? parts : sumSplits(tape, parts, weight.shape, label);
  };

  tape.differentiate([x, weight], y, (dy) => [
    tape.needsGradient(x) ? inputGradient(dy) : null,
    tape.needsGradient(weight) ? weightGradient(dy) : null,
  ]);
  return y;
}
