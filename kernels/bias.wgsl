// Adds a value a channel: y[row, channel] = x[row, channel] + bias[channel].
//
// shape x: elements
// shape bias: channels
// shape y: elements
// workgroups: ceil(elements / (LANES * ELEMENTS))
// flops: elements
//#include "lib/grid.wgsl"
//#include "lib/stored.wgsl"

const LANES: u32 = 64u;
// Elements a thread goes through.
const ELEMENTS: u32 = 8u;

struct Params {
  elements: u32,
  channels: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Stored>;
@group(0) @binding(1) var<storage, read> bias: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<Stored>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let first = workgroup_index(group, grid) * LANES * ELEMENTS;
  let end = min(first + LANES * ELEMENTS, params.elements);
  for (var i = first + local.x; i < end; i += LANES) {
    y[i] = Stored(f32(x[i]) + bias[i % params.channels]);
  }
}
