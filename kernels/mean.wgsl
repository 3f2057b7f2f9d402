// Mean of all elements: y = sum_i x[i] / elements. One workgroup.
//
// shape x: elements
// shape y: 1
// workgroups: 1
// flops: elements
//#include "lib/reduce.wgsl"
//#include "lib/stored.wgsl"

const LANES: u32 = 64u;

struct Params {
  elements: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Stored>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(local_invocation_id) local: vec3u) {
  var sum = 0.0;
  for (var i = local.x; i < params.elements; i += LANES) {
    sum += f32(x[i]);
  }
  let total = workgroup_sum(local.x, sum);
  if (local.x == 0u) {
    y[0] = total / f32(params.elements);
  }
}
