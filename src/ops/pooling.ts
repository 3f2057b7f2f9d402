import * as kernels from "../../kernels/generated.js";
import type { Tape } from "../engine/tape.js";
import { mapShape, type Tensor } from "../engine/tensor.js";
import { ShapeError } from "../errors.js";
import { windowedExtent } from "./window.js";

/** A square pooling window, in pixels. */
export interface PoolingOptions {
  /** 3 by default. */
  readonly kernel?: number;
  /** 2 by default. */
  readonly stride?: number;
  /** 1 by default; at most half the kernel. */
  readonly padding?: number;
}

/** Largest value of each window: [batch, height, width, channels] -> [batch, out height, out width, channels]. */
export function maxPool(tape: Tape, x: Tensor, { kernel = 3, stride = 2, padding = 1 }: PoolingOptions = {}): Tensor {
  const [batch, height, width, channels] = mapShape(x);
  if (2 * padding > kernel)
    throw new ShapeError(`padding ${padding} must be at most half of the pooling window of ${kernel}`);
  const outHeight = windowedExtent(height, kernel, { stride, padding }, `max-pool of ${x}`);
  const outWidth = windowedExtent(width, kernel, { stride, padding }, `max-pool of ${x}`);
  const y = tape.tensor([batch, outHeight, outWidth, channels], `max-pool of ${x.label}`, x.type);
  const winners = tape.tensor(y.shape, `winners of ${y.label}`, "u32");
  const params = { batch, height, width, out_height: outHeight, out_width: outWidth, channels };
  const constants = { KERNEL: kernel, STRIDE: stride, PADDING: padding };
  tape.launch(kernels.maxPool, { x, y, winners }, params, constants);
  tape.differentiate([x], y, (dy) => {
    const dx = tape.tensor(x.shape, `gradient of ${x.label}`, x.type);
    tape.launch(kernels.maxPoolGradient, { dy, winners, dx }, params, constants);
    return [dx];
  });
  return y;
}

/** Average over each map: [batch, height, width, channels], of f32 or f16, -> [batch, channels] of f32. */
export function globalAveragePool(tape: Tape, x: Tensor): Tensor {
  const [batch, height, width, channels] = mapShape(x);
  const pixels = height * width;
  const y = tape.tensor([batch, channels], `average of ${x.label}`);
  tape.launch(kernels.globalAveragePool, { x, y }, { elements: y.size, pixels, channels });
  tape.differentiate([x], y, (dy) => {
    const dx = tape.tensor(x.shape, `gradient of ${x.label}`, x.type);
    tape.launch(kernels.globalAveragePoolGradient, { dy, dx }, { elements: x.size, pixels, channels });
    return [dx];
  });
  return y;
}
