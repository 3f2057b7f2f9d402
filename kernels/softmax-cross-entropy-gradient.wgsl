// Gradient of the mean softmax cross-entropy:
// dlogits[row, c] = gradient * (exp(logits[row, c] - lse[row]) - [c = labels[row]]) / rows, and NaN in rows whose label is no class.
//
// shape logits: elements
// shape labels: elements / classes
// shape lse: elements / classes
// shape gradient: 1
// shape dlogits: elements
// workgroups: ceil(elements / LANES)
// flops: 5 * elements
//#include "lib/grid.wgsl"
//#include "lib/poison.wgsl"

const LANES: u32 = 64u;

struct Params {
  elements: u32,
  classes: u32,
}

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<u32>;
@group(0) @binding(2) var<storage, read> lse: array<f32>;
@group(0) @binding(3) var<storage, read> gradient: array<f32>;
@group(0) @binding(4) var<storage, read_write> dlogits: array<f32>;
@group(0) @binding(5) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let i = workgroup_index(group, grid) * LANES + local.x;
  if (i >= params.elements) {
    return;
  }
  let row = i / params.classes;
  let label = labels[row];
  let target_probability = select(0.0, 1.0, i % params.classes == label);
  let rows = f32(params.elements / params.classes);
  let dlogit = gradient[0] * (exp(logits[i] - lse[row]) - target_probability) / rows;
  dlogits[i] = poisoned(dlogit, label >= params.classes);
}
