// Gradient of weight standardisation: dweight = inverse * (dy - mean(dy) - y * mean(dy * y)), with the means of each output
// channel's column; `y` is the standardised weight and `inverse` 1 / sqrt(variance + EPSILON). Cut up as weight-standardization.
//
// shape y: rows * channels
// shape dy: rows * channels
// shape inverse: channels
// shape dweight: rows * channels
// workgroups: ceil(channels / (LANES * VECTOR))
// flops: 7 * rows * channels
//#include "lib/grid.wgsl"
//#include "lib/element.wgsl"

const LANES: u32 = 4u;
const GROUPS: u32 = 64u;
const VECTOR: u32 = 1u;
//#include "lib/strands.wgsl"

struct Params {
  rows: u32,
  channels: u32,
}

@group(0) @binding(0) var<storage, read> y: array<Element>;
@group(0) @binding(1) var<storage, read> dy: array<Element>;
@group(0) @binding(2) var<storage, read> inverse: array<Element>;
@group(0) @binding(3) var<storage, read_write> dweight: array<Element>;
@group(0) @binding(4) var<uniform> params: Params;

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
  var products = Element();
  for (var row = local.y; row < params.rows; row += GROUPS) {
    let g = dy[row * channels + channel];
    sum += g;
    products = fma(g, y[row * channels + channel], products);
  }
  let mean = strand_sum(local.x, local.y, sum) / rows;
  let slope = strand_sum(local.x, local.y, products) / rows;
  if (own >= channels) {
    return;
  }
  let scale = inverse[channel];
  for (var row = local.y; row < params.rows; row += GROUPS) {
    let i = row * channels + channel;
    dweight[i] = scale * (dy[i] - mean - y[i] * slope);
  }
}
