// Picks entries: y[i] = x[indices[i]], and 2^32 - 1, which is out of every range, where there is no such entry.
//
// shape x: rows
// shape indices: elements
// shape y: elements
// workgroups: ceil(elements / LANES)
// flops: 0
//#include "lib/grid.wgsl"

const LANES: u32 = 64u;

struct Params {
  elements: u32,
  rows: u32,
}

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read> indices: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<u32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let i = workgroup_index(group, grid) * LANES + local.x;
  if (i >= params.elements) {
    return;
  }
  let at = indices[i];
  y[i] = select(0xffffffffu, x[at], at < params.rows);
}
