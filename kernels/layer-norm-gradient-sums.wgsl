// First pass of the gradients of layer norm to gamma and beta: over each run of ROWS rows, sum of dy * normalised x and of dy. The
// GROUPS strands of a workgroup take turns with the rows. `parts` holds [chunk, channel] sums of dy * normalised x, then as many of
// dy; batch-norm-gradient-combine adds them up.
//
// shape x: rows * channels
// shape dy: rows * channels
// shape statistics: 2 * rows
// shape parts: 2 * ceil(rows / ROWS) * channels
// workgroups: ceil(rows / ROWS) * ceil(channels / (LANES * VECTOR))
// flops: 5 * rows * channels
//#include "lib/grid.wgsl"
//#include "lib/channels.wgsl"
//#include "lib/element.wgsl"
//#include "lib/stored.wgsl"

const LANES: u32 = 64u;
const GROUPS: u32 = 1u;
const VECTOR: u32 = 1u;
// Rows a workgroup goes through.
const ROWS: u32 = 64u;
//#include "lib/strands.wgsl"

struct Params {
  rows: u32,
  channels: u32,
}

@group(0) @binding(0) var<storage, read> x: array<StoredElement>;
@group(0) @binding(1) var<storage, read> dy: array<StoredElement>;
@group(0) @binding(2) var<storage, read> statistics: array<f32>;
@group(0) @binding(3) var<storage, read_write> parts: array<Element>;
@group(0) @binding(4) var<uniform> params: Params;

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
  var gamma_sum = Element();
  var beta_sum = Element();
  for (var row = tile.begin + local.y; row < tile.end; row += GROUPS) {
    let i = row * channels + channel;
    let g = Element(dy[i]);
    let normalized = (Element(x[i]) - statistics[row]) * statistics[params.rows + row];
    gamma_sum = fma(g, normalized, gamma_sum);
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
