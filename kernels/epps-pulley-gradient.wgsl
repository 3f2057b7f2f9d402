// Gradient of the Epps-Pulley statistics: with C_k and S_k the means of the cosines and sines at knot t_k,
// dy[n, m] = dstatistics[view, m] sum_k 2 w_k t_k (S_k cos(t_k y[n, m]) - (C_k - exp(-t_k^2 / 2)) sin(t_k y[n, m])).
// `sums` [view, (k - 1, 15 + k), m] holds rows C_k and rows S_k for k = 1..16. A thread for ROWS rows of a column.
//
// shape y: views * rows * cols
// shape sums: views * 32 * cols
// shape dstatistics: views * cols
// shape dy: views * rows * cols
// workgroups: ceil(rows / ROWS) * views * ceil(cols / LANES)
// flops: 170 * views * rows * cols
//#include "lib/grid.wgsl"
//#include "lib/cosine-sine.wgsl"
//#include "lib/epps-pulley.wgsl"

const LANES: u32 = 64u;
const ROWS: u32 = 32u;

struct Params {
  views: u32,
  rows: u32,
  cols: u32,
}

@group(0) @binding(0) var<storage, read> y: array<f32>;
@group(0) @binding(1) var<storage, read> sums: array<f32>;
@group(0) @binding(2) var<storage, read> dstatistics: array<f32>;
@group(0) @binding(3) var<storage, read_write> dy: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let blocks = (params.cols + LANES - 1u) / LANES;
  let index = workgroup_index(group, grid);
  let column = index % blocks * LANES + local.x;
  let view = index / blocks % params.views;
  let first = index / blocks / params.views * ROWS;
  if (column >= params.cols || first >= params.rows) {
    return;
  }
  let end = min(first + ROWS, params.rows);
  let start = view * 2u * KNOTS * params.cols + column;
  let gradient = dstatistics[view * params.cols + column];
  // What the cosine and the sine of each knot count.
  var factors: array<vec2f, KNOTS>;
  //#unroll
  for (var k = 0u; k < KNOTS; k++) {
    let means = vec2f(sums[start + k * params.cols], sums[start + (KNOTS + k) * params.cols]) / f32(params.rows);
    let slope = 2.0 * knot_weight(k + 1u) * knot(k + 1u) * gradient;
    factors[k] = slope * vec2f(means.y, normal_at(k + 1u) - means.x);
  }
  for (var row = first; row < end; row++) {
    let at = (view * params.rows + row) * params.cols + column;
    let step = cosine_sine(SPACING * y[at]);
    var angle = step;
    var total = 0.0;
    //#unroll
    for (var k = 0u; k < KNOTS; k++) {
      total += dot(factors[k], angle);
      angle = next_angle(angle, step);
    }
    dy[at] = total;
  }
}
