// Mean over what counts: y = sum_i x[i] / max(1, sum_i counted[i]), `counted` holding zeros and ones. One workgroup.
//
// shape x: elements
// shape counted: numbers
// shape y: 1
// workgroups: 1
// flops: elements + numbers
//#include "lib/reduce.wgsl"

const LANES: u32 = 64u;

struct Params {
  elements: u32,
  numbers: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> counted: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(local_invocation_id) local: vec3u) {
  var own_sum = 0.0;
  for (var i = local.x; i < params.elements; i += LANES) {
    own_sum += x[i];
  }
  var own_number = 0.0;
  for (var i = local.x; i < params.numbers; i += LANES) {
    own_number += counted[i];
  }
  let sum = workgroup_sum(local.x, own_sum);
  let number = workgroup_sum(local.x, own_number);
  if (local.x == 0u) {
    y[0] = sum / max(number, 1.0);
  }
}
