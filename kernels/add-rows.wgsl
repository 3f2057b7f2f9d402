// Adds to a run of rows, in place: y[first + r, c] += part[r, c], or without `continues`, puts them there.
//
// shape part: count * cols
// shape y: rows * cols
// workgroups: ceil(count * cols / LANES)
// flops: count * cols
//#include "lib/grid.wgsl"

const LANES: u32 = 64u;

struct Params {
  rows: u32,
  cols: u32,
  first: u32,
  count: u32,
  continues: u32,
}

@group(0) @binding(0) var<storage, read> part: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let i = workgroup_index(group, grid) * LANES + local.x;
  if (i < params.count * params.cols) {
    let at = params.first * params.cols + i;
    var total = part[i];
    if (params.continues == 1u) {
      total += y[at];
    }
    y[at] = total;
  }
}
