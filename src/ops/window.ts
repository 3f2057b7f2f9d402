import { ShapeError } from "../errors.js";

/** A setting of a window that slides over a map: one number for both axes, or one for each. */
export type PerAxis = number | readonly [vertical: number, horizontal: number];

/** A number for each axis of a map. */
export interface Axes {
  readonly y: number;
  readonly x: number;
}

export function axesOf(value: PerAxis): Axes {
  const [y, x] = typeof value === "number" ? [value, value] : value;
  return { y, x };
}

/** How a window slides along one axis, in pixels. */
export interface Slide {
  readonly stride: number;
  readonly padding: number;
  /** Pixels from one tap of the window to the next; 1 by default. */
  readonly dilation?: number;
}

/** The extent of the output of a window that slides over a padded axis. @throws ShapeError where the window does not fit. */
export function windowedExtent(
  extent: number,
  kernel: number,
  { stride, padding, dilation = 1 }: Slide,
  what: string,
): number {
  for (const [name, value, least] of [
    ["stride", stride, 1],
    ["padding", padding, 0],
    ["dilation", dilation, 1],
  ] as const) {
    if (!Number.isInteger(value) || value < least)
      throw new ShapeError(`${what}: ${name} ${value} must be a whole number from ${least} up`);
  }
  const span = dilation * (kernel - 1) + 1;
  if (extent + 2 * padding < span) {
    const dilated = dilation > 1 ? `, ${span} with dilation ${dilation},` : "";
    throw new ShapeError(
      `${what}: a window of ${kernel}${dilated} does not fit ${extent} pixels with padding ${padding}`,
    );
  }
  return Math.floor((extent + 2 * padding - span) / stride) + 1;
}
