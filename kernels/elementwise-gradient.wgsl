// Gradient of a chain of functions of one number (see elementwise): dx = dy f4'(f3(f2(f1(x)))) f3'(f2(f1(x))) f2'(f1(x)) f1'(x).
//
// shape x: elements
// shape dy: elements
// shape dx: elements
// workgroups: ceil(elements / (LANES * ELEMENTS))
// flops: 9 * elements
//#include "lib/grid.wgsl"
//#include "lib/stored.wgsl"

const LANES: u32 = 64u;
// Elements a thread goes through.
const ELEMENTS: u32 = 8u;
const FUNCTION_1: u32 = 0u;
const FUNCTION_2: u32 = 0u;
const FUNCTION_3: u32 = 0u;
const FUNCTION_4: u32 = 0u;

struct Params {
  elements: u32,
  a_1: f32,
  b_1: f32,
  a_2: f32,
  b_2: f32,
  a_3: f32,
  b_3: f32,
  a_4: f32,
  b_4: f32,
}

@group(0) @binding(0) var<storage, read> x: array<Stored>;
@group(0) @binding(1) var<storage, read> dy: array<Stored>;
@group(0) @binding(2) var<storage, read_write> dx: array<Stored>;
@group(0) @binding(3) var<uniform> params: Params;
//#include "lib/functions.wgsl"

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let first = workgroup_index(group, grid) * LANES * ELEMENTS;
  let end = min(first + LANES * ELEMENTS, params.elements);
  for (var i = first + local.x; i < end; i += LANES) {
    dx[i] = Stored(f32(dy[i]) * chain_at(f32(x[i])).slope);
  }
}
