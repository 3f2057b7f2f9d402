// Gradient of the mean and the biased variance of each column: dx[r, c] = (dmean[c] + 2 dvariance[c] (x[r, c] - mean[c])) / rows.
// `statistics` holds the means, then the variances, and `dstatistics` their gradients.
//
// shape x: rows * channels
// shape statistics: 2 * channels
// shape dstatistics: 2 * channels
// shape dx: rows * channels
// workgroups: ceil(rows * channels / (LANES * ELEMENTS))
// flops: 4 * rows * channels
//#include "lib/grid.wgsl"
//#include "lib/stored.wgsl"

const LANES: u32 = 64u;
// Elements a thread goes through.
const ELEMENTS: u32 = 8u;

struct Params {
  rows: u32,
  channels: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Stored>;
@group(0) @binding(1) var<storage, read> statistics: array<f32>;
@group(0) @binding(2) var<storage, read> dstatistics: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<Stored>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let first = workgroup_index(group, grid) * LANES * ELEMENTS;
  let end = min(first + LANES * ELEMENTS, params.rows * params.channels);
  for (var i = first + local.x; i < end; i += LANES) {
    let channel = i % params.channels;
    let along = 2.0 * dstatistics[params.channels + channel] * (f32(x[i]) - statistics[channel]);
    dx[i] = Stored((dstatistics[channel] + along) / f32(params.rows));
  }
}
