// Random directions, each row of y uniform on the sphere: normal numbers (Box and Muller 1958), drawn from (counter, DIRECTIONS +
// row, column / 4), divided by the length of the row. A workgroup a row.
//
// shape counter: 2
// shape y: rows * cols
// workgroups: rows
// flops: 40 * rows * cols
//#include "lib/grid.wgsl"
//#include "lib/random.wgsl"
//#include "lib/cosine-sine.wgsl"
//#include "lib/reduce.wgsl"

const LANES: u32 = 8u;
// Keeps these draws apart from those of the augmentations and of dropout.
const DIRECTIONS = 0xc0000000u;

struct Params {
  rows: u32,
  cols: u32,
}

@group(0) @binding(0) var<storage, read> counter: array<u32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

// -ln x for x in (0, 1], exact to a few roundings near 1 as well: x = 2^e m, and ln m = 2 artanh((m - 1) / (m + 1)).
fn negative_log(x: f32) -> f32 {
  let bits = bitcast<u32>(x);
  let m = bitcast<f32>((bits & 0x7fffffu) | 0x3f800000u);
  let e = f32(bits >> 23u) - 127.0;
  let large = m > 1.4142135;
  let s = (select(m, 0.5 * m, large) - 1.0) / (select(m, 0.5 * m, large) + 1.0);
  let square = s * s;
  let series = 1.0 + square * (0.33333333 + square * (0.2 + square * (0.14285714 + square * 0.11111111)));
  return -(select(e, e + 1.0, large) * 0.6931472 + 2.0 * s * series);
}

fn four_normals(row: u32, four: u32) -> vec4f {
  let u = random_uniform(vec4u(counter[0], counter[1], DIRECTIONS + row, four));
  // 1 - u is in (0, 1].
  let radius = sqrt(2.0 * vec2f(negative_log(1.0 - u.x), negative_log(1.0 - u.y)));
  let angle = 6.2831855 * (u.zw - 0.5);
  return vec4f(radius.x * cosine_sine(angle.x), radius.y * cosine_sine(angle.y));
}

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
  let fours = (params.cols + 3u) / 4u;
  var squares = 0.0;
  for (var four = local.x; four < fours; four += LANES) {
    let normals = four_normals(row, four);
    for (var i = 0u; i < 4u; i++) {
      squares += select(0.0, normals[i] * normals[i], 4u * four + i < params.cols);
    }
  }
  let scale = inverseSqrt(workgroup_sum(local.x, squares));
  for (var four = local.x; four < fours; four += LANES) {
    let normals = four_normals(row, four);
    for (var i = 0u; i < 4u; i++) {
      if (4u * four + i < params.cols) {
        y[row * params.cols + 4u * four + i] = normals[i] * scale;
      }
    }
  }
}
