// Squared distance of each row to the one at its place: distances[row] = sum_c (a[row, c] - b[row, c])^2. A workgroup a row.
//
// shape a: rows * cols
// shape b: rows * cols
// shape distances: rows
// workgroups: rows
// flops: 3 * rows * cols
//#include "lib/grid.wgsl"
//#include "lib/reduce.wgsl"

const LANES: u32 = 8u;

struct Params {
  rows: u32,
  cols: u32,
}

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> distances: array<f32>;
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
  var squares = 0.0;
  for (var c = local.x; c < params.cols; c += LANES) {
    let difference = a[row * params.cols + c] - b[row * params.cols + c];
    squares = fma(difference, difference, squares);
  }
  let total = workgroup_sum(local.x, squares);
  if (local.x == 0u) {
    distances[row] = total;
  }
}
