// First pass of loss scaling (Micikevicius et al. 2018, section 3.2): divides the gradients of a slab by the scale, and counts
// those of each workgroup that are infinite or NaN: counts[first + workgroup]. They are told by their bits, for a WGSL compiler
// may take it that there are none. `counts` has a place for every workgroup over all slabs, `blocks` in number.
//
// shape scale: 1
// shape gradients: elements
// shape counts: blocks
// workgroups: ceil(elements / (4 * LANES * ELEMENTS))
// flops: elements
//#include "lib/grid.wgsl"
//#include "lib/reduce.wgsl"

const LANES: u32 = 64u;
// Vectors of four elements that a thread goes through.
const ELEMENTS: u32 = 8u;
// The exponent of infinities and NaNs.
const NOT_FINITE = 0x7f800000u;

struct Params {
  // A multiple of 4.
  elements: u32,
  first: u32,
  blocks: u32,
}

@group(0) @binding(0) var<storage, read> scale: array<f32>;
@group(0) @binding(1) var<storage, read_write> gradients: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> counts: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let index = workgroup_index(group, grid);
  let begin = index * LANES * ELEMENTS;
  let end = min(begin + LANES * ELEMENTS, params.elements / 4u);
  if (begin >= end) {
    return;
  }
  let inverse = 1.0 / scale[0];
  var found = vec4f();
  for (var i = begin + local.x; i < end; i += LANES) {
    let gradient = gradients[i];
    let exponents = bitcast<vec4u>(gradient) & vec4u(NOT_FINITE);
    found += select(vec4f(), vec4f(1.0), exponents == vec4u(NOT_FINITE));
    gradients[i] = gradient * inverse;
  }
  let total = workgroup_sum(local.x, found.x + found.y + found.z + found.w);
  if (local.x == 0u) {
    counts[params.first + index] = total;
  }
}
