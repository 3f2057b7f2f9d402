// First pass of the gradient of batch norm: over each run of ROWS rows, sum of g (that of beta) and of g * normalised x
// (that of gamma), where g = dy, or with RELU, dy where the output was above 0. The normalised x and the output are computed
// again: cheaper than reading them. The GROUPS strands of a workgroup take turns with the rows. `parts` holds [chunk, channel] sums of g * normalised x, then as many of g.
//
// shape x: rows * channels
// shape dy: rows * channels
// shape statistics: 2 * channels
// shape gamma: channels
// shape beta: channels
// shape parts: 2 * ceil(rows / ROWS) * channels
// workgroups: ceil(rows / ROWS) * ceil(channels / (LANES * VECTOR))
// flops: 6 * rows * channels
//#include "lib/grid.wgsl"
//#include "lib/channels.wgsl"
//#include "lib/element.wgsl"
//#include "lib/stored.wgsl"

const LANES: u32 = 64u;
const GROUPS: u32 = 1u;
const VECTOR: u32 = 1u;
// Rows a workgroup goes through.
const ROWS: u32 = 64u;
const EPSILON: f32 = 0.00001;
// As in batch-norm.
const GAMMA: bool = true;
const BETA: bool = true;
const RELU: bool = false;
//#include "lib/strands.wgsl"

struct Params {
  rows: u32,
  channels: u32,
}

@group(0) @binding(0) var<storage, read> x: array<StoredElement>;
@group(0) @binding(1) var<storage, read> dy: array<StoredElement>;
@group(0) @binding(2) var<storage, read> statistics: array<Element>;
@group(0) @binding(3) var<storage, read> gamma: array<Element>;
@group(0) @binding(4) var<storage, read> beta: array<Element>;
@group(0) @binding(5) var<storage, read_write> parts: array<Element>;
@group(0) @binding(6) var<uniform> params: Params;

@compute @workgroup_size(LANES, GROUPS)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let channels = params.channels / VECTOR;
  let tile = channel_tile(workgroup_index(group, grid), local.x, LANES, params.rows, channels, ROWS);
  // Past the last channel, that one again: every thread has to come to the barriers.
  let channel = min(tile.channel, channels - 1u);
  let mean = statistics[channel];
  let inverse = inverseSqrt(statistics[channels + channel] + EPSILON);
  let scale = select(inverse, gamma[channel] * inverse, GAMMA);
  let shift = select(Element(), beta[channel], BETA);
  var gamma_sum = Element();
  var beta_sum = Element();
  for (var row = tile.begin + local.y; row < tile.end; row += GROUPS) {
    let i = row * channels + channel;
    let centered = Element(x[i]) - mean;
    // The output by the expression of batch-norm.
    var g = Element(dy[i]);
    if (RELU) {
      g = select(g, Element(), fma(centered, scale, shift) <= Element());
    }
    gamma_sum = fma(g, centered * inverse, gamma_sum);
    beta_sum += g;
  }
  let all_gamma = strand_sum(local.x, local.y, gamma_sum);
  let all_beta = strand_sum(local.x, local.y, beta_sum);
  if (local.y > 0u || tile.begin >= params.rows || tile.channel >= channels) {
    return;
  }
  let chunks = (params.rows + ROWS - 1u) / ROWS;
  parts[tile.chunk * channels + channel] = all_gamma;
  parts[(chunks + tile.chunk) * channels + channel] = all_beta;
}
