// A copy: y = x, word by word, whatever the elements are.
//
// x is bound to be written as well, for it may lie in the buffer of y: WebGPU allows no buffer that one binding only reads and
// another writes.
//
// shape x: words
// shape y: words
// workgroups: ceil(words / (LANES * ELEMENTS))
// flops: 0
//#include "lib/grid.wgsl"

const LANES: u32 = 64u;
// Words a thread goes through.
const ELEMENTS: u32 = 8u;

struct Params {
  words: u32,
}

@group(0) @binding(0) var<storage, read_write> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> y: array<u32>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let first = workgroup_index(group, grid) * LANES * ELEMENTS;
  let end = min(first + LANES * ELEMENTS, params.words);
  for (var i = first + local.x; i < end; i += LANES) {
    y[i] = x[i];
  }
}
