// Second pass of the statistics of batch norm: puts the runs of rows together (Chan, Golub and LeVeque 1979) and moves
// the running statistics: running = (1 - momentum) * running + momentum * now, with the unbiased variance.
// `statistics` holds the means, then the biased variances. A workgroup has LANES channels, and its GROUPS strands of threads take
// turns with the runs: once for the mean, once for the squared differences from it.
//
// shape parts: 2 * ceil(rows / ROWS) * channels
// shape statistics: 2 * channels
// shape running_mean: channels
// shape running_var: channels
// workgroups: ceil(channels / LANES)
// flops: 7 * ceil(rows / ROWS) * channels
//#include "lib/grid.wgsl"
//#include "lib/element.wgsl"

const LANES: u32 = 64u;
const GROUPS: u32 = 1u;
// Rows of a run, as in batch-norm-statistics.
const ROWS: u32 = 64u;
// False where a checkpointed segment is computed again.
const UPDATE_RUNNING: bool = true;
//#include "lib/strands.wgsl"

struct Params {
  rows: u32,
  channels: u32,
  momentum: f32,
}

@group(0) @binding(0) var<storage, read> parts: array<f32>;
@group(0) @binding(1) var<storage, read_write> statistics: array<f32>;
@group(0) @binding(2) var<storage, read_write> running_mean: array<f32>;
@group(0) @binding(3) var<storage, read_write> running_var: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(LANES, GROUPS)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let own = workgroup_index(group, grid) * LANES + local.x;
  // Past the last channel, that one again: every thread has to come to the barriers.
  let channel = min(own, params.channels - 1u);
  let chunks = (params.rows + ROWS - 1u) / ROWS;
  let rows = f32(params.rows);
  var sum = 0.0;
  for (var chunk = local.y; chunk < chunks; chunk += GROUPS) {
    let count = f32(min(params.rows - chunk * ROWS, ROWS));
    sum = fma(count, parts[chunk * params.channels + channel], sum);
  }
  let mean = strand_sum(local.x, local.y, sum) / rows;
  sum = 0.0;
  for (var chunk = local.y; chunk < chunks; chunk += GROUPS) {
    let count = f32(min(params.rows - chunk * ROWS, ROWS));
    let difference = parts[chunk * params.channels + channel] - mean;
    sum += fma(count * difference, difference, parts[(chunks + chunk) * params.channels + channel]);
  }
  let squares = strand_sum(local.x, local.y, sum);
  if (local.y > 0u || own >= params.channels) {
    return;
  }
  statistics[channel] = mean;
  statistics[params.channels + channel] = squares / rows;
  if (UPDATE_RUNNING) {
    running_mean[channel] = mix(running_mean[channel], mean, params.momentum);
    running_var[channel] = mix(running_var[channel], squares / max(rows - 1.0, 1.0), params.momentum);
  }
}
