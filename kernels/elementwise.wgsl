// A chain of up to four functions of one number, element by element: y = f4(f3(f2(f1(x)))), each given by its code (see
// lib/functions.wgsl) and up to two numbers a and b; 0 stands for none.
//
// shape x: elements
// shape y: elements
// workgroups: ceil(elements / (LANES * ELEMENTS))
// flops: 4 * elements
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
@group(0) @binding(1) var<storage, read_write> y: array<Stored>;
@group(0) @binding(2) var<uniform> params: Params;
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
    y[i] = Stored(chain_at(f32(x[i])).value);
  }
}
