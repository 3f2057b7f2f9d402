// First pass of the sums of columns: of each run of ROWS rows. sum-splits adds the runs up.
//
// shape x: rows * channels
// shape parts: ceil(rows / ROWS) * channels
// workgroups: ceil(rows / ROWS) * ceil(channels / LANES)
// flops: rows * channels
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
  parts[tile.chunk * params.channels + tile.channel] = sum;
}
