// A run of columns: y[row, c] = x[row, first + c].
//
// shape x: rows * cols
// shape y: rows * count
// workgroups: ceil(rows * count / (LANES * ELEMENTS))
// flops: 0
//#include "lib/grid.wgsl"
//#include "lib/stored.wgsl"

const LANES: u32 = 64u;
// Elements a thread goes through.
const ELEMENTS: u32 = 8u;

struct Params {
  rows: u32,
  cols: u32,
  first: u32,
  count: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Stored>;
@group(0) @binding(1) var<storage, read_write> y: array<Stored>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let first = workgroup_index(group, grid) * LANES * ELEMENTS;
  let end = min(first + LANES * ELEMENTS, params.rows * params.count);
  for (var i = first + local.x; i < end; i += LANES) {
    y[i] = x[i / params.count * params.cols + params.first + i % params.count];
  }
}
