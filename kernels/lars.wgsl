// LARS update (You, Gitman and Ginsburg 2017), for all parameters of a slab at once, u = factor * (g + decay * p):
// v = momentum * v + u; p -= NESTEROV ? u + momentum * v : v. With CLIP, the factor is without the rate, and p moves by rate times
// that. `scales` holds factor and decay of each tensor, `segments` the index of the tensor of each block of 64 elements;
// `schedule` the rate and, last, 1 for a step to be skipped.
//
// shape gradients: elements
// shape segments: elements / 64
// shape scales: 2 * tensors
// shape schedule: 4
// shape parameters: elements
// shape velocity: elements
// workgroups: ceil(elements / (LANES * ELEMENTS * VECTOR))
// flops: 6 * elements
//#include "lib/grid.wgsl"
//#include "lib/element.wgsl"

const LANES: u32 = 64u;
// The elements of a slab are a multiple of 64.
const VECTOR: u32 = 4u;
// Elements a thread goes through.
const ELEMENTS: u32 = 8u;
const NESTEROV: bool = false;
const CLIP: bool = false;

struct Params {
  elements: u32,
  momentum: f32,
  tensors: u32,
}

@group(0) @binding(0) var<storage, read> gradients: array<Element>;
@group(0) @binding(1) var<storage, read> segments: array<u32>;
@group(0) @binding(2) var<storage, read> scales: array<f32>;
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
    let tensor = segments[i / (64u / VECTOR)];
    let parameter = parameters[i];
    let u = scales[2u * tensor] * (gradients[i] + scales[2u * tensor + 1u] * parameter);
    let v = params.momentum * velocity[i] + u;
    velocity[i] = v;
    let step = select(v, u + params.momentum * v, NESTEROV);
    parameters[i] = parameter - select(step, schedule[0] * step, CLIP);
  }
}
