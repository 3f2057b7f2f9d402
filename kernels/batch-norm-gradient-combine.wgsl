// Second pass of the gradient of batch norm: adds the runs of rows up. A workgroup has LANES channels, and its GROUPS strands of
// threads take turns with the runs.
//
// shape parts: 2 * chunks * channels
// shape dgamma: channels
// shape dbeta: channels
// workgroups: ceil(channels / LANES)
// flops: 2 * chunks * channels
//#include "lib/grid.wgsl"
//#include "lib/element.wgsl"

const LANES: u32 = 64u;
const GROUPS: u32 = 1u;
//#include "lib/strands.wgsl"

struct Params {
  chunks: u32,
  channels: u32,
}

@group(0) @binding(0) var<storage, read> parts: array<f32>;
@group(0) @binding(1) var<storage, read_write> dgamma: array<f32>;
@group(0) @binding(2) var<storage, read_write> dbeta: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(LANES, GROUPS)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let own = workgroup_index(group, grid) * LANES + local.x;
  // Past the last channel, that one again: every thread has to come to the barriers.
  let channel = min(own, params.channels - 1u);
  var gamma_sum = 0.0;
  var beta_sum = 0.0;
  for (var chunk = local.y; chunk < params.chunks; chunk += GROUPS) {
    gamma_sum += parts[chunk * params.channels + channel];
    beta_sum += parts[(params.chunks + chunk) * params.channels + channel];
  }
  let all_gamma = strand_sum(local.x, local.y, gamma_sum);
  let all_beta = strand_sum(local.x, local.y, beta_sum);
  if (local.y == 0u && own < params.channels) {
    dgamma[channel] = all_gamma;
    dbeta[channel] = all_beta;
  }
}
