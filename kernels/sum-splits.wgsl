// Adds up the parts of a sum that was split: y[i] = sum_s parts[s, i]. A workgroup has LANES elements at a time, and its GROUPS
// strands of threads take turns with their parts.
//
// shape parts: splits * elements
// shape y: elements
// workgroups: ceil(elements / (LANES * ELEMENTS))
// flops: splits * elements
//#include "lib/grid.wgsl"
//#include "lib/element.wgsl"

const LANES: u32 = 64u;
const GROUPS: u32 = 1u;
// Elements a thread goes through.
const ELEMENTS: u32 = 8u;
//#include "lib/strands.wgsl"

struct Params {
  elements: u32,
  splits: u32,
}

@group(0) @binding(0) var<storage, read> parts: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(LANES, GROUPS)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let first = workgroup_index(group, grid) * LANES * ELEMENTS;
  let end = min(first + LANES * ELEMENTS, params.elements);
  for (var base = first; base < end; base += LANES) {
    let own = base + local.x;
    // Past the last element, that one again: every thread has to come to the barriers.
    let i = min(own, params.elements - 1u);
    var sum = 0.0;
    for (var s = local.y; s < params.splits; s += GROUPS) {
      sum += parts[s * params.elements + i];
    }
    let total = strand_sum(local.x, local.y, sum);
    if (local.y == 0u && own < params.elements) {
      y[own] = total;
    }
  }
}
