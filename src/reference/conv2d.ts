import { bothAxes, type Window2d, windowOutputSize } from "./window.js";

/**
 * Sizes of a 2-D cross-correlation: x [batch, height, width, inChannels], weight [kh, kw, inChannels / groups, outChannels].
 * The output channels of a group read the input channels of the same group.
 */
export interface Conv2dShape extends Window2d {
  readonly batch: number;
  readonly inChannels: number;
  readonly outChannels: number;
  /** 1 by default. */
  readonly groups?: number;
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
  const { kernelHeight, kernelWidth, inChannels, outChannels, groups = 1 } = shape;
  const dWeight = new Float64Array((kernelHeight * kernelWidth * inChannels * outChannels) / groups);
  forEachProduct(shape, (xi, wi, yi) => {
    dWeight[wi] += dy[yi] * x[xi];
  });
  return dWeight;
}

/** Calls `visit` with the indices into x, weight and y of every product x * weight that the convolution adds to y. */
function forEachProduct(shape: Conv2dShape, visit: (xi: number, wi: number, yi: number) => void): void {
  const { batch, height, width, inChannels, outChannels, kernelHeight, kernelWidth, groups = 1 } = shape;
  const [strideY, strideX] = bothAxes(shape.stride);
  const [paddingY, paddingX] = bothAxes(shape.padding);
  const [dilationY, dilationX] = bothAxes(shape.dilation ?? 1);
  const [inGroup, outGroup] = [inChannels / groups, outChannels / groups];
  const out = windowOutputSize(shape);
  for (let n = 0; n < batch; n++) {
    for (let oy = 0; oy < out.height; oy++) {
      for (let ox = 0; ox < out.width; ox++) {
        for (let ky = 0; ky < kernelHeight; ky++) {
          const iy = oy * strideY + ky * dilationY - paddingY;
          if (iy < 0 || iy >= height) continue;
          for (let kx = 0; kx < kernelWidth; kx++) {
            const ix = ox * strideX + kx * dilationX - paddingX;
            if (ix < 0 || ix >= width) continue;
            for (let oc = 0; oc < outChannels; oc++) {
              const yi = ((n * out.height + oy) * out.width + ox) * outChannels + oc;
              const firstChannel = Math.floor(oc / outGroup) * inGroup;
              for (let c = 0; c < inGroup; c++) {
                const xi = ((n * height + iy) * width + ix) * inChannels + firstChannel + c;
                visit(xi, ((ky * kernelWidth + kx) * inGroup + c) * outChannels + oc, yi);
              }
            }
          }
        }
      }
    }
  }
}
