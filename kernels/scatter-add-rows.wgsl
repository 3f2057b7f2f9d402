// Adds rows up where they belong: y[row] = sum of x[i] over the i with indices[i] = row, in ascending order. The gradient of
// gather-rows. A workgroup a row, of which every thread looks for all of the indices: no atomics, the same bits every time.
//
// shape x: picked * cols
// shape indices: picked
// shape y: rows * cols
// workgroups: rows
// flops: picked * cols
//#include "lib/grid.wgsl"

const LANES: u32 = 8u;

struct Params {
  rows: u32,
  cols: u32,
  picked: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> indices: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let row = workgroup_index(group, grid);
  if (row >= params.rows) {
    return;
  }
  for (var c = local.x; c < params.cols; c += LANES) {
    y[row * params.cols + c] = 0.0;
  }
  for (var i = 0u; i < params.picked; i++) {
    if (indices[i] == row) {
      for (var c = local.x; c < params.cols; c += LANES) {
        y[row * params.cols + c] += x[i * params.cols + c];
      }
    }
  }
}
