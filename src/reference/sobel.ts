import { grayscale } from "./color.js";
import type { ImageSize } from "./image.js";

/**
 * Sobel filter of an RGB image [height, width, 3]: in all channels the gradient's magnitude sqrt((gx^2 + gy^2) / 2) of the
 * luma, where gx is [1 2 1]^T [-1 0 1] / 4 and gy its transpose, and pixels beyond the border are those at it.
 */
export function sobel(image: Float64Array, { width, height }: ImageSize): Float64Array {
  const luma = grayscale(image);
  const at = (row: number, column: number) => luma[3 * (clamp(row, height - 1) * width + clamp(column, width - 1))];
  const smooth = [1 / 4, 2 / 4, 1 / 4];
  return luma.map((_, i) => {
    const [row, column] = [Math.floor(i / 3 / width), Math.floor(i / 3) % width];
    let [gx, gy] = [0, 0];
    smooth.forEach((weight, t) => {
      gx += weight * (at(row + t - 1, column + 1) - at(row + t - 1, column - 1));
      gy += weight * (at(row + 1, column + t - 1) - at(row - 1, column + t - 1));
    });
    return Math.sqrt((gx ** 2 + gy ** 2) / 2);
  });
}

/** The nearest number from 0 to `most`. */
function clamp(value: number, most: number): number {
  return Math.min(Math.max(value, 0), most);
}
