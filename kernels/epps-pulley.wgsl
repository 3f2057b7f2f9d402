// The Epps-Pulley statistic of each column in each of `views` runs of `rows` rows: with C_k and S_k the means of the cosines and
// sines at knot t_k, rows sum_k w_k ((C_k - exp(-t_k^2 / 2))^2 + S_k^2). `sums` [view, (k - 1, 15 + k), m] holds rows C_k and
// rows S_k for k = 1..16. A thread a statistic.
//
// shape sums: views * 32 * cols
// shape statistics: views * cols
// workgroups: ceil(views * cols / LANES)
// flops: 160 * views * cols
//#include "lib/grid.wgsl"
//#include "lib/epps-pulley.wgsl"

const LANES: u32 = 64u;

struct Params {
  views: u32,
  rows: u32,
  cols: u32,
}

@group(0) @binding(0) var<storage, read> sums: array<f32>;
@group(0) @binding(1) var<storage, read_write> statistics: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let index = workgroup_index(group, grid) * LANES + local.x;
  if (index >= params.views * params.cols) {
    return;
  }
  let start = index / params.cols * 2u * KNOTS * params.cols + index % params.cols;
  let rows = f32(params.rows);
  var total = 0.0;
  for (var k = 0u; k < KNOTS; k++) {
    let real = sums[start + k * params.cols] / rows - normal_at(k + 1u);
    let imaginary = sums[start + (KNOTS + k) * params.cols] / rows;
    total += knot_weight(k + 1u) * (real * real + imaginary * imaginary);
  }
  statistics[index] = rows * total;
}
