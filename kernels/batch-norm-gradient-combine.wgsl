// Second pass of the gradient of batch norm: adds the runs of rows up, in their order.
// One thread a channel.
//
// shape parts: 2 * chunks * channels
// shape dgamma: channels
// shape dbeta: channels
// workgroups: ceil(channels / LANES)
// flops: 2 * chunks * channels
//#include "lib/grid.wgsl"

const LANES: u32 = 64u;

struct Params {
  chunks: u32,
  channels: u32,
}

@group(0) @binding(0) var<storage, read> parts: array<f32>;
@group(0) @binding(1) var<storage, read_write> dgamma: array<f32>;
@group(0) @binding(2) var<storage, read_write> dbeta: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let channel = workgroup_index(group, grid) * LANES + local.x;
  if (channel >= params.channels) {
    return;
  }
  var gamma_sum = 0.0;
  var beta_sum = 0.0;
  for (var chunk = 0u; chunk < params.chunks; chunk++) {
    gamma_sum += parts[chunk * params.channels + channel];
    beta_sum += parts[(params.chunks + chunk) * params.channels + channel];
  }
  dgamma[channel] = gamma_sum;
  dbeta[channel] = beta_sum;
}
