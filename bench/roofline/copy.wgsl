// What the adapter's memory gives at most: y = x, a vec4f at a time, PER_THREAD of them a thread. Neighbouring threads copy
// neighbouring elements.
//
// shape x: 4 * vectors
// shape y: 4 * vectors
// workgroups: ceil(vectors / (LANES * PER_THREAD))
// flops: 0
//#include "lib/grid.wgsl"

const LANES: u32 = 64u;
const PER_THREAD: u32 = 1u;

struct Params {
  vectors: u32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let first = workgroup_index(group, grid) * LANES * PER_THREAD + local.x;
  for (var n = 0u; n < PER_THREAD; n++) {
    let i = first + n * LANES;
    if (i < params.vectors) {
      y[i] = x[i];
    }
  }
}
