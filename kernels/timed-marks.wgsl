// The marks of rows that have a time (see lib/relations.wgsl): all groups, then all times.
//
// shape groups: rows
// shape times: rows
// shape marks: 2 * rows
// workgroups: ceil(rows / LANES)
// flops: 0
//#include "lib/grid.wgsl"

const LANES: u32 = 64u;

struct Params {
  rows: u32,
}

@group(0) @binding(0) var<storage, read> groups: array<u32>;
@group(0) @binding(1) var<storage, read> times: array<u32>;
@group(0) @binding(2) var<storage, read_write> marks: array<u32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let row = workgroup_index(group, grid) * LANES + local.x;
  if (row < params.rows) {
    marks[row] = groups[row];
    marks[params.rows + row] = times[row];
  }
}
