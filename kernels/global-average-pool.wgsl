// Average over each map: y[n, channel] = sum_p x[n, p, channel] / pixels. `elements` counts the outputs.
//
// shape x: elements * pixels
// shape y: elements
// workgroups: ceil(elements / LANES)
// flops: elements * pixels
//#include "lib/grid.wgsl"
//#include "lib/stored.wgsl"

const LANES: u32 = 64u;

struct Params {
  elements: u32,
  pixels: u32,
  channels: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Stored>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

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
  let channel = i % params.channels;
  let start = i / params.channels * params.pixels * params.channels + channel;
  var sum = 0.0;
  for (var p = 0u; p < params.pixels; p++) {
    sum += f32(x[start + p * params.channels]);
  }
  y[i] = sum / f32(params.pixels);
}
