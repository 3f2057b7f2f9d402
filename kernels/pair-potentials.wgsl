// Gaussian potentials of points on the unit sphere (Wang and Isola 2020, section 4.1), of cosine similarities s:
// potentials[row] = sum_{j != own[row]} exp(-t |z[own[row]] - z[j]|^2), where |z[i] - z[j]|^2 = 2 - 2 s[row, j].
// own[row] is the column of the point itself. A workgroup a row.
//
// shape similarities: rows * cols
// shape own: rows
// shape potentials: rows
// workgroups: rows
// flops: 4 * rows * cols
//#include "lib/grid.wgsl"
//#include "lib/reduce.wgsl"

const LANES: u32 = 8u;

struct Params {
  rows: u32,
  cols: u32,
  t: f32,
}

@group(0) @binding(0) var<storage, read> similarities: array<f32>;
@group(0) @binding(1) var<storage, read> own: array<u32>;
@group(0) @binding(2) var<storage, read_write> potentials: array<f32>;
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
  let self_column = own[row];
  var sum = 0.0;
  for (var j = local.x; j < params.cols; j += LANES) {
    let potential = exp(2.0 * params.t * (similarities[row * params.cols + j] - 1.0));
    sum += select(potential, 0.0, j == self_column);
  }
  let total = workgroup_sum(local.x, sum);
  if (local.x == 0u) {
    potentials[row] = total;
  }
}
