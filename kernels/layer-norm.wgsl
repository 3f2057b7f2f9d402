// Layer norm (Ba et al. 2016) of each row: y[c] = (x[c] - mean) / sqrt(variance + EPSILON) * gamma[c] + beta[c], with the mean and
// the biased variance of the row. `statistics` holds the means, then 1 / sqrt(variance + EPSILON). Without GAMMA, gamma is 1,
// without BETA, beta is 0, and the binding holds one element that is not read. A workgroup a row.
//
// shape x: rows * cols
// shape gamma: 1 + GAMMA * (cols - 1)
// shape beta: 1 + BETA * (cols - 1)
// shape y: rows * cols
// shape statistics: 2 * rows
// workgroups: rows
// flops: 7 * rows * cols
//#include "lib/grid.wgsl"
//#include "lib/stored.wgsl"
//#include "lib/reduce.wgsl"

const LANES: u32 = 8u;
const EPSILON: f32 = 0.00001;
const GAMMA: bool = true;
const BETA: bool = true;

struct Params {
  rows: u32,
  cols: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Stored>;
@group(0) @binding(1) var<storage, read> gamma: array<f32>;
@group(0) @binding(2) var<storage, read> beta: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<Stored>;
@group(0) @binding(4) var<storage, read_write> statistics: array<f32>;
@group(0) @binding(5) var<uniform> params: Params;

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
  var sum = 0.0;
  for (var c = local.x; c < params.cols; c += LANES) {
    sum += f32(x[begin + c]);
  }
  let mean = workgroup_sum(local.x, sum) / f32(params.cols);
  var squares = 0.0;
  for (var c = local.x; c < params.cols; c += LANES) {
    let difference = f32(x[begin + c]) - mean;
    squares = fma(difference, difference, squares);
  }
  let inverse = inverseSqrt(workgroup_sum(local.x, squares) / f32(params.cols) + EPSILON);
  for (var c = local.x; c < params.cols; c += LANES) {
    var value = (f32(x[begin + c]) - mean) * inverse;
    if (GAMMA) {
      value *= gamma[c];
    }
    if (BETA) {
      value += beta[c];
    }
    y[begin + c] = Stored(value);
  }
  if (local.x == 0u) {
    statistics[row] = mean;
    statistics[params.rows + row] = inverse;
  }
}
