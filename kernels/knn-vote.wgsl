// Weighted vote of the k nearest neighbours (Wu et al. 2018, section 3.4): the class with the largest
// sum of exp(similarity / temperature) over its neighbours, the first of equal ones. One thread a query.
//
// shape neighbours: queries * k
// shape similarities: queries * k
// shape labels: candidates
// shape predictions: queries
// workgroups: ceil(queries / LANES)
// flops: 2 * queries * k * classes
//#include "lib/grid.wgsl"

const LANES: u32 = 8u;

struct Params {
  queries: u32,
  candidates: u32,
  k: u32,
  classes: u32,
  inverse_temperature: f32,
}

@group(0) @binding(0) var<storage, read> neighbours: array<u32>;
@group(0) @binding(1) var<storage, read> similarities: array<f32>;
@group(0) @binding(2) var<storage, read> labels: array<u32>;
@group(0) @binding(3) var<storage, read_write> predictions: array<u32>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let query = workgroup_index(group, grid) * LANES + local.x;
  if (query >= params.queries) {
    return;
  }
  // Votes are taken relative to those of the nearest neighbour: none overflows, and not all of them underflow.
  var nearest = similarities[query * params.k];
  for (var i = query * params.k + 1u; i < (query + 1u) * params.k; i++) {
    nearest = max(nearest, similarities[i]);
  }
  var best = 0u;
  var largest = -1.0;
  for (var class_index = 0u; class_index < params.classes; class_index++) {
    var votes = 0.0;
    for (var i = query * params.k; i < (query + 1u) * params.k; i++) {
      let weight = exp((similarities[i] - nearest) * params.inverse_temperature);
      votes += select(0.0, weight, labels[neighbours[i]] == class_index);
    }
    if (votes > largest) {
      largest = votes;
      best = class_index;
    }
  }
  predictions[query] = best;
}
