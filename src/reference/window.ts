/** A setting of a window: one number for both axes, or [vertical, horizontal]. */
export type PerAxis = number | readonly [number, number];

/** A window that slides over a padded map. */
export interface Window2d {
  /** Map height, without padding. */
  readonly height: number;
  /** Map width, without padding. */
  readonly width: number;
  readonly kernelHeight: number;
  readonly kernelWidth: number;
  readonly stride: PerAxis;
  /** Rows above and below, and columns left and right. */
  readonly padding: PerAxis;
  /** From one tap to the next; 1 by default. */
  readonly dilation?: PerAxis;
}

/** The numbers for both axes. */
export function bothAxes(value: PerAxis): readonly [number, number] {
  return typeof value === "number" ? [value, value] : value;
}

/** Number of window positions down and across: floor((size + 2 padding - dilation (kernel - 1) - 1) / stride) + 1. */
export function windowOutputSize(window: Window2d): { height: number; width: number } {
  const { height, width, kernelHeight, kernelWidth, dilation = 1 } = window;
  const [strides, paddings, dilations] = [window.stride, window.padding, dilation].map(bothAxes);
  const positions = (axis: 0 | 1, size: number, kernel: number) =>
    Math.floor((size + 2 * paddings[axis] - dilations[axis] * (kernel - 1) - 1) / strides[axis]) + 1;
  return { height: positions(0, height, kernelHeight), width: positions(1, width, kernelWidth) };
}
