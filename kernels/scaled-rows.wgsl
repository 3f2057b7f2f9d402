// A run of rows of NT-Xent's embeddings, made of length 1: y[r, k] = x[first + r, k] * inverse[first + r], the inverse of the norm being
// the first value of an anchor.
//
// shape x: rows * cols
// shape anchors: 3 * rows
// shape y: count * cols
// workgroups: ceil(count * cols / LANES)
// flops: count * cols
//#include "lib/grid.wgsl"

const LANES: u32 = 64u;

struct Params {
  rows: u32,
  cols: u32,
  first: u32,
  count: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> anchors: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let i = workgroup_index(group, grid) * LANES + local.x;
  if (i < params.count * params.cols) {
    y[i] = x[params.first * params.cols + i] * anchors[params.first + i / params.cols];
  }
}
