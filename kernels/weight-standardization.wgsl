// Weight standardisation (Qiao et al. 2019): y = (weight - mean) / sqrt(variance + EPSILON), with the mean and the biased variance
// of each output channel's column. `inverse` receives 1 / sqrt(variance + EPSILON). A workgroup has LANES * VECTOR channels, and
// its GROUPS strands of threads take turns with the rows: once for the mean, once for the squared differences from it, once to
// write.
//
// shape weight: rows * channels
// shape y: rows * channels
// shape inverse: channels
// workgroups: ceil(channels / (LANES * VECTOR))
// flops: 6 * rows * channels
//#include "lib/grid.wgsl"
//#include "lib/element.wgsl"

const LANES: u32 = 4u;
const GROUPS: u32 = 64u;
const VECTOR: u32 = 1u;
const EPSILON: f32 = 0.0000000001;
//#include "lib/strands.wgsl"

struct Params {
  rows: u32,
  channels: u32,
}

@group(0) @binding(0) var<storage, read> weight: array<Element>;
@group(0) @binding(1) var<storage, read_write> y: array<Element>;
@group(0) @binding(2) var<storage, read_write> inverse: array<Element>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(LANES, GROUPS)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let channels = params.channels / VECTOR;
  let own = workgroup_index(group, grid) * LANES + local.x;
  // Past the last channel, that one again: every thread has to come to the barriers.
  let channel = min(own, channels - 1u);
  let rows = f32(params.rows);
  var sum = Element();
  for (var row = local.y; row < params.rows; row += GROUPS) {
    sum += weight[row * channels + channel];
  }
  let mean = strand_sum(local.x, local.y, sum) / rows;
  var squares = Element();
  for (var row = local.y; row < params.rows; row += GROUPS) {
    let difference = weight[row * channels + channel] - mean;
    squares = fma(difference, difference, squares);
  }
  let scale = inverseSqrt(strand_sum(local.x, local.y, squares) / rows + EPSILON);
  if (own >= channels) {
    return;
  }
  for (var row = local.y; row < params.rows; row += GROUPS) {
    y[row * channels + channel] = (weight[row * channels + channel] - mean) * scale;
  }
  if (local.y == 0u) {
    inverse[channel] = scale;
  }
}
