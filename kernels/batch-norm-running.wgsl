// The running statistics in the form that batch-norm reads: the means, then the variances.
//
// shape running_mean: channels
// shape running_var: channels
// shape statistics: 2 * channels
// workgroups: ceil(channels / LANES)
// flops: 0
//#include "lib/grid.wgsl"

const LANES: u32 = 64u;

struct Params {
  channels: u32,
}

@group(0) @binding(0) var<storage, read> running_mean: array<f32>;
@group(0) @binding(1) var<storage, read> running_var: array<f32>;
@group(0) @binding(2) var<storage, read_write> statistics: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let channel = workgroup_index(group, grid) * LANES + local.x;
  if (channel < params.channels) {
    statistics[channel] = running_mean[channel];
    statistics[params.channels + channel] = running_var[channel];
  }
}
