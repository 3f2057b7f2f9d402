/** A window that slides over a padded map, as convolution and pooling have it. */
export interface Window2d {
  /** Map height, without padding. */
  readonly height: number;
  /** Map width, without padding. */
  readonly width: number;
  readonly kernelHeight: number;
  readonly kernelWidth: number;
  readonly stride: number;
  /** Rows above and below, and columns left and right. */
  readonly padding: number;
}

/** Number of window positions down and across: floor((size + 2 padding - kernel) / stride) + 1. */
export function windowOutputSize(window: Window2d): { height: number; width: number } {
  const { height, width, kernelHeight, kernelWidth, stride, padding } = window;
  return {
    height: Math.floor((height + 2 * padding - kernelHeight) / stride) + 1,
    width: Math.floor((width + 2 * padding - kernelWidth) / stride) + 1,
  };
}
