// Reciprocals of the lengths of rows: inverse[row] = 1 / max(|x[row]|, EPSILON), with nothing but 1 / EPSILON for shorter ones. They
// are the first of the three values an anchor of NT-Xent has in `anchors`. A workgroup a row.
//
// shape x: rows * cols
// shape anchors: 3 * rows
// workgroups: rows
// flops: 2 * rows * cols
//#include "lib/grid.wgsl"
//#include "lib/reduce.wgsl"

const LANES: u32 = 8u;
const EPSILON: f32 = 0.000000000001;
const LARGEST: f32 = 1000000000000.0;

struct Params {
  rows: u32,
  cols: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> anchors: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

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
  if (local.x == 0u) {
    anchors[row] = select(1.0 / max(norm, EPSILON), LARGEST, norm < EPSILON);
  }
}
