// A running sum in place: y = weight x where `continues` is 0, and y + weight x where it is not, so that one recording serves
// the first term and all that follow.
//
// shape x: elements
// shape continues: 1
// shape y: elements
// workgroups: ceil(elements / (LANES * ELEMENTS))
// flops: 2 * elements
//#include "lib/grid.wgsl"

const LANES: u32 = 64u;
// Elements a thread goes through.
const ELEMENTS: u32 = 8u;

struct Params {
  elements: u32,
  weight: f32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> continues: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let first = workgroup_index(group, grid) * LANES * ELEMENTS;
  let end = min(first + LANES * ELEMENTS, params.elements);
  let adds = continues[0] != 0u;
  for (var i = first + local.x; i < end; i += LANES) {
    y[i] = params.weight * x[i] + select(0.0, y[i], adds);
  }
}
