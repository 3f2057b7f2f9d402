// Picks rows: y[i, :] = x[indices[i], :], and NaN where there is no such row. `elements` is picked * cols.
//
// shape x: rows * cols
// shape indices: elements / cols
// shape y: elements
// workgroups: ceil(elements / LANES)
// flops: 0
//#include "lib/grid.wgsl"
//#include "lib/poison.wgsl"

const LANES: u32 = 64u;
// Whether a row that is not there is NaN, or 0.
const POISON: bool = true;

struct Params {
  elements: u32,
  rows: u32,
  cols: u32,
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
  let i = workgroup_index(group, grid) * LANES + local.x;
  if (i >= params.elements) {
    return;
  }
  let row = indices[i / params.cols];
  let value = x[row * params.cols + i % params.cols];
  if (POISON) {
    y[i] = poisoned(value, row >= params.rows);
  } else {
    y[i] = select(value, 0.0, row >= params.rows);
  }
}
