// Gradient of the softmax of each row from its output: dx[c] = y[c] (dy[c] - sum_k dy[k] y[k]), or with LOGARITHM
// dx[c] = dy[c] - exp(y[c]) sum_k dy[k]. A workgroup a row.
//
// shape y: rows * cols
// shape dy: rows * cols
// shape dx: rows * cols
// workgroups: rows
// flops: 4 * rows * cols
//#include "lib/grid.wgsl"
//#include "lib/stored.wgsl"
//#include "lib/reduce.wgsl"

const LANES: u32 = 8u;
const LOGARITHM: bool = false;

struct Params {
  rows: u32,
  cols: u32,
}

@group(0) @binding(0) var<storage, read> y: array<Stored>;
@group(0) @binding(1) var<storage, read> dy: array<Stored>;
@group(0) @binding(2) var<storage, read_write> dx: array<Stored>;
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
  let begin = row * params.cols;
  let end = begin + params.cols;
  var sum = 0.0;
  for (var i = begin + local.x; i < end; i += LANES) {
    sum += f32(dy[i]) * select(f32(y[i]), 1.0, LOGARITHM);
  }
  sum = workgroup_sum(local.x, sum);
  for (var i = begin + local.x; i < end; i += LANES) {
    let own = f32(y[i]);
    let gradient = f32(dy[i]);
    dx[i] = Stored(select(own * (gradient - sum), gradient - exp(own) * sum, LOGARITHM));
  }
}
