import type { Launch } from "./launch.js";

/**
 * A launch that is ready to be encoded.
 * @internal
 */
export interface Step {
  readonly launch: Launch;
  readonly pipeline: GPUComputePipeline;
  readonly group: GPUBindGroup;
  /** Workgroups along x and y. */
  readonly grid: readonly [number, number];
}

/**
 * The most floating-point operations of one submit: 1.4 s at 100 GFLOP/s, which is slow for a GPU. Drivers that take a GPU for
 * hung when a submit does not end for some seconds (2 on Windows) let longer work through in pieces; at 10 TFLOP/s a piece lasts
 * 14 ms, against which a submit costs nothing.
 */
export const SUBMIT_FLOPS = 2 ** 37;

/** Cuts work into pieces of no more than `SUBMIT_FLOPS`, or of a single item that is more by itself; one piece at least. */
export function cutIntoSubmits<Item>(items: readonly Item[], flopsOf: (item: Item) => number): Item[][] {
  const pieces: Item[][] = [[]];
  let flops = 0;
  for (const item of items) {
    const last = pieces[pieces.length - 1];
    flops += flopsOf(item);
    if (flops > SUBMIT_FLOPS && last.length > 0) {
      pieces.push([item]);
      flops = flopsOf(item);
    } else {
      last.push(item);
    }
  }
  return pieces;
}

/** Records steps as a compute pass. */
export function encodePass(
  encoder: GPUCommandEncoder,
  steps: readonly Step[],
  timestampWrites?: GPUComputePassTimestampWrites,
): void {
  const pass = encoder.beginComputePass(timestampWrites && { timestampWrites });
  let current: GPUComputePipeline | null = null;
  for (const { pipeline, group, grid } of steps) {
    if (pipeline !== current) pass.setPipeline(pipeline);
    current = pipeline;
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(grid[0], grid[1]);
  }
  pass.end();
}
