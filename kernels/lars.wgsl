// LARS update (You, Gitman and Ginsburg 2017), for all parameters of a slab at once:
// v = momentum * v + trust * rate * (g + weight_decay * p); p -= v. Tensors whose trust is negative are excluded: neither
// decay nor adaptation. `segments` holds the index of the tensor of each block of 64 elements; `schedule` the rate and, last, 1
// for a step to be skipped.
//
// shape gradients: elements
// shape segments: elements / 64
// shape trusts: tensors
// shape schedule: 4
// shape parameters: elements
// shape velocity: elements
// workgroups: ceil(elements / (LANES * ELEMENTS * VECTOR))
// flops: 8 * elements
//#include "lib/grid.wgsl"
//#include "lib/element.wgsl"

const LANES: u32 = 64u;
// The elements of a slab are a multiple of 64.
const VECTOR: u32 = 4u;
// Elements a thread goes through.
const ELEMENTS: u32 = 8u;

struct Params {
  elements: u32,
  momentum: f32,
  weight_decay: f32,
  tensors: u32,
}

@group(0) @binding(0) var<storage, read> gradients: array<Element>;
@group(0) @binding(1) var<storage, read> segments: array<u32>;
@group(0) @binding(2) var<storage, read> trusts: array<f32>;
@group(0) @binding(3) var<storage, read> schedule: array<f32>;
@group(0) @binding(4) var<storage, read_write> parameters: array<Element>;
@group(0) @binding(5) var<storage, read_write> velocity: array<Element>;
@group(0) @binding(6) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  // The loss scale found an overflow: nothing moves.
  if (schedule[3] > 0.0) {
    return;
  }
  let first = workgroup_index(group, grid) * LANES * ELEMENTS;
  let end = min(first + LANES * ELEMENTS, params.elements / VECTOR);
  for (var i = first + local.x; i < end; i += LANES) {
    let trust = trusts[segments[i / (64u / VECTOR)]];
    let excluded = trust < 0.0;
    let parameter = parameters[i];
    let g = gradients[i] + select(params.weight_decay, 0.0, excluded) * parameter;
    let v = params.momentum * velocity[i] + select(trust, 1.0, excluded) * schedule[0] * g;
    velocity[i] = v;
    parameters[i] = parameter - v;
  }
}
