// Rows of length 1: y[row] = x[row] / max(|x[row]|, EPSILON), and norms[row] = |x[row]|. A workgroup a row.
//
// shape x: rows * cols
// shape y: rows * cols
// shape norms: rows
// workgroups: rows
// flops: 3 * rows * cols
//#include "lib/grid.wgsl"
//#include "lib/reduce.wgsl"

const LANES: u32 = 8u;
const EPSILON: f32 = 0.000000000001;

struct Params {
  rows: u32,
  cols: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<storage, read_write> norms: array<f32>;
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
    let value = x[row * params.cols + c];
    squares = fma(value, value, squares);
  }
  let norm = sqrt(workgroup_sum(local.x, squares));
  let divisor = max(norm, EPSILON);
  for (var c = local.x; c < params.cols; c += LANES) {
    y[row * params.cols + c] = x[row * params.cols + c] / divisor;
  }
  if (local.x == 0u) {
    norms[row] = norm;
  }
}
