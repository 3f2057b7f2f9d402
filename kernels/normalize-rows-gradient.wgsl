// Gradient of normalize-rows: dx = (dy - y * (y . dy)) / norm, and dy / EPSILON where the norm was below EPSILON.
// A workgroup a row.
//
// shape y: rows * cols
// shape norms: rows
// shape dy: rows * cols
// shape dx: rows * cols
// workgroups: rows
// flops: 5 * rows * cols
//#include "lib/grid.wgsl"
//#include "lib/reduce.wgsl"

const LANES: u32 = 8u;
const EPSILON: f32 = 0.000000000001;

struct Params {
  rows: u32,
  cols: u32,
}

@group(0) @binding(0) var<storage, read> y: array<f32>;
@group(0) @binding(1) var<storage, read> norms: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

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
  var dot = 0.0;
  for (var c = local.x; c < params.cols; c += LANES) {
    dot = fma(y[row * params.cols + c], dy[row * params.cols + c], dot);
  }
  dot = workgroup_sum(local.x, dot);
  let norm = norms[row];
  let along = select(dot, 0.0, norm < EPSILON);
  let divisor = max(norm, EPSILON);
  for (var c = local.x; c < params.cols; c += LANES) {
    let i = row * params.cols + c;
    dx[i] = (dy[i] - y[i] * along) / divisor;
  }
}
