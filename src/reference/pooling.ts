import type { Window2d } from "./window.js";
import { windowOutputSize } from "./window.js";

/** Sizes of a max-pool over x [batch, height, width, channels]; the padding is at most half of the kernel. */
export interface MaxPoolShape extends Window2d {
  readonly stride: number;
  readonly padding: number;
  readonly batch: number;
  readonly channels: number;
}

/**
 * y[batch, outHeight, outWidth, channels]: the largest value in each window; padding never wins.
 * `argmax` holds the index into x of each winner: of equal values the first in scan order, as in PyTorch.
 */
export function maxPoolForward(x: Float64Array, shape: MaxPoolShape): { y: Float64Array; argmax: Uint32Array } {
  const { batch, height, width, channels, kernelHeight, kernelWidth, stride, padding } = shape;
  const out = windowOutputSize(shape);
  const y = new Float64Array(batch * out.height * out.width * channels).fill(-Infinity);
  const argmax = new Uint32Array(y.length);
  for (let n = 0; n < batch; n++) {
    for (let oy = 0; oy < out.height; oy++) {
      for (let ox = 0; ox < out.width; ox++) {
        for (let c = 0; c < channels; c++) {
          const yi = ((n * out.height + oy) * out.width + ox) * channels + c;
          for (let ky = 0; ky < kernelHeight; ky++) {
            const iy = oy * stride + ky - padding;
            if (iy < 0 || iy >= height) continue;
            for (let kx = 0; kx < kernelWidth; kx++) {
              const ix = ox * stride + kx - padding;
              if (ix < 0 || ix >= width) continue;
              const xi = ((n * height + iy) * width + ix) * channels + c;
              if (x[xi] > y[yi]) {
                y[yi] = x[xi];
                argmax[yi] = xi;
              }
            }
          }
        }
      }
    }
  }
  return { y, argmax };
}

/** Gradient of {@link maxPoolForward}: each dy goes to the winner of its window. */
export function maxPoolBackward(argmax: Uint32Array, dy: Float64Array, shape: MaxPoolShape): Float64Array {
  const dx = new Float64Array(shape.batch * shape.height * shape.width * shape.channels);
  for (let i = 0; i < dy.length; i++) dx[argmax[i]] += dy[i];
  return dx;
}

/** Sizes of a global average pool over x [batch, pixels, channels], pixels = height * width. */
export interface GlobalAveragePoolShape {
  readonly batch: number;
  readonly pixels: number;
  readonly channels: number;
}

/** y[batch, channels]: the mean over all pixels of each map. */
export function globalAveragePoolForward(
  x: Float64Array,
  { batch, pixels, channels }: GlobalAveragePoolShape,
): Float64Array {
  const y = new Float64Array(batch * channels);
  for (let n = 0; n < batch; n++) {
    for (let pixel = 0; pixel < pixels; pixel++) {
      for (let c = 0; c < channels; c++) y[n * channels + c] += x[(n * pixels + pixel) * channels + c] / pixels;
    }
  }
  return y;
}

/** Gradient of {@link globalAveragePoolForward}: dy / pixels at every pixel. */
export function globalAveragePoolBackward(
  dy: Float64Array,
  { batch, pixels, channels }: GlobalAveragePoolShape,
): Float64Array {
  const dx = new Float64Array(batch * pixels * channels);
  for (let n = 0; n < batch; n++) {
    for (let pixel = 0; pixel < pixels; pixel++) {
      for (let c = 0; c < channels; c++) dx[(n * pixels + pixel) * channels + c] = dy[n * channels + c] / pixels;
    }
  }
  return dx;
}
