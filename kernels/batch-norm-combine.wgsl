// Second pass of the statistics of batch norm: puts the runs of rows together (Chan, Golub and LeVeque 1979) and moves
// the running statistics: running = (1 - momentum) * running + momentum * now, with the unbiased variance.
// `statistics` holds the means, then the biased variances. One thread a channel.
//
// shape parts: 2 * ceil(rows / ROWS) * channels
// shape statistics: 2 * channels
// shape running_mean: channels
// shape running_var: channels
// workgroups: ceil(channels / LANES)
// flops: 8 * ceil(rows / ROWS) * channels
//#include "lib/grid.wgsl"

const LANES: u32 = 64u;
// Rows of a run, as in batch-norm-statistics.
const ROWS: u32 = 64u;
// False where a checkpointed segment is computed again.
const UPDATE_RUNNING: bool = true;

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
  let chunks = (params.rows + ROWS - 1u) / ROWS;
  var count = 0.0;
  var mean = 0.0;
  var squares = 0.0;
  for (var chunk = 0u; chunk < chunks; chunk++) {
    let more = f32(min(params.rows - chunk * ROWS, ROWS));
    let difference = parts[chunk * params.channels + channel] - mean;
    let total = count + more;
    mean += difference * (more / total);
    squares += parts[(chunks + chunk) * params.channels + channel] + difference * difference * (count * more / total);
    count = total;
  }
  statistics[channel] = mean;
  statistics[params.channels + channel] = squares / count;
  if (UPDATE_RUNNING) {
    running_mean[channel] = mix(running_mean[channel], mean, params.momentum);
    running_var[channel] = mix(running_var[channel], squares / max(count - 1.0, 1.0), params.momentum);
  }
}
