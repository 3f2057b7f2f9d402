// AdamW (Loshchilov and Hutter 2019), for all parameters of a slab at once:
// p *= 1 - rate * weight_decay * decays; m = beta1 * m + (1 - beta1) * g; v = beta2 * v + (1 - beta2) * g^2;
// p -= rate * (m / correction1) / (sqrt(v / correction2) + epsilon).
// The betas come as 1 - beta: of a beta near 1, f32 would keep that difference to five digits only.
// `decays` holds 1 or 0 for each block of 64 elements; `schedule` holds the rate, the corrections 1 - beta^step and 1 for a step
// to be skipped.
//
// shape gradients: elements
// shape decays: elements / 64
// shape schedule: 4
// shape parameters: elements
// shape first_moment: elements
// shape second_moment: elements
// workgroups: ceil(elements / (LANES * ELEMENTS * VECTOR))
// flops: 16 * elements
//#include "lib/grid.wgsl"
//#include "lib/element.wgsl"

const LANES: u32 = 64u;
// The elements of a slab are a multiple of 64.
const VECTOR: u32 = 4u;
// Elements a thread goes through.
const ELEMENTS: u32 = 8u;

struct Params {
  elements: u32,
  one_minus_beta1: f32,
  one_minus_beta2: f32,
  epsilon: f32,
  weight_decay: f32,
}

@group(0) @binding(0) var<storage, read> gradients: array<Element>;
@group(0) @binding(1) var<storage, read> decays: array<f32>;
@group(0) @binding(2) var<storage, read> schedule: array<f32>;
@group(0) @binding(3) var<storage, read_write> parameters: array<Element>;
@group(0) @binding(4) var<storage, read_write> first_moment: array<Element>;
@group(0) @binding(5) var<storage, read_write> second_moment: array<Element>;
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
  let rate = schedule[0];
  let scale1 = 1.0 / schedule[1];
  let scale2 = 1.0 / schedule[2];
  let first = workgroup_index(group, grid) * LANES * ELEMENTS;
  let end = min(first + LANES * ELEMENTS, params.elements / VECTOR);
  for (var i = first + local.x; i < end; i += LANES) {
    let g = gradients[i];
    let m = mix(first_moment[i], g, params.one_minus_beta1);
    let v = mix(second_moment[i], g * g, params.one_minus_beta2);
    first_moment[i] = m;
    second_moment[i] = v;
    let decayed = parameters[i] * (1.0 - rate * params.weight_decay * decays[i / (64u / VECTOR)]);
    parameters[i] = decayed - rate * (m * scale1) / (sqrt(v * scale2) + params.epsilon);
  }
}
