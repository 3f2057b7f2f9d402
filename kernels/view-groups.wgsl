// A group for each image of a batch: rows i, i + images, i + 2 * images and so on are its views, and their group is first + i.
//
// shape groups: rows
// workgroups: ceil(rows / LANES)
// flops: 0
//#include "lib/grid.wgsl"

const LANES: u32 = 64u;

struct Params {
  rows: u32,
  images: u32,
  first: u32,
}

@group(0) @binding(0) var<storage, read_write> groups: array<u32>;
@group(0) @binding(1) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let row = workgroup_index(group, grid) * LANES + local.x;
  if (row < params.rows) {
    groups[row] = params.first + row % params.images;
  }
}
