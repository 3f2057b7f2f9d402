// First pass of the Epps-Pulley statistic: for each column m of y, in each of `views` runs of `rows` rows n, the sums over n of
// cos(t_k y[n, m]) and of sin(t_k y[n, m]) at the knots k = 1..16, in parts of ROWS rows each: parts[part, view, (k - 1, 15 + k), m].
// One sine and cosine a number: those of the other knots are turned on from it. A thread a part of a column.
//
// shape y: views * rows * cols
// shape parts: ceil(rows / ROWS) * views * 32 * cols
// workgroups: ceil(rows / ROWS) * views * ceil(cols / LANES)
// flops: 140 * views * rows * cols
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
@group(0) @binding(1) var<storage, read_write> parts: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

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
  let part = index / blocks / params.views;
  let first = part * ROWS;
  if (column >= params.cols || first >= params.rows) {
    return;
  }
  let end = min(first + ROWS, params.rows);
  var sums: array<vec2f, KNOTS>;
  for (var row = first; row < end; row++) {
    let step = cosine_sine(SPACING * y[(view * params.rows + row) * params.cols + column]);
    var angle = step;
    //#unroll
    for (var k = 0u; k < KNOTS; k++) {
      sums[k] += angle;
      angle = next_angle(angle, step);
    }
  }
  let start = (part * params.views + view) * 2u * KNOTS * params.cols + column;
  //#unroll
  for (var k = 0u; k < KNOTS; k++) {
    parts[start + k * params.cols] = sums[k].x;
    parts[start + (KNOTS + k) * params.cols] = sums[k].y;
  }
}
