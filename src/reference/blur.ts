import { ShapeError } from "../errors.js";
import type { ImageSize } from "./image.js";

/**
 * Gaussian blur of an RGB image [height, width, 3], as torchvision: `kernelSize` taps (odd) of exp(-d^2 / (2 sigma^2)),
 * normalised, along rows and then columns; the image is reflected at its edges without repeating the edge pixel.
 * @throws ShapeError where the image has too few pixels to be reflected over half of the kernel.
 */
export function gaussianBlur(
  image: Float64Array,
  { width, height }: ImageSize,
  kernelSize: number,
  sigma: number,
): Float64Array {
  const radius = (kernelSize - 1) / 2;
  if (Math.min(width, height) <= radius) {
    throw new ShapeError(
      `a blur kernel of ${kernelSize} needs an image of at least ${radius + 1} pixels a side; it is ${width} x ${height}`,
    );
  }
  const taps = Float64Array.from({ length: kernelSize }, (_, i) => Math.exp(-((i - radius) ** 2) / (2 * sigma ** 2)));
  const total = taps.reduce((a, b) => a + b);
  const pass = (x: Float64Array, dx: number, dy: number) => {
    const y = new Float64Array(x.length);
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++) {
        for (let i = 0; i < kernelSize; i++) {
          const fromRow = reflect(row + (i - radius) * dy, height);
          const fromColumn = reflect(column + (i - radius) * dx, width);
          for (let c = 0; c < 3; c++) {
            y[(row * width + column) * 3 + c] += (taps[i] / total) * x[(fromRow * width + fromColumn) * 3 + c];
          }
        }
      }
    }
    return y;
  };
  return pass(pass(image, 1, 0), 0, 1);
}

/** Mirrors an index at the first and at the last pixel. */
function reflect(i: number, size: number): number {
  if (i < 0) return -i;
  return i < size ? i : 2 * (size - 1) - i;
}
