// Exponential moving average of parameters, for all of a slab at once: average += rate * (parameters - average), which is
// momentum * average + (1 - momentum) * parameters. The rate comes as 1 - momentum: of a momentum near 1, f32 would keep that
// difference to a few digits only. The average is that of the first `elements` of the parameters' slab.
//
// shape rate: 1
// shape parameters: slab_elements
// shape average: elements
// workgroups: ceil(elements / (LANES * ELEMENTS * VECTOR))
// flops: 3 * elements
//#include "lib/grid.wgsl"
//#include "lib/element.wgsl"

const LANES: u32 = 64u;
// The elements of a slab are a multiple of 64.
const VECTOR: u32 = 4u;
// Elements a thread goes through.
const ELEMENTS: u32 = 8u;

struct Params {
  elements: u32,
  slab_elements: u32,
}

@group(0) @binding(0) var<storage, read> rate: array<f32>;
@group(0) @binding(1) var<storage, read> parameters: array<Element>;
@group(0) @binding(2) var<storage, read_write> average: array<Element>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let first = workgroup_index(group, grid) * LANES * ELEMENTS;
  let end = min(first + LANES * ELEMENTS, params.elements / VECTOR);
  for (var i = first + local.x; i < end; i += LANES) {
    let before = average[i];
    average[i] = before + rate[0] * (parameters[i] - before);
  }
}
