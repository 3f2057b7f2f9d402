// Dimensions in another order: y[i, j, k, l] = x[i s_0 + j s_1 + k s_2 + l s_3], s_d being the step in x from one place of
// dimension d of y to the next, and e_d its extent.
//
// shape x: e_0 * e_1 * e_2 * e_3
// shape y: e_0 * e_1 * e_2 * e_3
// workgroups: ceil(e_0 * e_1 * e_2 * e_3 / (LANES * ELEMENTS))
// flops: 0
//#include "lib/grid.wgsl"
//#include "lib/stored.wgsl"

const LANES: u32 = 64u;
// Elements a thread goes through.
const ELEMENTS: u32 = 8u;

struct Params {
  e_0: u32,
  e_1: u32,
  e_2: u32,
  e_3: u32,
  s_0: u32,
  s_1: u32,
  s_2: u32,
  s_3: u32,
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
  let end = min(first + LANES * ELEMENTS, params.e_0 * params.e_1 * params.e_2 * params.e_3);
  for (var i = first + local.x; i < end; i += LANES) {
    let outer = i / params.e_3;
    let plane = outer / params.e_2;
    let at = plane / params.e_1 * params.s_0 + plane % params.e_1 * params.s_1;
    y[i] = x[at + outer % params.e_2 * params.s_2 + i % params.e_3 * params.s_3];
  }
}
