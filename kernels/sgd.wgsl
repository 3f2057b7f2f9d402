// Stochastic gradient descent with momentum, for all parameters of a slab at once:
// g = gradients + weight_decay * parameters * decays; v = momentum * v + g; parameters -= rate * (NESTEROV ? g + momentum * v : v).
// `decays` holds 1 or 0 for each block of 64 elements; `schedule` holds the learning rate and, last, 1 for a step to be skipped.
//
// shape gradients: elements
// shape decays: elements / 64
// shape schedule: 4
// shape parameters: elements
// shape velocity: elements
// workgroups: ceil(elements / (LANES * ELEMENTS * VECTOR))
// flops: 7 * elements
//#include "lib/grid.wgsl"
//#include "lib/element.wgsl"

const LANES: u32 = 64u;
// The elements of a slab are a multiple of 64.
const VECTOR: u32 = 4u;
// Elements a thread goes through.
const ELEMENTS: u32 = 8u;
const NESTEROV: bool = true;

struct Params {
  elements: u32,
  momentum: f32,
  weight_decay: f32,
}

@group(0) @binding(0) var<storage, read> gradients: array<Element>;
@group(0) @binding(1) var<storage, read> decays: array<f32>;
@group(0) @binding(2) var<storage, read> schedule: array<f32>;
@group(0) @binding(3) var<storage, read_write> parameters: array<Element>;
@group(0) @binding(4) var<storage, read_write> velocity: array<Element>;
@group(0) @binding(5) var<uniform> params: Params;

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
    let parameter = parameters[i];
    let g = gradients[i] + params.weight_decay * decays[i / (64u / VECTOR)] * parameter;
    let v = params.momentum * velocity[i] + g;
    velocity[i] = v;
    parameters[i] = parameter - schedule[0] * select(v, g + params.momentum * v, NESTEROV);
  }
}
