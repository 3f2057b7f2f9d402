// Softmax cross-entropy of each row: lse = log sum_c exp(logits[row, c]), losses = lse - logits[row, labels[row]], and
// whether the label has the largest logit (the first of equal ones counts). One thread a row; `elements` counts rows. The loss of a
// label that is no class is NaN.
//
// shape logits: elements * classes
// shape labels: elements
// shape lse: elements
// shape losses: elements
// shape correct: elements
// workgroups: ceil(elements / LANES)
// flops: 4 * elements * classes
//#include "lib/grid.wgsl"
//#include "lib/poison.wgsl"

const LANES: u32 = 64u;

struct Params {
  elements: u32,
  classes: u32,
}

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<u32>;
@group(0) @binding(2) var<storage, read_write> lse: array<f32>;
@group(0) @binding(3) var<storage, read_write> losses: array<f32>;
@group(0) @binding(4) var<storage, read_write> correct: array<f32>;
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
  let start = i * params.classes;
  var largest = logits[start];
  var best = 0u;
  for (var c = 1u; c < params.classes; c++) {
    let value = logits[start + c];
    if (value > largest) {
      largest = value;
      best = c;
    }
  }
  var sum = 0.0;
  for (var c = 0u; c < params.classes; c++) {
    sum += exp(logits[start + c] - largest);
  }
  let label = labels[i];
  lse[i] = largest + log(sum);
  losses[i] = poisoned(log(sum) + (largest - logits[start + label]), label >= params.classes);
  correct[i] = select(0.0, 1.0, best == label);
}
