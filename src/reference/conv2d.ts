import type { Window2d } from "./window.js";
import { windowOutputSize } from "./window.js";

/** Sizes of a 2-D cross-correlation: x [batch, height, width, inChannels], weight [kh, kw, inChannels, outChannels]. */
export interface Conv2dShape extends Window2d {
  readonly batch: number;
  readonly inChannels: number;
  readonly outChannels: number;
}

/** y[batch, outHeight, outWidth, outChannels] = x convolved with `weight`, zeros outside the map. */
export function conv2dForward(x: Float64Array, weight: Float64Array, shape: Conv2dShape): Float64Array {
  const { height, width } = windowOutputSize(shape);
  const y = new Float64Array(shape.batch * height * width * shape.outChannels);
  forEachProduct(shape, (xi, wi, yi) => {
    y[yi] += x[xi] * weight[wi];
  });
  return y;
}

/** dx, the gradient of {@link conv2dForward} with respect to x. */
export function conv2dInputGradient(weight: Float64Array, dy: Float64Array, shape: Conv2dShape): Float64Array {
  const dx = new Float64Array(shape.batch * shape.height * shape.width * shape.inChannels);
  forEachProduct(shape, (xi, wi, yi) => {
    dx[xi] += dy[yi] * weight[wi];
  });
  return dx;
}

/** dWeight, the gradient of {@link conv2dForward} with respect to the weight. */
export function conv2dWeightGradient(x: Float64Array, dy: Float64Array, shape: Conv2dShape): Float64Array {
  const dWeight = new Float64Array(shape.kernelHeight * shape.kernelWidth * shape.inChannels * shape.outChannels);
  forEachProduct(shape, (xi, wi, yi) => {
    dWeight[wi] += dy[yi] * x[xi];
  });
  return dWeight;
}

/** Calls `visit` with the indices into x, weight and y of every product x * weight that the convolution adds to y. */
function forEachProduct(shape: Conv2dShape, visit: (xi: number, wi: number, yi: number) => void): void {
  const { batch, height, width, inChannels, outChannels, kernelHeight, kernelWidth, stride, padding } = shape;
  const out = windowOutputSize(shape);
  for (let n = 0; n < batch; n++) {
    for (let oy = 0; oy < out.height; oy++) {
      for (let ox = 0; ox < out.width; ox++) {
        for (let ky = 0; ky < kernelHeight; ky++) {
          const iy = oy * stride + ky - padding;
          if (iy < 0 || iy >= height) continue;
          for (let kx = 0; kx < kernelWidth; kx++) {
            const ix = ox * stride + kx - padding;
            if (ix < 0 || ix >= width) continue;
            for (let ic = 0; ic < inChannels; ic++) {
              const xi = ((n * height + iy) * width + ix) * inChannels + ic;
              for (let oc = 0; oc < outChannels; oc++) {
                const wi = ((ky * kernelWidth + kx) * inChannels + ic) * outChannels + oc;
                visit(xi, wi, ((n * out.height + oy) * out.width + ox) * outChannels + oc);
              }
            }
          }
        }
      }
    }
  }
}
