// Softmax of each row: y[c] = exp(x[c] - m) / sum_k exp(x[k] - m), m being the largest of the row, or with LOGARITHM
// y[c] = x[c] - m - log sum_k exp(x[k] - m). A workgroup a row.
//
// shape x: rows * cols
// shape y: rows * cols
// workgroups: rows
// flops: 5 * rows * cols
//#include "lib/grid.wgsl"
//#include "lib/stored.wgsl"
//#include "lib/reduce.wgsl"
//#include "lib/reduce-max.wgsl"

const LANES: u32 = 8u;
const LOGARITHM: bool = false;
const LOWEST = -3.4028234e38;

struct Params {
  rows: u32,
  cols: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Stored>;
@group(0) @binding(1) var<storage, read_write> y: array<Stored>;
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
  let begin = row * params.cols;
  let end = begin + params.cols;
  var largest = LOWEST;
  for (var i = begin + local.x; i < end; i += LANES) {
    largest = max(largest, f32(x[i]));
  }
  largest = workgroup_max(local.x, largest);
  var sum = 0.0;
  for (var i = begin + local.x; i < end; i += LANES) {
    sum += exp(f32(x[i]) - largest);
  }
  sum = workgroup_sum(local.x, sum);
  let logarithm = log(sum);
  for (var i = begin + local.x; i < end; i += LANES) {
    let behind = f32(x[i]) - largest;
    y[i] = Stored(select(exp(behind) / sum, behind - logarithm, LOGARITHM));
  }
}
