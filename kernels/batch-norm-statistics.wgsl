// First pass of the statistics of batch norm: mean and sum of squared differences from it, of each run of ROWS rows and
// each channel. Two passes over the run instead of a sum of squares: no cancellation. `parts` holds [chunk, channel] means,
// then as many sums of squares.
//
// shape x: rows * channels
// shape parts: 2 * ceil(rows / ROWS) * channels
// workgroups: ceil(rows / ROWS) * ceil(channels / LANES)
// flops: 4 * rows * channels
//#include "lib/grid.wgsl"
//#include "lib/channels.wgsl"

const LANES: u32 = 64u;
// Rows a thread goes through.
const ROWS: u32 = 64u;

struct Params {
  rows: u32,
  channels: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> parts: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let tile = channel_tile(workgroup_index(group, grid), local.x, LANES, params.rows, params.channels, ROWS);
  if (tile.begin >= params.rows || tile.channel >= params.channels) {
    return;
  }
  var sum = 0.0;
  for (var row = tile.begin; row < tile.end; row++) {
    sum += x[row * params.channels + tile.channel];
  }
  let mean = sum / f32(tile.end - tile.begin);
  var squares = 0.0;
  for (var row = tile.begin; row < tile.end; row++) {
    let difference = x[row * params.channels + tile.channel] - mean;
    squares = fma(difference, difference, squares);
  }
  let chunks = (params.rows + ROWS - 1u) / ROWS;
  parts[tile.chunk * params.channels + tile.channel] = mean;
  parts[(chunks + tile.chunk) * params.channels + tile.channel] = squares;
}
