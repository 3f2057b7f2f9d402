// Centres and scales every column: y[row, c] = (x[row, c] - mean[c]) / sqrt(variance[c] + EPSILON).
// `statistics` holds the means, then the variances.
//
// shape x: elements
// shape statistics: 2 * channels
// shape y: elements
// workgroups: ceil(elements / LANES)
// flops: 4 * elements
//#include "lib/grid.wgsl"

const LANES: u32 = 64u;
const EPSILON: f32 = 0.00001;

struct Params {
  elements: u32,
  channels: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> statistics: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

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
  y[i] = (x[i] - statistics[channel]) * inverseSqrt(statistics[params.channels + channel] + EPSILON);
}
